// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"cmp"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// bindAttachments binds the operations on the managed policies of users, groups and roles.
func (s *Service) bindAttachments(g *gate.Gate) {
	b := binder{g, s}
	changes(b, of(iam.AttachUserPolicy, userNoun, func(in *iam.AttachUserPolicyInput) request {
		return request{holder: in.UserName, arn: in.PolicyArn}
	}), (*Service).attach)
	changes(b, of(iam.AttachGroupPolicy, groupNoun, func(in *iam.AttachGroupPolicyInput) request {
		return request{holder: in.GroupName, arn: in.PolicyArn}
	}), (*Service).attach)
	changes(b, of(iam.AttachRolePolicy, roleNoun, func(in *iam.AttachRolePolicyInput) request {
		return request{holder: in.RoleName, arn: in.PolicyArn}
	}), (*Service).attach)

	changes(b, of(iam.DetachUserPolicy, userNoun, func(in *iam.DetachUserPolicyInput) request {
		return request{holder: in.UserName, arn: in.PolicyArn}
	}), (*Service).detach)
	changes(b, of(iam.DetachGroupPolicy, groupNoun, func(in *iam.DetachGroupPolicyInput) request {
		return request{holder: in.GroupName, arn: in.PolicyArn}
	}), (*Service).detach)
	changes(b, of(iam.DetachRolePolicy, roleNoun, func(in *iam.DetachRolePolicyInput) request {
		return request{holder: in.RoleName, arn: in.PolicyArn}
	}), (*Service).detach)

	list := look[page[iam.AttachedPolicy]]{gate.AccessList, listAttached}
	shows(b, of(iam.ListAttachedUserPolicies, userNoun, func(in *iam.ListAttachedUserPoliciesInput) request {
		return request{holder: in.UserName, pathPrefix: in.PathPrefix, marker: in.Marker, maxItems: in.MaxItems}
	}), list, func(p page[iam.AttachedPolicy], _ request) iam.ListAttachedUserPoliciesOutput {
		return iam.ListAttachedUserPoliciesOutput{AttachedPolicies: p.entries, IsTruncated: p.truncated, Marker: p.marker}
	})
	shows(b, of(iam.ListAttachedGroupPolicies, groupNoun, func(in *iam.ListAttachedGroupPoliciesInput) request {
		return request{holder: in.GroupName, pathPrefix: in.PathPrefix, marker: in.Marker, maxItems: in.MaxItems}
	}), list, func(p page[iam.AttachedPolicy], _ request) iam.ListAttachedGroupPoliciesOutput {
		return iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: p.entries, IsTruncated: p.truncated, Marker: p.marker}
	})
	shows(b, of(iam.ListAttachedRolePolicies, roleNoun, func(in *iam.ListAttachedRolePoliciesInput) request {
		return request{holder: in.RoleName, pathPrefix: in.PathPrefix, marker: in.Marker, maxItems: in.MaxItems}
	}), list, func(p page[iam.AttachedPolicy], _ request) iam.ListAttachedRolePoliciesOutput {
		return iam.ListAttachedRolePoliciesOutput{AttachedPolicies: p.entries, IsTruncated: p.truncated, Marker: p.marker}
	})
}

// attachedQuota is how many managed policies each kind of holder may have.
var attachedQuota = map[noun]quota{userNoun: userPoliciesQuota, groupNoun: groupPoliciesQuota, roleNoun: rolePoliciesQuota}

// attach leaves a holder that has the policy as it is.
func (s *Service) attach(r kv.Reader, call *gate.Call, h *holder, req request) error {
	p, err := s.anyPolicy(r, call, *req.arn)
	if err != nil {
		return err
	}
	if p == nil {
		return notAttachable(*req.arn)
	}
	at, there := slices.BinarySearch(h.attached, *req.arn)
	if there {
		return nil
	}
	if err := attachedQuota[h.noun].room(len(h.attached)); err != nil {
		return err
	}
	h.attached = slices.Insert(slices.Clone(h.attached), at, *req.arn)
	return nil
}

func (s *Service) detach(_ kv.Reader, _ *gate.Call, h *holder, req request) error {
	at, there := slices.BinarySearch(h.attached, *req.arn)
	if !there {
		return noSuchPolicy(*req.arn)
	}
	h.attached = slices.Delete(slices.Clone(h.attached), at, at+1)
	return nil
}

// listAttached is in the order of ListPolicies.
func listAttached(call *gate.Call, h *holder, req request) (page[iam.AttachedPolicy], error) {
	var all []iam.AttachedPolicy
	places := map[*string]string{}
	for _, name := range h.attached {
		a, _ := arn.Parse(name) // it was attached
		pathAndName := strings.TrimPrefix(a.Resource, "policy")
		at := strings.LastIndexByte(pathAndName, '/') + 1
		if !under(pathAndName[:at], req.pathPrefix) {
			continue
		}
		entry := iam.AttachedPolicy{PolicyName: new(pathAndName[at:]), PolicyArn: new(name)}
		all, places[entry.PolicyArn] = append(all, entry), placeOf(a.Account, pathAndName[at:])
	}
	place := func(p iam.AttachedPolicy) string { return places[p.PolicyArn] }
	slices.SortFunc(all, func(a, b iam.AttachedPolicy) int { return cmp.Compare(place(a), place(b)) })
	return paged(call, asked{req.marker, req.maxItems, scopeOf(req.holder, req.pathPrefix)}, values(all), place)
}
