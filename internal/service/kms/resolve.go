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
// The ARNs may be another account's.
func (s *Service) find(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	there, name, err := place(call, id)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, aliasPrefix) {
		a, err := s.alias(r, there, name)
		if err != nil {
			return nil, err
		}
		name = a.KeyID
	}
	return s.byID(r, there, name)
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

// findByID is find for the operations that don't take an alias: a name that is no key
// id is none whatever it is.
func (s *Service) findByID(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	there, name, err := place(call, id)
	if err != nil {
		return nil, err
	}
	return s.byID(r, there, name)
}

// findKey is findByID for the operations that don't take another account's key either.
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

// place takes an identifier apart: the call in the account that it names, and the name
// there of a key or an alias.
func place(call *gate.Call, id string) (*gate.Call, string, error) {
	if !arn.IsARN(id) {
		return call, id, nil
	}
	a, err := arn.Parse(id)
	switch {
	case err != nil || a.Service != "kms" || a.Partition != call.Partition() || !arn.IsAccount(a.Account):
		return nil, "", kms.InvalidArnException.Newf("Invalid arn %s", id)
	case a.Region != call.Region:
		return nil, "", kms.NotFoundException.Newf("Invalid arn %s", a.Region)
	}
	if key, ok := strings.CutPrefix(a.Resource, "key/"); ok {
		return call.InAccount(a.Account), key, nil
	}
	if strings.HasPrefix(a.Resource, aliasPrefix) {
		return call.InAccount(a.Account), a.Resource, nil
	}
	return nil, "", kms.InvalidArnException.Newf("Invalid arn %s", id)
}

// localName is place for what has to be the call's account's.
func localName(call *gate.Call, id string) (string, error) {
	there, name, err := place(call, id)
	if err == nil && there.Account != call.Account {
		err = otherAccount(call, id)
	}
	return name, err
}

// otherAccount refuses a key of another account, there or not.
func otherAccount(call *gate.Call, id string) error {
	return api.AccessDeniedException.Newf("User: %s is not authorized to perform: %s on resource: %s because the resource does not exist in this Region, "+
		"no resource-based policies allow access, or a resource-based policy explicitly denies access", call.Principal.ARN, call.Action(), id)
}

// finder is one of the ways to find a key: find, findByID, findKey.
type finder func(kv.Reader, *gate.Call, string) (*Key, error)

// on makes a row's Targets of the member that names the key, and of the condition keys
// that the request has.
func on[In any](s *Service, find finder, member func(*In) *string, asked ...func(*In, *gate.Call, string) ([]string, bool)) func(context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		id := *member(in)
		c := conditions{asked: id}
		for _, values := range asked {
			c.request = func(key string) ([]string, bool) { return values(in, call, key) }
		}
		k, err := find(r, call, id)
		t, err := targetOf(call, id, k, err)
		c.key = k
		return s.known(r, call, t, c), err
	})
}

// target is the key for a decision, in which its key policy has the first word.
func (k *Key) target(call *gate.Call) gate.Target {
	return gate.Target{ARN: k.ARN(call), Type: resourceType, Policy: k.compiled, Exclusive: k.compiled != nil}
}

// targetOf is what find found, for a decision. What it did not find is a target too,
// by the name that it was asked by, and the handler gives find's answer to those who
// may know it. A denial names what was asked for, so that it does not tell which.
func targetOf(call *gate.Call, id string, k *Key, err error) (gate.Target, error) {
	t := gate.Target{ARN: missingARN(call, id)}
	if err == nil {
		t = k.target(call)
	} else if _, answer := errors.AsType[*api.Error](err); !answer || api.AccessDeniedException.Is(err) {
		return gate.Target{}, err
	}
	t.Asked = missingARN(call, id)
	there, name, wrong := place(call, id)
	if wrong != nil {
		return t, nil
	}
	if err != nil && strings.HasPrefix(name, aliasPrefix) {
		// The key behind an alias is what policies match. Whoever may use any key may
		// know that there is none.
		t.ARN = keyARN(there, "*")
	}
	if there.Account != call.Principal.Account {
		t.Refused = otherAccount(call, t.Asked)
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
