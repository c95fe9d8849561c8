// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// keyTarget is the target of a call about an access key: the user whose it is. One that
// is not there, or not the account's, is of any user. A denial names the key.
func (s *Service) keyTarget(r kv.Reader, call *gate.Call, in *iam.GetAccessKeyLastUsedInput) (gate.Target, error) {
	key, err := s.ownKey(r, call, *in.AccessKeyId)
	if err != nil {
		return gate.Target{}, err
	}
	t := entity(call, userNoun, "/*", conditions{})
	if key != nil {
		if t, err = s.principalTarget(r, call, key.Kind, key.Name, conditions{}); err != nil {
			return gate.Target{}, err
		}
	}
	t.Asked = keyResource(*in.AccessKeyId)
	return t, nil
}

func keyResource(id string) string { return "access key " + id }

// ownKey returns the access key of a user or the root of the account, or nil. Those of
// roles are sessions, and not IAM's.
func (s *Service) ownKey(r kv.Reader, call *gate.Call, id string) (*identity.AccessKey, error) {
	key, err := s.directory.AccessKeys.Get(r, id)
	if err != nil || key == nil || key.Account != call.Account || key.Kind == identity.Role {
		return nil, err
	}
	return key, nil
}

// getAccessKeyLastUsed answers for a key that is not the account's as to a caller who
// may not ask: whose it is, or whether it is anybody's, is nobody else's business.
func (s *Service) getAccessKeyLastUsed(_ context.Context, r kv.Reader, call *gate.Call, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	key, err := s.ownKey(r, call, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, iam.Service.Denied().Newf("User: %s is not authorized to perform: %s on resource: %s",
			call.Principal.ARN, call.Action(), keyResource(*in.AccessKeyId))
	}
	use, err := s.directory.LastUse(r, key.ID)
	if err != nil {
		return nil, err
	}
	last := &iam.AccessKeyLastUsed{ServiceName: new("N/A"), Region: new("N/A")}
	if use != nil {
		last = &iam.AccessKeyLastUsed{LastUsedDate: new(api.NewTime(use.At)), ServiceName: &use.Service, Region: &use.Region}
	}
	out := &iam.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: last}
	if key.Kind == identity.User {
		out.UserName = &key.Name
	}
	return out, nil
}
