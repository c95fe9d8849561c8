// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// taggable is a kind of entity that has tags.
type taggable struct {
	keys tagKeys
	// target is that of a call about the entity of that name.
	target func(r kv.Reader, call *gate.Call, name string, c conditions) (gate.Target, error)
	// find returns the tags of the entity, and what gives it others, or NoSuchEntity.
	find func(r kv.Reader, call *gate.Call, name string) (tags map[string]string, put func(kv.Tx, map[string]string) error, err error)
}

// Requests about tags: of which entity, and what.
type (
	tagRequest struct {
		name *string
		tags []iam.Tag
	}
	untagRequest struct {
		name *string
		keys []string
	}
	tagsRequest struct {
		name *string
		asked
	}
)

// bindTag binds an operation that adds tags.
func bindTag[In, Out any](g *gate.Gate, op api.Op[In, Out], kind taggable, read func(*In) tagRequest) {
	gate.Write(g, op, gate.Row[In]{
		Access: gate.AccessTagging,
		Targets: on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
			req := read(in)
			return kind.target(r, call, *req.name, conditions{asked: req.tags})
		}),
	}, func(_ context.Context, tx kv.Tx, call *gate.Call, in *In) (*Out, error) {
		req := read(in)
		old, put, err := kind.find(tx, call, *req.name)
		if err != nil {
			return nil, err
		}
		tags, err := kind.keys.added(old, req.tags)
		if err != nil {
			return nil, err
		}
		return new(Out), put(tx, tags)
	})
}

// bindUntag binds an operation that removes tags. Keys that the entity has not are no
// error.
func bindUntag[In, Out any](g *gate.Gate, op api.Op[In, Out], kind taggable, read func(*In) untagRequest) {
	gate.Write(g, op, gate.Row[In]{
		Access: gate.AccessTagging,
		Targets: on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
			req := read(in)
			return kind.target(r, call, *req.name, conditions{untagged: req.keys})
		}),
	}, func(_ context.Context, tx kv.Tx, call *gate.Call, in *In) (*Out, error) {
		req := read(in)
		old, put, err := kind.find(tx, call, *req.name)
		if err != nil {
			return nil, err
		}
		return new(Out), put(tx, kind.keys.without(old, req.keys))
	})
}

// bindListTags binds an operation that lists tags, in the order of their keys.
func bindListTags[In, Out any](g *gate.Gate, op api.Op[In, Out], kind taggable, read func(*In) tagsRequest, answer func(page[iam.Tag]) *Out) {
	gate.Read(g, op, gate.Row[In]{
		Access: gate.AccessList,
		Targets: on(func(r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
			return kind.target(r, call, *read(in).name, conditions{})
		}),
	}, func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (*Out, error) {
		req := read(in)
		tags, _, err := kind.find(r, call, *req.name)
		if err != nil {
			return nil, err
		}
		p, err := pagedTags(call, req, showTags(tags))
		if err != nil {
			return nil, err
		}
		return answer(p), nil
	})
}

// pagedTags pages by the places of tags in their list: a marker has no room for every key.
func pagedTags(call *gate.Call, req tagsRequest, tags []iam.Tag) (page[iam.Tag], error) {
	places := make([]int, len(tags))
	for i := range tags {
		places[i] = i
	}
	req.scope = []string{*req.name}
	p, err := paged(call, req.asked, values(places), func(i int) string { return fmt.Sprintf("%02d", i) })
	return page[iam.Tag]{shown(p, func(i int) iam.Tag { return tags[i] }), p.truncated, p.marker}, err
}

// taggedPrincipals are the account's users, or its roles.
func (s *Service) taggedPrincipals(kind identity.Kind) taggable {
	return taggable{
		keys: caselessKeys,
		target: func(r kv.Reader, call *gate.Call, name string, c conditions) (gate.Target, error) {
			return s.principalTarget(r, call, kind, name, c)
		},
		find: func(r kv.Reader, call *gate.Call, name string) (map[string]string, func(kv.Tx, map[string]string) error, error) {
			p, err := s.principal(r, call, kind, name)
			if err != nil {
				return nil, nil, err
			}
			return p.Tags, func(tx kv.Tx, tags map[string]string) error {
				if err := modifiable(p); err != nil {
					return err
				}
				changed := *p
				changed.Tags = tags
				return s.put(tx, &changed)
			}, nil
		},
	}
}

// taggedPolicies are managed policies. AWS's have no tags, and get none.
func (s *Service) taggedPolicies() taggable {
	return taggable{
		keys: exactKeys, target: s.policyTarget,
		find: func(r kv.Reader, call *gate.Call, name string) (map[string]string, func(kv.Tx, map[string]string) error, error) {
			p, err := s.readablePolicy(r, call, name)
			if err != nil {
				return nil, nil, err
			}
			return p.Tags, func(tx kv.Tx, tags map[string]string) error {
				changed, err := s.ownPolicy(tx, call, name)
				if err != nil {
					return err
				}
				changed.Tags = tags
				return s.putPolicy(tx, changed)
			}, nil
		},
	}
}

// taggedProviders are the account's OpenID Connect providers.
func (s *Service) taggedProviders() taggable {
	return taggable{
		keys: exactKeys, target: s.providerTarget,
		find: func(r kv.Reader, call *gate.Call, name string) (map[string]string, func(kv.Tx, map[string]string) error, error) {
			p, err := s.mustProvider(r, call, name)
			if err != nil {
				return nil, nil, err
			}
			return p.Tags, func(tx kv.Tx, tags map[string]string) error {
				changed := *p
				changed.Tags = tags
				return s.putProvider(tx, &changed)
			}, nil
		},
	}
}
