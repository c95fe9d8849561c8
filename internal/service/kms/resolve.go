// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"errors"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// find returns the key that an identifier means: a key id, a key ARN, an alias name
// or an alias ARN.
func (s *Service) find(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	name, err := localName(call, id)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, aliasPrefix) {
		a, err := s.alias(r, call, name)
		if err != nil {
			return nil, err
		}
		name = a.KeyID
	}
	return s.byID(r, call, name)
}

// KeyARN returns the ARN of the key that an identifier means, for the condition keys of
// other services. An ARN of another account's key is taken as it stands.
func (s *Service) KeyARN(r kv.Reader, call *gate.Call, id string) (string, error) {
	k, err := s.find(r, call, id)
	switch {
	case err == nil:
		return k.ARN(call), nil
	case arn.IsARN(id) && !strings.Contains(id, ":"+aliasPrefix):
		return id, nil
	}
	return "", err
}

// findKey is find for the operations that don't take an alias: a name that is no key
// id is none whatever it is.
func (s *Service) findKey(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	name, err := localName(call, id)
	if err != nil {
		return nil, err
	}
	return s.byID(r, call, name)
}

// byID returns the key with that id.
func (s *Service) byID(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	if _, _, ok := parseKeyID(id); !ok {
		return nil, kms.NotFoundException.Newf("Invalid keyId '%s'", id)
	}
	k, err := s.keys.Get(r, call.Account, call.Region, id)
	if err == nil && k == nil {
		err = kms.NotFoundException.Newf("Key '%s' does not exist", keyARN(call, id))
	}
	return k, err
}

// alias returns the alias with that name.
func (s *Service) alias(r kv.Reader, call *gate.Call, name string) (a *Alias, err error) {
	if len(name) <= maxAliasName {
		a, err = s.aliases.Get(r, call.Account, call.Region, name)
	}
	if err == nil && a == nil {
		err = kms.NotFoundException.Newf("Alias %s is not found.", call.ARN("kms", name))
	}
	return a, err
}

// localName takes an ARN of the call's account and region apart.
func localName(call *gate.Call, id string) (string, error) {
	if !arn.IsARN(id) {
		return id, nil
	}
	a, err := arn.Parse(id)
	switch {
	case err != nil || a.Service != "kms" || a.Partition != call.Partition():
		return "", kms.InvalidArnException.Newf("Invalid arn %s", id)
	case a.Region != call.Region:
		return "", kms.NotFoundException.Newf("Invalid arn %s", a.Region)
	case a.Account != call.Account:
		return "", otherAccount(call, id)
	}
	if key, ok := strings.CutPrefix(a.Resource, "key/"); ok {
		return key, nil
	}
	if strings.HasPrefix(a.Resource, aliasPrefix) {
		return a.Resource, nil
	}
	return "", kms.InvalidArnException.Newf("Invalid arn %s", id)
}

// otherAccount refuses a key of another account, there or not: only its key policy
// could let the caller in, and the default one does not.
func otherAccount(call *gate.Call, id string) error {
	return api.AccessDeniedException.Newf("User: %s is not authorized to perform: %s on resource: %s because the resource does not exist in this Region, "+
		"no resource-based policies allow access, or a resource-based policy explicitly denies access", call.Principal.ARN, call.Action(), id)
}

// on makes a row's Targets of the member that names the key.
func on[In any](s *Service, member func(*In) *string) func(context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		k, err := s.find(r, call, *member(in))
		t, err := targetOf(call, *member(in), k, err)
		return s.known(r, call, t, conditions{key: k, asked: *member(in)}), err
	})
}

// targetOf is what find found, for a decision. What it did not find is a target too,
// by the name that it was asked by, and the handler gives find's answer to those who
// may know it. A denial names what was asked for, so that it does not tell which.
func targetOf(call *gate.Call, id string, k *Key, err error) (gate.Target, error) {
	if err == nil {
		t := k.target(call)
		t.Asked = missingARN(call, id)
		return t, nil
	}
	if _, answer := errors.AsType[*api.Error](err); !answer || api.AccessDeniedException.Is(err) {
		return gate.Target{}, err
	}
	name := missingARN(call, id)
	t := gate.Target{ARN: name, Asked: name}
	if strings.HasPrefix(id, aliasPrefix) || strings.Contains(id, ":"+aliasPrefix) {
		// The key behind an alias is what policies match. Whoever may use any key may
		// know that there is none.
		t.ARN = keyARN(call, "*")
	}
	return t, nil
}

// missingARN is the ARN of a key that need not exist, for policies to match.
func missingARN(call *gate.Call, id string) string {
	switch {
	case arn.IsARN(id):
		return id
	case strings.HasPrefix(id, aliasPrefix):
		return call.ARN("kms", id)
	}
	return keyARN(call, id)
}
