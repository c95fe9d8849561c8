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

// TestListUsers pages through users, while others come and go.
func TestListUsers(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	for i := range 7 {
		in := &iam.CreateUserInput{UserName: new(fmt.Sprintf("user-%d", i)), Path: new([]string{"/", "/a/", "/a/b/"}[i%3])}
		if _, err := c.CreateUser(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string]string{
		"/": "0 1 2 3 4 5 6", "/a/": "1 2 4 5", "/a": "1 2 4 5", "/a/b/": "2 5", "/b/": "",
	} {
		var got []string
		pages := iam.NewListUsersPaginator(c, &iam.ListUsersInput{PathPrefix: &prefix, MaxItems: new(int32(2))})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Users) > 2 || page.IsTruncated != (page.Marker != nil) {
				t.Errorf("%s: a page of %d users, truncated: %v", prefix, len(page.Users), page.IsTruncated)
			}
			for _, u := range page.Users {
				got = append(got, strings.TrimPrefix(*u.UserName, "user-"))
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("below %s (-want +got):\n%s", prefix, diff)
		}
	}
	first, err := c.ListUsers(t.Context(), &iam.ListUsersInput{MaxItems: new(int32(3))})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"user-2", "user-3"} { // the one that the page ended with, and the next
		if _, err := c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	next, err := c.ListUsers(t.Context(), &iam.ListUsersInput{Marker: first.Marker})
	if err != nil || len(next.Users) != 3 || *next.Users[0].UserName != "user-4" {
		t.Errorf("the next page is %+v: %v", next, err)
	}
	_, err = c.ListUsers(t.Context(), &iam.ListUsersInput{Marker: first.Marker, PathPrefix: new("/a/")})
	wantFault(t, "a marker of another list", err, "ValidationError", "Invalid Marker.")
	other := iam.NewFromConfig(s.Config(s.UserIn("111122223333", "eve", servicetest.Allow("*", "*"))))
	_, err = other.ListUsers(t.Context(), &iam.ListUsersInput{Marker: first.Marker})
	wantFault(t, "a marker of another account", err, "ValidationError", "Invalid Marker.")
	if theirs, err := other.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil || len(theirs.Users) != 1 {
		t.Errorf("another account sees %+v: %v", theirs, err)
	}
}

// TestUserConditions holds who may change users by the keys that policies know.
func TestUserConditions(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("tagged"), Tags: []types.Tag{{Key: new("team"), Value: new("a")}}}); err != nil {
		t.Fatal(err)
	}
	makeUsers(t, c, "plain")
	conditional := func(action, condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"*","Condition":` + condition + `}}`
	}
	as := iam.NewFromConfig(s.Config(s.User("ops",
		conditional("iam:GetUser", `{"StringEquals":{"aws:ResourceTag/team":"a"}}`),
		conditional("iam:ListGroupsForUser", `{"StringEquals":{"iam:ResourceTag/Team":"a"}}`),
		conditional("iam:CreateUser", `{"ArnEquals":{"iam:PermissionsBoundary":"`+adminPolicy+`"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]},"StringLikeIfExists":{"aws:RequestTag/team":"b*"}}`),
		servicetest.Allow("*", "iam:TagUser"),
		servicetest.Allow("arn:aws:iam::123456789012:user/plain", "iam:UpdateUser"),
		servicetest.Allow("arn:aws:iam::123456789012:user/x/allowed", "iam:UpdateUser"),
	)))
	get := func(name string) error {
		_, err := as.GetUser(t.Context(), &iam.GetUserInput{UserName: &name})
		return err
	}
	groups := func(name string) error {
		_, err := as.ListGroupsForUser(t.Context(), &iam.ListGroupsForUserInput{UserName: &name})
		return err
	}
	create := func(boundary *string, tags ...string) error {
		in := &iam.CreateUserInput{UserName: new("new-" + strings.Join(tags, "-")), PermissionsBoundary: boundary}
		for i := 0; i < len(tags); i += 2 {
			in.Tags = append(in.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
		}
		_, err := as.CreateUser(t.Context(), in)
		return err
	}
	rename := func(name, path string) error {
		_, err := as.UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: new("plain"), NewUserName: &name, NewPath: &path})
		return err
	}
	for what, c := range map[string]struct {
		err   error
		works bool
	}{
		"the tagged user": {get("tagged"), true}, "another": {get("plain"), false}, "nobody": {get("none"), false},
		"its groups by IAM's key": {groups("tagged"), true}, "another's": {groups("plain"), false},
		"within the boundary": {create(new(adminPolicy)), true}, "without": {create(nil, "team", "bill"), false},
		"with a tag": {create(new(adminPolicy), "team", "bill"), true}, "with another value": {create(new(adminPolicy), "team", "al"), false},
		"with another tag":       {create(new(adminPolicy), "other", "bill"), false},
		"to what is not allowed": {rename("other", "/x/"), false},
	} {
		if c.works && c.err != nil {
			t.Errorf("%s: %v", what, c.err)
		}
		if !c.works {
			wantFault(t, what, c.err, "AccessDenied", "")
		}
	}
	if err := rename("allowed", "/x/"); err != nil {
		t.Errorf("to what is allowed: %v", err)
	}
}
