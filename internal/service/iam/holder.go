// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// holder is a user, group or role as one who has policies, taken out of its record to be
// looked at or changed.
type holder struct {
	noun noun
	name string
	// policies are the inline policies by name, which may be nil, and attached the ARNs
	// of the managed ones, sorted. They are copies, which store puts back.
	policies map[string]string
	attached []string
	// boundary is the ARN of the permissions boundary. A group has none.
	boundary string
	// fixed says why the holder can't be changed, if it can't.
	fixed error
	store func(kv.Tx) error
}

// kindOf are the kinds of principal among the holders.
var kindOf = map[noun]identity.Kind{userNoun: identity.User, roleNoun: identity.Role}

// holder returns the user, group or role of that name, or NoSuchEntity.
func (s *Service) holder(r kv.Reader, call *gate.Call, n noun, name string) (*holder, error) {
	if n == groupNoun {
		g, err := s.group(r, call, name)
		if err != nil {
			return nil, err
		}
		return s.groupHolder(g), nil
	}
	p, err := s.principal(r, call, kindOf[n], name)
	if err != nil {
		return nil, err
	}
	return s.principalHolder(p), nil
}

func (s *Service) groupHolder(g *identity.Group) *holder {
	h := &holder{noun: groupNoun, name: g.Name, policies: maps.Clone(g.Policies), attached: g.Attached}
	h.store = func(tx kv.Tx) error {
		changed := *g
		changed.Policies, changed.Attached = h.policies, h.attached
		if err := s.directory.Groups.Put(tx, &changed, g.Account, g.Name); err != nil {
			return err
		}
		return s.directory.Touch(tx, g.Account)
	}
	return h
}

func (s *Service) principalHolder(p *identity.Principal) *holder {
	h := &holder{
		noun: nounOf(p.Kind), name: p.Name, policies: maps.Clone(p.Policies), attached: p.Attached, boundary: p.Boundary, fixed: modifiable(p),
	}
	h.store = func(tx kv.Tx) error {
		changed := *p
		changed.Policies, changed.Attached, changed.Boundary = h.policies, h.attached, h.boundary
		return s.put(tx, &changed)
	}
	return h
}
