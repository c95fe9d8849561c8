// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// onEach runs a test on a user, a group and a role.
func onEach(t *testing.T, test func(t *testing.T, s *servicetest.Server, c *iam.Client, h holders)) {
	t.Parallel()
	for i, kind := range []string{"user", "group", "role"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, c := newClient(t)
			test(t, s, c, withHolders(t, s, c)[i])
		})
	}
}

func TestInlinePolicies(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servicetest.Server, _ *iam.Client, h holders) {
		ctx := t.Context()
		text := " " + allowing("a:1") + "\n"
		for _, name := range []string{"c", "a", "B"} {
			must(t, h.put(ctx, h.name, name, text))
		}
		must(t, h.put(ctx, h.name, "a", allowing("a:2")))
		for name, want := range map[string]string{"a": allowing("a:2"), "B": text} {
			if got, err := h.get(ctx, h.name, name); got != want || err != nil {
				t.Errorf("%s is %q, %v", name, got, err)
			}
		}
		got := pages(t, func(marker *string, most *int32) ([]string, *string, error) { return h.list(ctx, h.name, marker, most) })
		if diff := cmp.Diff([][]string{{"B", "a"}, {"c"}}, got); diff != "" {
			t.Error(diff)
		}
		must(t, h.delete(ctx, h.name, "a"))
		missing := "The " + h.kind + " policy with name a cannot be found."
		refused(t, h.delete(ctx, h.name, "a"), "NoSuchEntity", missing)
		_, err := h.get(ctx, h.name, "a")
		refused(t, err, "NoSuchEntity", missing)

		nobody := "The " + h.kind + " with name nobody cannot be found."
		refused(t, h.put(ctx, "nobody", "a", text), "NoSuchEntity", nobody)
		refused(t, h.delete(ctx, "nobody", "a"), "NoSuchEntity", nobody)
		_, err = h.get(ctx, "nobody", "a")
		refused(t, err, "NoSuchEntity", nobody)
		_, _, err = h.list(ctx, "nobody", nil, nil)
		refused(t, err, "NoSuchEntity", nobody)
		refused(t, h.put(ctx, h.name, "x", `{"Version":"2012-10-17"}`), "MalformedPolicyDocument", "Syntax errors in policy.")
		must(t, h.put(ctx, h.name, "old", strings.ReplaceAll(text, "2012-10-17", "2008-10-17")))
	})
}

// sized is a policy of so many characters, at least 120, not counting the white space of
// which it has much.
func sized(characters int) string {
	const begin, end = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:*","Resource":["*"`, `]}}`
	rest := characters - len(begin) - len(end)
	var b strings.Builder
	b.WriteString(begin + strings.Repeat(" \t\r\n", 2000))
	for rest > 0 {
		n := min(rest, 1000)
		if rest-n > 0 && rest-n < 20 {
			n -= 20
		}
		b.WriteString(`,"arn:aws:s3:::` + strings.Repeat("x", n-len(`,"arn:aws:s3:::"`)) + `"`)
		rest -= n
	}
	return b.String() + end
}

func TestInlinePoliciesHaveASizeTogether(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servicetest.Server, _ *iam.Client, h holders) {
		ctx := t.Context()
		exceeded := fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s %s", h.most, h.kind, h.name)
		must(t, h.put(ctx, h.name, "half", sized(h.most/2)))
		refused(t, h.put(ctx, h.name, "more", sized(h.most-h.most/2+1)), "LimitExceeded", exceeded)
		must(t, h.put(ctx, h.name, "rest", sized(h.most-h.most/2)))
		refused(t, h.put(ctx, h.name, "one-more", sized(120)), "LimitExceeded", exceeded)
		must(t, h.put(ctx, h.name, "half", sized(h.most/2))) // in the place of itself
		refused(t, h.put(ctx, h.name, "half", sized(h.most/2+1)), "LimitExceeded", exceeded)
	})
}

func TestAttachments(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servicetest.Server, c *iam.Client, h holders) {
		ctx := t.Context()
		const ofAWS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
		b, a, under := managed(t, c, "/", "b", allowing("a:b")), managed(t, c, "/z/", "a", allowing("a:a")), managed(t, c, "/team/x/", "c", allowing("a:c"))
		for _, arn := range []string{b, ofAWS, a, under, b} { // one of them twice
			must(t, h.attach(ctx, h.name, arn))
		}
		list := func(prefix *string) [][]string {
			return pages(t, func(marker *string, most *int32) ([]string, *string, error) {
				return h.attached(ctx, h.name, prefix, marker, most)
			})
		}
		if diff := cmp.Diff([][]string{{a, b}, {under, ofAWS}}, list(nil)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([][]string{{under}}, list(new("/team/"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([][]string{{ofAWS}}, list(new("/service-role/"))); diff != "" {
			t.Error(diff)
		}
		_, _, err := h.attached(ctx, h.name, nil, new("forged"), nil)
		refused(t, err, "ValidationError", "Invalid Marker.")

		refused(t, second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &b})), "DeleteConflict", "Cannot delete a policy attached to entities.")
		must(t, h.detach(ctx, h.name, b))
		refused(t, h.detach(ctx, h.name, b), "NoSuchEntity", "Policy "+b+" was not found.")
		must(t, second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &b})))
		gone := "Policy " + b + " does not exist or is not attachable."
		refused(t, h.attach(ctx, h.name, b), "NoSuchEntity", gone)
		foreign := "arn:aws:iam::999999999999:policy/a"
		refused(t, h.attach(ctx, h.name, foreign), "NoSuchEntity", "Policy "+foreign+" does not exist or is not attachable.")
		nobody := "The " + h.kind + " with name nobody cannot be found."
		refused(t, h.attach(ctx, "nobody", a), "NoSuchEntity", nobody)
		refused(t, h.detach(ctx, "nobody", a), "NoSuchEntity", nobody)
		_, _, err = h.attached(ctx, "nobody", nil, nil, nil)
		refused(t, err, "NoSuchEntity", nobody)
	})
}

func TestAttachmentsHaveAQuota(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servicetest.Server, c *iam.Client, h holders) {
		var all []string
		for i := range 11 {
			all = append(all, managed(t, c, "/", fmt.Sprintf("p%d", i), allowing("a:b")))
		}
		for _, arn := range all[:10] {
			must(t, h.attach(t.Context(), h.name, arn))
		}
		quota := map[string]string{"user": "PoliciesPerUser", "group": "PoliciesPerGroup", "role": "PoliciesPerRole"}[h.kind]
		refused(t, h.attach(t.Context(), h.name, all[10]), "LimitExceeded", "Cannot exceed quota for "+quota+": 10")
		must(t, h.attach(t.Context(), h.name, all[0])) // which it has
		must(t, h.detach(t.Context(), h.name, all[0]), h.attach(t.Context(), h.name, all[10]))
	})
}

// TestWhatPoliciesAreUsedFor holds the counts of a policy and the lists by its use.
func TestWhatPoliciesAreUsedFor(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	all := withHolders(t, s, c)
	user, group, role := all[0], all[1], all[2]
	const admin = "arn:aws:iam::aws:policy/AdministratorAccess"
	everywhere, bound, unused := managed(t, c, "/t/", "everywhere", allowing("a:b")), managed(t, c, "/t/", "bound", allowing("a:b")), managed(t, c, "/", "unused", allowing("a:b"))
	for _, h := range all {
		must(t, h.attach(ctx, h.name, everywhere))
	}
	must(t, user.boundary(ctx, user.name, bound), role.boundary(ctx, role.name, bound), role.boundary(ctx, role.name, everywhere), group.attach(ctx, group.name, admin))

	for arn, want := range map[string][2]int32{everywhere: {3, 1}, bound: {0, 1}, unused: {0, 0}, admin: {1, 0}} {
		out, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
		must(t, err)
		if got := [2]int32{*out.Policy.AttachmentCount, *out.Policy.PermissionsBoundaryUsageCount}; got != want {
			t.Errorf("%s is used %v, want %v", arn, got, want)
		}
	}
	for name, c2 := range map[string]struct {
		in   iam.ListPoliciesInput
		want []string
	}{
		"own":             {iam.ListPoliciesInput{Scope: "Local"}, []string{bound, everywhere, unused}},
		"used":            {iam.ListPoliciesInput{OnlyAttached: true}, []string{bound, everywhere, admin}},
		"used of AWS's":   {iam.ListPoliciesInput{Scope: "AWS", OnlyAttached: true}, []string{admin}},
		"boundaries":      {iam.ListPoliciesInput{PolicyUsageFilter: "PermissionsBoundary"}, []string{bound, everywhere}},
		"permissions":     {iam.ListPoliciesInput{Scope: "All", PolicyUsageFilter: "PermissionsPolicy"}, []string{everywhere, admin}},
		"below a path":    {iam.ListPoliciesInput{PathPrefix: new("/t/")}, []string{bound, everywhere}},
		"AWS's by a path": {iam.ListPoliciesInput{PathPrefix: new("/service-role/")}, []string{"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}},
	} {
		var got []string
		for _, page := range pages(t, func(marker *string, most *int32) ([]types.Policy, *string, error) {
			in := c2.in
			in.Marker, in.MaxItems = marker, most
			out, err := c.ListPolicies(ctx, &in)
			if err != nil {
				return nil, nil, err
			}
			return out.Policies, next(out.IsTruncated, out.Marker), nil
		}) {
			for _, p := range page {
				got = append(got, *p.Arn)
			}
		}
		if diff := cmp.Diff(c2.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, c2 := range map[string]struct {
		in   iam.ListEntitiesForPolicyInput
		want []string
	}{
		"all":         {iam.ListEntitiesForPolicyInput{}, []string{"group devs", "role app", "user ada"}},
		"users":       {iam.ListEntitiesForPolicyInput{EntityFilter: "User"}, []string{"user ada"}},
		"groups":      {iam.ListEntitiesForPolicyInput{EntityFilter: "Group"}, []string{"group devs"}},
		"policies":    {iam.ListEntitiesForPolicyInput{EntityFilter: "LocalManagedPolicy"}, nil},
		"boundaries":  {iam.ListEntitiesForPolicyInput{PolicyUsageFilter: "PermissionsBoundary"}, []string{"role app"}},
		"permissions": {iam.ListEntitiesForPolicyInput{PolicyUsageFilter: "PermissionsPolicy", EntityFilter: "Role"}, []string{"role app"}},
		"at the root": {iam.ListEntitiesForPolicyInput{PathPrefix: new("/")}, []string{"group devs", "role app", "user ada"}},
		"elsewhere":   {iam.ListEntitiesForPolicyInput{PathPrefix: new("/x/")}, nil},
	} {
		var got []string
		pages(t, func(marker *string, _ *int32) ([]string, *string, error) {
			in := c2.in
			in.PolicyArn, in.Marker, in.MaxItems = &everywhere, marker, new(int32(1))
			out, err := c.ListEntitiesForPolicy(ctx, &in)
			if err != nil {
				return nil, nil, err
			}
			for _, g := range out.PolicyGroups {
				got = append(got, "group "+*g.GroupName)
			}
			for _, r := range out.PolicyRoles {
				got = append(got, "role "+*r.RoleName)
			}
			for _, u := range out.PolicyUsers {
				got = append(got, "user "+*u.UserName)
				if !strings.HasPrefix(*u.UserId, "AIDA") {
					t.Errorf("the user's id is %s", *u.UserId)
				}
			}
			return nil, next(out.IsTruncated, out.Marker), nil
		})
		if diff := cmp.Diff(c2.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	refused(t, second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &bound})), "DeleteConflict", "Cannot delete a policy attached to entities.")
}
