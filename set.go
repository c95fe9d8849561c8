// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// SetOption says more of a secret or parameter that is set.
type SetOption func(*setting)

type setting struct {
	description, key *string
	binary           bool
	kind             string
	tier             *string
	stages           []string
}

// Description describes what is made. A secret that is there keeps the one that it has.
func Description(text string) SetOption { return func(s *setting) { s.description = &text } }

// KMSKey encrypts what is made with this key and not with the service's own. A secret that
// is there keeps the one that it has.
func KMSKey(id string) SetOption { return func(s *setting) { s.key = &id } }

// Binary makes a secret's value bytes and not a string.
func Binary() SetOption { return func(s *setting) { s.binary = true } }

// Stages puts these staging labels on a secret's new version, in place of AWSCURRENT.
func Stages(labels ...string) SetOption { return func(s *setting) { s.stages = labels } }

// Type makes a parameter a String, StringList or SecureString. Without it, a parameter
// keeps the type that it has, and a new one is a SecureString.
func Type(name string) SetOption { return func(s *setting) { s.kind = name } }

// Tier makes a parameter's tier Standard, Advanced or Intelligent-Tiering.
func Tier(name string) SetOption { return func(s *setting) { s.tier = &name } }

func newSetting(options []SetOption) *setting {
	s := new(setting)
	for _, o := range options {
		o(s)
	}
	return s
}

// SetSecret is like the function SetSecret.
func (c *Client) SetSecret(ctx context.Context, id, value string, options ...SetOption) (versionID string, err error) {
	own, err := c.source()
	if err != nil {
		return "", err
	}
	s, token := newSetting(options), newToken()
	in := &secretsmanager.PutSecretValueInput{SecretId: &id, ClientRequestToken: &token, VersionStages: s.stages}
	in.SecretString, in.SecretBinary = s.value(value)
	defer in.SecretString.Wipe()
	defer in.SecretBinary.Wipe()
	versionID, err = put(ctx, own, in)
	if isCode(err, secretsmanager.ResourceNotFoundException) {
		versionID, err = create(ctx, own, &secretsmanager.CreateSecretInput{
			Name: &id, ClientRequestToken: &token, SecretString: in.SecretString, SecretBinary: in.SecretBinary,
			Description: s.description, KmsKeyId: s.key,
		})
	}
	if isCode(err, secretsmanager.ResourceExistsException) { // since a moment ago
		versionID, err = put(ctx, own, in)
	}
	c.forget(ctx, own, cache.Ref{Kind: cache.Secret, ID: id})
	return versionID, notSet(id, err)
}

func put(ctx context.Context, own *direct, in *secretsmanager.PutSecretValueInput) (versionID string, err error) {
	out, err := awsjson.Do(ctx, own.client, secretsmanager.PutSecretValue, in)
	if err != nil {
		return "", err
	}
	return text(out.VersionId), nil
}

func create(ctx context.Context, own *direct, in *secretsmanager.CreateSecretInput) (versionID string, err error) {
	out, err := awsjson.Do(ctx, own.client, secretsmanager.CreateSecret, in)
	if err != nil {
		return "", err
	}
	return text(out.VersionId), nil
}

// forget sees to it that what was set is what is read.
func (c *Client) forget(ctx context.Context, own *direct, ref cache.Ref) {
	own.Forget(ctx, ref)
	if c.store != own {
		c.store.Forget(ctx, ref)
	}
}

func (s *setting) value(value string) (secret.Text, secret.Blob) {
	if s.binary {
		return secret.Text{}, secret.NewBlob([]byte(value))
	}
	return secret.NewText(value), secret.Blob{}
}

// SetParameter is like the function SetParameter.
func (c *Client) SetParameter(ctx context.Context, name, value string, options ...SetOption) (version string, err error) {
	own, err := c.source()
	if err != nil {
		return "", err
	}
	s := newSetting(options)
	in := &ssm.PutParameterInput{
		Name: &name, Value: secret.NewText(value), Overwrite: new(true), Description: s.description, KeyId: s.key, Tier: s.tier,
	}
	defer in.Value.Wipe()
	if s.kind != "" {
		in.Type = &s.kind
	}
	out, err := awsjson.Do(ctx, own.client, ssm.PutParameter, in)
	if in.Type == nil && isCode(err, api.ValidationException) { // a new one needs a type
		in.Type = new(ssm.ParameterTypeSecureString)
		out, err = awsjson.Do(ctx, own.client, ssm.PutParameter, in)
	}
	c.forget(ctx, own, cache.Ref{Kind: cache.Parameter, ID: name, Decrypt: true})
	if err != nil {
		return "", notSet(name, err)
	}
	if out.Version != nil {
		version = strconv.FormatInt(*out.Version, 10)
	}
	return version, nil
}

// notSet is wrap for what could not be set.
func notSet(id string, err error) error {
	if err = wrap(id, err); err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.doing = "setting"
	}
	return err
}

func isCode(err error, code api.ErrorCode) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == code.Code
}

// newToken returns the id of a version that is to be made, as a UUID of random bits, so
// that a call that is tried again makes one version.
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
