// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// holders are the operations on the policies of one kind of holder, as one for all kinds.
type holders struct {
	kind string // as messages have it
	name string // of one that is there
	most int    // characters of inline policies

	put        func(ctx context.Context, holder, name, document string) error
	get        func(ctx context.Context, holder, name string) (document string, err error)
	delete     func(ctx context.Context, holder, name string) error
	list       func(ctx context.Context, holder string, marker *string, most *int32) (names []string, next *string, err error)
	attach     func(ctx context.Context, holder, arn string) error
	detach     func(ctx context.Context, holder, arn string) error
	attached   func(ctx context.Context, holder string, prefix, marker *string, most *int32) (arns []string, next *string, err error)
	boundary   func(ctx context.Context, holder, arn string) error
	noBoundary func(ctx context.Context, holder string) error
}

// withHolders makes a user, who is in a group, that group, and a role in the account of the
// test, and returns the operations of a client on each.
func withHolders(t testing.TB, s *servicetest.Server, c *iam.Client) []holders {
	t.Helper()
	return withHoldersIn(t, s, servicetest.Account, c)
}

// withHoldersIn is withHolders for another account, which the client is of.
func withHoldersIn(t testing.TB, s *servicetest.Server, account string, c *iam.Client) []holders {
	t.Helper()
	if _, err := s.Store.Update(t.Context(), func(tx kv.Tx) error {
		g := identity.Group{Account: account, Name: "devs", ID: "AGPADEVS"}
		if err := s.Directory.Groups.Put(tx, &g, account, g.Name); err != nil {
			return err
		}
		for _, p := range []identity.Principal{
			{Account: account, Kind: identity.User, Name: "ada", Groups: []string{g.ID}},
			{Account: account, Kind: identity.Role, Name: "app"},
		} {
			if _, err := s.Directory.PutPrincipal(tx, p, s.Clock.Now()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return []holders{userHolders(c), groupHolders(c), roleHolders(c)}
}

func userHolders(c *iam.Client) holders {
	return holders{
		kind: "user", name: "ada", most: 2048,
		put: func(ctx context.Context, h, n, d string) error {
			_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &h, PolicyName: &n, PolicyDocument: &d})
			return err
		},
		get: func(ctx context.Context, h, n string) (string, error) {
			out, err := c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &h, PolicyName: &n})
			if err != nil {
				return "", err
			}
			return decoded(out.PolicyDocument, *out.UserName == h && *out.PolicyName == n)
		},
		delete: func(ctx context.Context, h, n string) error {
			_, err := c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &h, PolicyName: &n})
			return err
		},
		list: func(ctx context.Context, h string, marker *string, most *int32) ([]string, *string, error) {
			out, err := c.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: &h, Marker: marker, MaxItems: most})
			if err != nil {
				return nil, nil, err
			}
			return out.PolicyNames, next(out.IsTruncated, out.Marker), nil
		},
		attach: func(ctx context.Context, h, arn string) error {
			_, err := c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &h, PolicyArn: &arn})
			return err
		},
		detach: func(ctx context.Context, h, arn string) error {
			_, err := c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &h, PolicyArn: &arn})
			return err
		},
		attached: func(ctx context.Context, h string, prefix, marker *string, most *int32) ([]string, *string, error) {
			out, err := c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: &h, PathPrefix: prefix, Marker: marker, MaxItems: most})
			if err != nil {
				return nil, nil, err
			}
			return arns(out.AttachedPolicies), next(out.IsTruncated, out.Marker), nil
		},
		boundary: func(ctx context.Context, h, arn string) error {
			_, err := c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: &h, PermissionsBoundary: &arn})
			return err
		},
		noBoundary: func(ctx context.Context, h string) error {
			_, err := c.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: &h})
			return err
		},
	}
}

func groupHolders(c *iam.Client) holders {
	return holders{
		kind: "group", name: "devs", most: 5120,
		put: func(ctx context.Context, h, n, d string) error {
			_, err := c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: &h, PolicyName: &n, PolicyDocument: &d})
			return err
		},
		get: func(ctx context.Context, h, n string) (string, error) {
			out, err := c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &h, PolicyName: &n})
			if err != nil {
				return "", err
			}
			return decoded(out.PolicyDocument, *out.GroupName == h && *out.PolicyName == n)
		},
		delete: func(ctx context.Context, h, n string) error {
			_, err := c.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: &h, PolicyName: &n})
			return err
		},
		list: func(ctx context.Context, h string, marker *string, most *int32) ([]string, *string, error) {
			out, err := c.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: &h, Marker: marker, MaxItems: most})
			if err != nil {
				return nil, nil, err
			}
			return out.PolicyNames, next(out.IsTruncated, out.Marker), nil
		},
		attach: func(ctx context.Context, h, arn string) error {
			_, err := c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &h, PolicyArn: &arn})
			return err
		},
		detach: func(ctx context.Context, h, arn string) error {
			_, err := c.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: &h, PolicyArn: &arn})
			return err
		},
		attached: func(ctx context.Context, h string, prefix, marker *string, most *int32) ([]string, *string, error) {
			out, err := c.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: &h, PathPrefix: prefix, Marker: marker, MaxItems: most})
			if err != nil {
				return nil, nil, err
			}
			return arns(out.AttachedPolicies), next(out.IsTruncated, out.Marker), nil
		},
	}
}

func roleHolders(c *iam.Client) holders {
	return holders{
		kind: "role", name: "app", most: 10240,
		put: func(ctx context.Context, h, n, d string) error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &h, PolicyName: &n, PolicyDocument: &d})
			return err
		},
		get: func(ctx context.Context, h, n string) (string, error) {
			out, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &h, PolicyName: &n})
			if err != nil {
				return "", err
			}
			return decoded(out.PolicyDocument, *out.RoleName == h && *out.PolicyName == n)
		},
		delete: func(ctx context.Context, h, n string) error {
			_, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &h, PolicyName: &n})
			return err
		},
		list: func(ctx context.Context, h string, marker *string, most *int32) ([]string, *string, error) {
			out, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &h, Marker: marker, MaxItems: most})
			if err != nil {
				return nil, nil, err
			}
			return out.PolicyNames, next(out.IsTruncated, out.Marker), nil
		},
		attach: func(ctx context.Context, h, arn string) error {
			_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &h, PolicyArn: &arn})
			return err
		},
		detach: func(ctx context.Context, h, arn string) error {
			_, err := c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &h, PolicyArn: &arn})
			return err
		},
		attached: func(ctx context.Context, h string, prefix, marker *string, most *int32) ([]string, *string, error) {
			out, err := c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &h, PathPrefix: prefix, Marker: marker, MaxItems: most})
			if err != nil {
				return nil, nil, err
			}
			return arns(out.AttachedPolicies), next(out.IsTruncated, out.Marker), nil
		},
		boundary: func(ctx context.Context, h, arn string) error {
			_, err := c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &h, PermissionsBoundary: &arn})
			return err
		},
		noBoundary: func(ctx context.Context, h string) error {
			_, err := c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &h})
			return err
		},
	}
}
