// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// result simulates one case. AWS answers one result for an action, in which the decision
// of several resources is theirs together and the resource a template; here each resource
// has its own, in both of the places in which clients look.
func (s *simulation) result(c simulated) iam.EvaluationResult {
	req := s.request(c)
	set := s.set
	set.Exclusive = set.Resource != nil && strings.HasPrefix(strings.ToLower(c.action), "kms:") // see policy.Set
	d := policy.Explain(&set, req)
	out := iam.EvaluationResult{
		EvalActionName: &c.action, EvalResourceName: &c.resource, EvalDecision: new(decisionOf(&d)),
		MatchedStatements: deciding(&d), MissingContextValues: []string{},
	}
	if set.Boundary != nil {
		out.PermissionsBoundaryDecisionDetail = &iam.PermissionsBoundaryDecisionDetail{
			AllowedByPermissionsBoundary: new(allowedBy(&d, policy.KindBoundary)),
		}
	}
	if len(set.ServiceControl) > 0 {
		out.OrganizationsDecisionDetail = &iam.OrganizationsDecisionDetail{
			AllowedByOrganizations: new(allowedBy(&d, policy.KindServiceControl)),
		}
	}
	if c.resource == everything {
		out.MissingContextValues = s.missing(req)
		return out
	}
	if req.Account != req.Principal.Account {
		out.EvalDecisionDetails = map[string]string{
			typeIdentity: sideOf(&d, policy.KindIdentity), typeResource: sideOf(&d, policy.KindResource),
		}
	}
	out.ResourceSpecificResults = []iam.ResourceSpecificResult{{
		EvalResourceName: &c.resource, EvalResourceDecision: out.EvalDecision, MatchedStatements: out.MatchedStatements,
		MissingContextValues: s.missing(req), EvalDecisionDetails: out.EvalDecisionDetails,
		PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail,
	}}
	return out
}

func decisionOf(d *policy.Decision) string {
	switch d.Reason {
	case policy.ExplicitAllow:
		return iam.PolicyEvaluationDecisionTypeAllowed
	case policy.ExplicitDeny:
		return iam.PolicyEvaluationDecisionTypeExplicitDeny
	}
	return iam.PolicyEvaluationDecisionTypeImplicitDeny
}

// allowedBy reports whether the policies of a kind do not stand in the way.
func allowedBy(d *policy.Decision, kind policy.Kind) bool {
	return sideOf(d, kind) == iam.PolicyEvaluationDecisionTypeAllowed
}

// sideOf is what the policies of a kind alone come to.
func sideOf(d *policy.Decision, kind policy.Kind) string {
	switch {
	case slices.ContainsFunc(d.Matches, func(m policy.Match) bool { return m.PolicyType == kind && m.Effect == policy.Deny }):
		return iam.PolicyEvaluationDecisionTypeExplicitDeny
	case slices.Contains(d.Lacking, kind):
		return iam.PolicyEvaluationDecisionTypeImplicitDeny
	}
	return iam.PolicyEvaluationDecisionTypeAllowed
}

// What answers call the types of policies. The model has other names, which AWS does not
// answer with.
const (
	typeIdentity = "IAM Policy"
	typeBoundary = "IAM Permissions Boundary Policy"
	typeResource = "Resource Policy"
)

// deciding are the statements that determine a result: those that deny if any does, else
// those that allow. Service control policies are not the account's to see.
func deciding(d *policy.Decision) []iam.Statement {
	all := []iam.Statement{}
	for _, m := range d.Matches {
		counts := m.Effect == policy.Deny || d.Allowed && m.PolicyType != policy.KindBoundary
		if !counts || m.PolicyType == policy.KindServiceControl {
			continue
		}
		st := iam.Statement{SourcePolicyId: new(sourceID(&m)), SourcePolicyType: new(typeIdentity)}
		switch m.PolicyType {
		case policy.KindBoundary:
			st.SourcePolicyType = new(typeBoundary)
		case policy.KindResource:
			st.SourcePolicyType = new(typeResource)
		}
		if m.Statement >= 0 {
			st.StartPosition, st.EndPosition = position(m.Start), position(m.End)
		}
		all = append(all, st)
	}
	return all
}

func position(p policy.Position) *iam.Position {
	return &iam.Position{Line: new(int32(p.Line)), Column: new(int32(p.Column))}
}

// sourceID is what answers call a policy: a managed one by its name, an inline one by
// whose it is and its name, one of the request by its place.
func sourceID(m *policy.Match) string {
	if arn.IsARN(m.Policy) {
		return m.Policy[strings.LastIndexByte(m.Policy, '/')+1:]
	}
	if _, n, short, err := entityOf(m.Holder); err == nil {
		return string(n) + "_" + short + "_" + m.Policy
	}
	return m.Policy
}
