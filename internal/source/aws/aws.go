// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package aws is the source of secrets and parameters that speaks AWS's protocol: AWS
// itself, or a Coffer server. A role that may call GetSecretValue and GetParameter can use
// it. For many things at once it tries BatchGetSecretValue and GetParameters, which need
// permissions of their own; for a ref that names a role, AssumeRole. What is encrypted in
// an id itself, a Decrypter has KMS decrypt.
package aws

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source"
)

// Assumer is a Caller that can call as an IAM role, which it assumes. *client.Client is one.
type Assumer interface {
	// As returns the caller of the role with that ARN.
	As(role string) awsjson.Caller
}

var _ Assumer = (*client.Client)(nil)

// errRoles is the refusal of a role without an Assumer.
var errRoles = errors.New("no role can be assumed here")

// current is the label of the version that is asked for if none is named.
const current = "AWSCURRENT"

// maxRefused bounds what is remembered of refused batches. A role is a group of its own.
const maxRefused = 64

// Source fetches values through a Caller. It is safe for concurrent use if that is.
type Source struct {
	caller awsjson.Caller

	mu      sync.Mutex
	refused map[group]bool // of which a batch was refused
}

var (
	_ source.Source = (*Source)(nil)
	_ cache.Batcher = (*Source)(nil)
)

// New returns a Source that calls through c.
func New(c awsjson.Caller) *Source { return &Source{caller: c} }

// Forget drops what the Caller holds, if that can be told to.
func (s *Source) Forget() { forget(s.caller) }

func forget(caller awsjson.Caller) {
	if c, ok := caller.(interface{ Forget() }); ok {
		c.Forget()
	}
}

// Fetch implements cache.Source.
func (s *Source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	caller, err := as(s.caller, ref.Role)
	if err != nil {
		return cache.Value{}, err
	}
	fetch := getSecret
	if ref.Kind == cache.Parameter {
		fetch = getParameter
	}
	v, err := fetch(ctx, caller, ref)
	return v, soft(err)
}

// soft marks an error that a value held before may stand in for.
func soft(err error) error {
	if err != nil && client.Unavailable(err) {
		return &cache.Unavailable{Err: err}
	}
	return err
}

// as returns who calls for a role, or for nobody in particular.
func as(caller awsjson.Caller, role string) (awsjson.Caller, error) {
	if role == "" {
		return caller, nil
	}
	if a, ok := caller.(Assumer); ok {
		return a.As(role), nil
	}
	return nil, errRoles
}

func getSecret(ctx context.Context, caller awsjson.Caller, ref cache.Ref) (cache.Value, error) {
	out, err := awsjson.Do(ctx, caller, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{
		SecretId: new(ref.ID), VersionId: optional(ref.VersionID), VersionStage: optional(ref.Stage),
	})
	if err != nil {
		return cache.Value{}, err
	}
	return secretValue(out)
}

func secretValue(out *secretsmanager.GetSecretValueOutput) (cache.Value, error) {
	if out.SecretString.IsZero() && out.SecretBinary.IsZero() {
		return cache.Value{}, errors.New("secretsmanager:GetSecretValue: the answer has no value")
	}
	return cache.Value{
		ARN: text(out.ARN), Name: text(out.Name), VersionID: text(out.VersionId), Stages: out.VersionStages,
		Text: out.SecretString.Value, Binary: out.SecretBinary.Value, Created: moment(out.CreatedDate),
	}, nil
}

func getParameter(ctx context.Context, caller awsjson.Caller, ref cache.Ref) (cache.Value, error) {
	out, err := awsjson.Do(ctx, caller, ssm.GetParameter, &ssm.GetParameterInput{
		Name: new(withSelector(ref)), WithDecryption: new(ref.Decrypt),
	})
	if err != nil {
		return cache.Value{}, err
	}
	return parameterValue(out.Parameter)
}

func parameterValue(p *ssm.Parameter) (cache.Value, error) {
	if p == nil || p.Value.IsZero() {
		return cache.Value{}, errors.New("ssm:GetParameter: the answer has no value")
	}
	v := cache.Value{
		ARN: text(p.ARN), Name: text(p.Name), Text: p.Value.Value, Created: moment(p.LastModifiedDate),
		Parameter: &cache.ParameterInfo{Type: p.Type, DataType: p.DataType, Selector: p.Selector},
	}
	if p.Version != nil {
		v.Parameter.Version = *p.Version
		v.VersionID = strconv.FormatInt(*p.Version, 10)
	}
	if p.SourceResult != nil {
		v.Parameter.SourceResult = secret.FromString(*p.SourceResult)
	}
	return v, nil
}

// withSelector returns the name as GetParameter takes it: with the version or the label
// after a colon.
func withSelector(ref cache.Ref) string {
	switch {
	case ref.VersionID != "":
		return ref.ID + ":" + ref.VersionID
	case ref.Stage != "":
		return ref.ID + ":" + ref.Stage
	}
	return ref.ID
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func moment(t *api.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
