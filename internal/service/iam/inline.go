// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// bindInline binds the operations on inline policies.
func (s *Service) bindInline(g *gate.Gate) {
	b := binder{g, s}
	changes(b, of(iam.PutUserPolicy, userNoun, func(in *iam.PutUserPolicyInput) request {
		return request{holder: in.UserName, policy: in.PolicyName, document: in.PolicyDocument}
	}), (*Service).putInline)
	changes(b, of(iam.PutGroupPolicy, groupNoun, func(in *iam.PutGroupPolicyInput) request {
		return request{holder: in.GroupName, policy: in.PolicyName, document: in.PolicyDocument}
	}), (*Service).putInline)
	changes(b, of(iam.PutRolePolicy, roleNoun, func(in *iam.PutRolePolicyInput) request {
		return request{holder: in.RoleName, policy: in.PolicyName, document: in.PolicyDocument}
	}), (*Service).putInline)

	changes(b, of(iam.DeleteUserPolicy, userNoun, func(in *iam.DeleteUserPolicyInput) request {
		return request{holder: in.UserName, policy: in.PolicyName}
	}), (*Service).deleteInline)
	changes(b, of(iam.DeleteGroupPolicy, groupNoun, func(in *iam.DeleteGroupPolicyInput) request {
		return request{holder: in.GroupName, policy: in.PolicyName}
	}), (*Service).deleteInline)
	changes(b, of(iam.DeleteRolePolicy, roleNoun, func(in *iam.DeleteRolePolicyInput) request {
		return request{holder: in.RoleName, policy: in.PolicyName}
	}), (*Service).deleteInline)

	get := look[*string]{gate.AccessRead, getInline}
	shows(b, of(iam.GetUserPolicy, userNoun, func(in *iam.GetUserPolicyInput) request {
		return request{holder: in.UserName, policy: in.PolicyName}
	}), get, func(document *string, req request) iam.GetUserPolicyOutput {
		return iam.GetUserPolicyOutput{UserName: req.holder, PolicyName: req.policy, PolicyDocument: document}
	})
	shows(b, of(iam.GetGroupPolicy, groupNoun, func(in *iam.GetGroupPolicyInput) request {
		return request{holder: in.GroupName, policy: in.PolicyName}
	}), get, func(document *string, req request) iam.GetGroupPolicyOutput {
		return iam.GetGroupPolicyOutput{GroupName: req.holder, PolicyName: req.policy, PolicyDocument: document}
	})
	shows(b, of(iam.GetRolePolicy, roleNoun, func(in *iam.GetRolePolicyInput) request {
		return request{holder: in.RoleName, policy: in.PolicyName}
	}), get, func(document *string, req request) iam.GetRolePolicyOutput {
		return iam.GetRolePolicyOutput{RoleName: req.holder, PolicyName: req.policy, PolicyDocument: document}
	})

	list := look[page[string]]{gate.AccessList, listInline}
	shows(b, of(iam.ListUserPolicies, userNoun, func(in *iam.ListUserPoliciesInput) request {
		return request{holder: in.UserName, marker: in.Marker, maxItems: in.MaxItems}
	}), list, func(p page[string], _ request) iam.ListUserPoliciesOutput {
		return iam.ListUserPoliciesOutput{PolicyNames: shown(p, itself), IsTruncated: p.truncated, Marker: p.marker}
	})
	shows(b, of(iam.ListGroupPolicies, groupNoun, func(in *iam.ListGroupPoliciesInput) request {
		return request{holder: in.GroupName, marker: in.Marker, maxItems: in.MaxItems}
	}), list, func(p page[string], _ request) iam.ListGroupPoliciesOutput {
		return iam.ListGroupPoliciesOutput{PolicyNames: shown(p, itself), IsTruncated: p.truncated, Marker: p.marker}
	})
	shows(b, of(iam.ListRolePolicies, roleNoun, func(in *iam.ListRolePoliciesInput) request {
		return request{holder: in.RoleName, marker: in.Marker, maxItems: in.MaxItems}
	}), list, func(p page[string], _ request) iam.ListRolePoliciesOutput {
		return iam.ListRolePoliciesOutput{PolicyNames: shown(p, itself), IsTruncated: p.truncated, Marker: p.marker}
	})
}

func (s *Service) putInline(_ kv.Reader, _ *gate.Call, h *holder, req request) error {
	others := maps.Clone(h.policies)
	delete(others, *req.policy)
	if err := checkInline(h, *req.document, others); err != nil {
		return err
	}
	if h.policies == nil {
		h.policies = map[string]string{}
	}
	h.policies[*req.policy] = *req.document
	return nil
}

func (s *Service) deleteInline(_ kv.Reader, _ *gate.Call, h *holder, req request) error {
	if _, there := h.policies[*req.policy]; !there {
		return noSuchInline(h.noun, *req.policy)
	}
	delete(h.policies, *req.policy)
	return nil
}

func getInline(_ *gate.Call, h *holder, req request) (*string, error) {
	document, there := h.policies[*req.policy]
	if !there {
		return nil, noSuchInline(h.noun, *req.policy)
	}
	return shownDocument(document), nil
}

func listInline(call *gate.Call, h *holder, req request) (page[string], error) {
	return paged(call, asked{req.marker, req.maxItems, scopeOf(req.holder)}, values(slices.Sorted(maps.Keys(h.policies))), itself)
}
