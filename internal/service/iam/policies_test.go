// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestManagedPolicy(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	document := "{\n \"Version\":\"2012-10-17\", \"Statement\":{\"Sid\":\"A\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::b/a+b %~*é\"}}"
	made, err := c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: new("read"), Path: new("/team/a/"), PolicyDocument: &document, Description: new("what it is"),
		Tags: []types.Tag{{Key: new("team"), Value: new("a")}, {Key: new("Cost"), Value: new("")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	start := servicetest.Start.Truncate(time.Second)
	want := &types.Policy{
		PolicyName: new("read"), Path: new("/team/a/"), Arn: new(accountARN + "policy/team/a/read"), PolicyId: made.Policy.PolicyId,
		DefaultVersionId: new("v1"), AttachmentCount: new(int32(0)), PermissionsBoundaryUsageCount: new(int32(0)), IsAttachable: true,
		CreateDate: &start, UpdateDate: &start,
		Tags: []types.Tag{{Key: new("Cost"), Value: new("")}, {Key: new("team"), Value: new("a")}},
	}
	same := func(name string, want, got any) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.Policy{}, types.Tag{}, types.PolicyVersion{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	same("what was made", want, made.Policy)
	if id := *made.Policy.PolicyId; !strings.HasPrefix(id, "ANPA") || len(id) != 21 {
		t.Errorf("the id is %s", id)
	}
	got, err := c.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: want.Arn})
	must(t, err)
	want.Description = new("what it is")
	same("what there is", want, got.Policy)

	version, err := c.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: want.Arn, VersionId: new("v1")})
	must(t, err)
	if text, err := decoded(version.PolicyVersion.Document, true); text != document || err != nil {
		t.Errorf("the document is %q", *version.PolicyVersion.Document)
	}
	if raw := *version.PolicyVersion.Document; strings.ContainsAny(raw, "+ *{") || !strings.Contains(raw, "~%2A%C3%A9") {
		t.Errorf("the document is encoded as %q", raw)
	}

	s.Clock.Advance(time.Hour)
	list, err := c.ListPolicies(t.Context(), &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal})
	must(t, err)
	want.Description, want.Tags = nil, nil
	same("the list", []types.Policy{*want}, list.Policies)
	must(t, second(c.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: want.Arn})))
	_, err = c.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: want.Arn})
	refused(t, err, "NoSuchEntity", "Policy "+*want.Arn+" was not found.")
}

// second is the error of an answer that nobody looks at.
func second[T any](_ T, err error) error { return err }

func TestPolicyVersions(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	arn := managed(t, c, "/", "p", allowing("a:v1"))
	create := func(action string, def bool) (*iam.CreatePolicyVersionOutput, error) {
		s.Clock.Advance(time.Minute)
		return c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: new(allowing(action)), SetAsDefault: def})
	}
	for n := 2; n <= 5; n++ {
		made, err := create(fmt.Sprintf("a:v%d", n), n == 3)
		must(t, err)
		v := made.PolicyVersion
		if *v.VersionId != fmt.Sprintf("v%d", n) || v.IsDefaultVersion != (n == 3) || v.Document != nil || !v.CreateDate.Equal(s.Clock.Now().Truncate(time.Second)) {
			t.Errorf("version %d is %+v", n, v)
		}
	}
	_, err := create("a:v6", false)
	refused(t, err, "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")

	listed := func() (ids []string) {
		for _, page := range pages(t, func(marker *string, most *int32) ([]types.PolicyVersion, *string, error) {
			out, err := c.ListPolicyVersions(t.Context(), &iam.ListPolicyVersionsInput{PolicyArn: &arn, Marker: marker, MaxItems: most})
			if err != nil {
				return nil, nil, err
			}
			return out.Versions, next(out.IsTruncated, out.Marker), nil
		}) {
			for _, v := range page {
				id := *v.VersionId
				if v.IsDefaultVersion {
					id += "*"
				}
				ids = append(ids, id)
			}
		}
		return ids
	}
	if diff := cmp.Diff([]string{"v5", "v4", "v3*", "v2", "v1"}, listed()); diff != "" {
		t.Error(diff)
	}
	remove := func(id string) error {
		return second(c.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: &id}))
	}
	refused(t, remove("v3"), "DeleteConflict", "Cannot delete the default version of a policy.")
	must(t, remove("v5"))
	refused(t, remove("v5"), "NoSuchEntity", "Policy "+arn+" version v5 does not exist or is not attachable.")
	made, err := create("a:v6", false)
	must(t, err)
	if *made.PolicyVersion.VersionId != "v6" {
		t.Errorf("the number of a version that is gone was given again: %s", *made.PolicyVersion.VersionId)
	}
	must(t, second(c.SetDefaultPolicyVersion(t.Context(), &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: new("v2")})))
	if diff := cmp.Diff([]string{"v6", "v4", "v3", "v2*", "v1"}, listed()); diff != "" {
		t.Error(diff)
	}
	got, err := c.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: &arn})
	must(t, err)
	if *got.Policy.DefaultVersionId != "v2" || !got.Policy.UpdateDate.Equal(*made.PolicyVersion.CreateDate) || !got.Policy.CreateDate.Before(*got.Policy.UpdateDate) {
		t.Errorf("the policy is %+v", got.Policy)
	}
	err = second(c.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: &arn}))
	refused(t, err, "DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	for _, id := range []string{"v1", "v3", "v4", "v6"} {
		must(t, remove(id))
	}
	must(t, second(c.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: &arn})))
}
