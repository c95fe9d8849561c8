// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"regexp"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

const aliasPrefix = "alias/"

var keyIDForm = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)

// find returns the key that an identifier means: a key id, a key ARN, an alias name
// or an alias ARN.
func (s *Service) find(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	name, err := localName(call, id)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, aliasPrefix) {
		a, err := s.aliases.Get(r, call.Account, call.Region, name)
		if err != nil {
			return nil, err
		}
		if a == nil {
			return nil, kms.NotFoundException.Newf("Alias %s is not found.", call.ARN("kms", name))
		}
		name = a.KeyID
	}
	return s.byID(r, call, name)
}

// byID returns the key with that id.
func (s *Service) byID(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	if !keyIDForm.MatchString(id) {
		return nil, kms.NotFoundException.Newf("Invalid keyId '%s'", id)
	}
	k, err := s.keys.Get(r, call.Account, call.Region, id)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, kms.NotFoundException.Newf("Key '%s' does not exist", call.ARN("kms", "key/"+id))
	}
	return k, nil
}

// localName takes an ARN of the call's account and region apart. A key of another
// account or region is one that does not exist here.
func localName(call *gate.Call, id string) (string, error) {
	if !strings.HasPrefix(id, "arn:") {
		return id, nil
	}
	a, err := arn.Parse(id)
	if err != nil || a.Service != "kms" {
		return "", kms.InvalidArnException.Newf("Invalid arn %s", id)
	}
	if a.Account != call.Account || a.Region != call.Region || a.Partition != call.Partition() {
		return "", kms.NotFoundException.Newf("Key '%s' does not exist", id)
	}
	if key, ok := strings.CutPrefix(a.Resource, "key/"); ok {
		return key, nil
	}
	if strings.HasPrefix(a.Resource, aliasPrefix) {
		return a.Resource, nil
	}
	return "", kms.InvalidArnException.Newf("Invalid arn %s", id)
}

// on makes a row's Targets of the member that names the key. A key that does not
// exist is a target by the name it was asked by.
func on[In any](s *Service, member func(*In) *string) func(context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		id := *member(in)
		k, err := s.find(r, call, id)
		switch {
		case err == nil:
			return k.target(call), nil
		case kms.NotFoundException.Is(err):
			return gate.Target{ARN: missingARN(call, id), Asked: id}, nil
		}
		return gate.Target{}, err
	})
}

// missingARN is the ARN of a key that does not exist, for policies to match.
func missingARN(call *gate.Call, id string) string {
	switch {
	case strings.HasPrefix(id, "arn:"):
		return id
	case strings.HasPrefix(id, aliasPrefix):
		return call.ARN("kms", id)
	}
	return call.ARN("kms", "key/"+id)
}
