// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffertest

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Secret gives a new server a secret.
func Secret(name, value string) Option { return func(s *Server) { s.SetSecret(name, value) } }

// Binary gives a new server a secret whose value is bytes.
func Binary(name string, value []byte) Option {
	return func(s *Server) {
		s.set(&secretsmanager.CreateSecretInput{Name: &name, SecretBinary: secret.NewBlob(append([]byte{}, value...))})
	}
}

// Parameter gives a new server a parameter of the type String.
func Parameter(name, value string) Option {
	return func(s *Server) { s.SetParameter(name, value) }
}

// SecureParameter gives a new server a parameter of the type SecureString.
func SecureParameter(name, value string) Option {
	return func(s *Server) { s.parameter(name, value, ssm.ParameterTypeSecureString) }
}

// SetSecret gives a secret a new version, which becomes AWSCURRENT, as after a rotation;
// it makes the secret if there is none. It returns the version's id.
func (s *Server) SetSecret(name, value string) (versionID string) {
	s.tb.Helper()
	out, err := awsjson.Do(s.tb.Context(), s.own, secretsmanager.PutSecretValue, &secretsmanager.PutSecretValueInput{
		SecretId: &name, SecretString: secret.NewText(value), ClientRequestToken: new(gate.NewID()),
	})
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == secretsmanager.ResourceNotFoundException.Code {
		return s.set(&secretsmanager.CreateSecretInput{Name: &name, SecretString: secret.NewText(value)})
	}
	if err != nil {
		s.tb.Fatalf("coffertest: a version of secret %s: %v", name, err)
	}
	return *out.VersionId
}

func (s *Server) set(in *secretsmanager.CreateSecretInput) (versionID string) {
	s.tb.Helper()
	in.ClientRequestToken = new(gate.NewID())
	out, err := awsjson.Do(s.tb.Context(), s.own, secretsmanager.CreateSecret, in)
	if err != nil {
		s.tb.Fatalf("coffertest: secret %s: %v", *in.Name, err)
	}
	return *out.VersionId
}

// SetParameter gives a parameter a new version, and keeps its type; it makes a parameter
// of the type String if there is none.
func (s *Server) SetParameter(name, value string) {
	s.tb.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: secret.NewText(value), Overwrite: new(true)}
	_, err := awsjson.Do(s.tb.Context(), s.own, ssm.PutParameter, in)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.ValidationException.Code {
		s.parameter(name, value, ssm.ParameterTypeString) // a new one needs a type
		return
	}
	if err != nil {
		s.tb.Fatalf("coffertest: parameter %s: %v", name, err)
	}
}

func (s *Server) parameter(name, value, kind string) {
	s.tb.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: secret.NewText(value), Type: &kind}
	if _, err := awsjson.Do(s.tb.Context(), s.own, ssm.PutParameter, in); err != nil {
		s.tb.Fatalf("coffertest: parameter %s: %v", name, err)
	}
}

// Allow is a policy document that allows the actions, such as
// secretsmanager:GetSecretValue, on everything.
func Allow(actions ...string) string {
	document, err := json.Marshal(map[string]any{
		"Version": "2012-10-17", "Statement": map[string]any{"Effect": "Allow", "Action": actions, "Resource": "*"},
	})
	if err != nil {
		panic(err) // unreachable: strings can be marshalled
	}
	return string(document)
}

// As returns the server as a user sees it: with credentials of the user, who may do what
// the policies, which are JSON documents, say. The user is made, or gets these policies
// and a new access key; two at most, as in AWS.
func (s *Server) As(user string, policies ...string) *Server {
	s.tb.Helper()
	p := identity.Principal{Account: Account, Kind: identity.User, Name: user, Policies: map[string]string{}}
	for i, document := range policies {
		p.Policies[fmt.Sprintf("policy-%d", i+1)] = document
	}
	var key *identity.GrantedKey
	if _, err := s.server.Store.Update(s.tb.Context(), func(tx kv.Tx) error {
		if _, err := s.server.Directory.PutPrincipal(tx, p, s.now()); err != nil {
			return err
		}
		var err error
		key, err = s.server.Directory.CreateKey(tx, identity.NewKey{Account: Account, Kind: identity.User, Name: user}, s.now())
		return err
	}); err != nil {
		s.tb.Fatalf("coffertest: user %s: %v", user, err)
	}
	other := &Server{URL: s.URL, core: s.core, tb: s.tb}
	other.use(key.ID, key.Secret)
	return other
}
