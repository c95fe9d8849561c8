// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net/url"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/usage"
)

// person is a user or a role with its policies.
type person struct {
	arn      string
	policies []usage.Policy
}

// holdings are the policies of an account on their way to people.
type holdings struct {
	managed map[string]string // documents by ARN
	groups  map[string]iam.GroupDetail
	users   []iam.UserDetail
	roles   []iam.RoleDetail
}

// everybody asks for the users and roles of an account.
func everybody(ctx context.Context, c *client.Client) ([]person, error) {
	h := holdings{managed: map[string]string{}, groups: map[string]iam.GroupDetail{}}
	in := &iam.GetAccountAuthorizationDetailsInput{}
	for {
		op := iam.GetAccountAuthorizationDetails
		answer, err := c.Call(ctx, op.Service, op.Name, awsquery.EncodeForm(op.Service, op.Name, in))
		if err != nil {
			return nil, err
		}
		var out iam.GetAccountAuthorizationDetailsOutput
		if err := awsquery.DecodeAnswer(op.Name, answer, &out); err != nil {
			return nil, fmt.Errorf("decoding the answer of %s: %w", op.Action(), err)
		}
		h.users, h.roles = append(h.users, out.UserDetailList...), append(h.roles, out.RoleDetailList...)
		for _, g := range out.GroupDetailList {
			h.groups[*g.GroupName] = g
		}
		for _, p := range out.Policies {
			for _, v := range p.PolicyVersionList {
				if v.IsDefaultVersion != nil && *v.IsDefaultVersion {
					h.managed[*p.Arn] = *v.Document
				}
			}
		}
		if in.Marker = out.Marker; in.Marker == nil {
			return h.people()
		}
	}
}

func (h *holdings) people() (all []person, err error) {
	for _, u := range h.users {
		p := person{arn: *u.Arn}
		if err := h.add(&p, *u.Arn, u.UserPolicyList, u.AttachedManagedPolicies); err != nil {
			return nil, err
		}
		for _, name := range u.GroupList {
			g, ok := h.groups[name]
			if !ok {
				continue
			}
			if err := h.add(&p, *g.Arn, g.GroupPolicyList, g.AttachedManagedPolicies); err != nil {
				return nil, err
			}
		}
		all = append(all, p)
	}
	for _, r := range h.roles {
		p := person{arn: *r.Arn}
		if err := h.add(&p, *r.Arn, r.RolePolicyList, r.AttachedManagedPolicies); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// add gives a person what a holder has: itself, or a group. Documents come as URLs have
// them.
func (h *holdings) add(p *person, holder string, inline []iam.PolicyDetail, attached []iam.AttachedPolicy) error {
	documents := map[string]string{}
	var names []string
	for _, d := range inline {
		documents[*d.PolicyName] = *d.PolicyDocument
		names = append(names, *d.PolicyName)
	}
	for _, a := range attached {
		if document, ok := h.managed[*a.PolicyArn]; ok {
			documents[*a.PolicyArn] = document
			names = append(names, *a.PolicyArn)
		}
	}
	for _, name := range names {
		text, err := url.PathUnescape(documents[name])
		if err != nil {
			return fmt.Errorf("policy %s of %s: %w", name, holder, err)
		}
		p.policies = append(p.policies, usage.Policy{Name: name, Holder: holder, Document: text})
	}
	return nil
}
