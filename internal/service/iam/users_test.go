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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const adminPolicy = "arn:aws:iam::aws:policy/AdministratorAccess"

// makeUsers makes users of those names.
func makeUsers(t *testing.T, c *iam.Client, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
			t.Fatal(err)
		}
	}
}

// store changes what the server has by a way that no operation has.
func store(t *testing.T, s *servicetest.Server, change func(kv.Tx) error) {
	t.Helper()
	if _, err := s.Store.Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// changeUser changes the record of a user.
func changeUser(t *testing.T, s *servicetest.Server, name string, change func(*identity.Principal)) {
	t.Helper()
	store(t, s, func(tx kv.Tx) error {
		p, err := s.Directory.Principals.Get(tx, servicetest.Account, string(identity.User), name)
		if err != nil {
			return err
		}
		changed := *p
		change(&changed)
		return s.Directory.Principals.Put(tx, &changed, servicetest.Account, string(identity.User), name)
	})
}

var ignoreUser = []cmp.Option{
	cmpopts.IgnoreUnexported(types.User{}, types.Tag{}, types.AttachedPermissionsBoundary{}), cmpopts.IgnoreFields(types.User{}, "UserId", "CreateDate"),
}

func TestUser(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	made, err := c.CreateUser(t.Context(), &iam.CreateUserInput{
		UserName: new("ada"), Path: new("/team/"), PermissionsBoundary: new(adminPolicy),
		Tags: []types.Tag{{Key: new("team"), Value: new("orders")}, {Key: new("Env"), Value: new("")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &types.User{
		Arn: new("arn:aws:iam::123456789012:user/team/ada"), Path: new("/team/"), UserName: new("ada"),
		PermissionsBoundary: &types.AttachedPermissionsBoundary{PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: new(adminPolicy)},
		Tags:                []types.Tag{{Key: new("Env"), Value: new("")}, {Key: new("team"), Value: new("orders")}},
	}
	if diff := cmp.Diff(want, made.User, ignoreUser...); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if id := *made.User.UserId; !strings.HasPrefix(id, "AIDA") || len(id) != 21 {
		t.Errorf("the user's id is %s", id)
	}
	if got := *made.User.CreateDate; s.Clock.Now().Sub(got).Seconds() >= 1 {
		t.Errorf("the user was made at %v", got)
	}
	got, err := c.GetUser(t.Context(), &iam.GetUserInput{UserName: new("ada")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made.User, got.User, ignoreUser[0]); diff != "" {
		t.Errorf("GetUser (-want +got):\n%s", diff)
	}
	listed, err := c.ListUsers(t.Context(), &iam.ListUsersInput{})
	if err != nil {
		t.Fatal(err)
	}
	want.PermissionsBoundary, want.Tags = nil, nil // lists have a subset
	if diff := cmp.Diff([]types.User{*want}, listed.Users, ignoreUser...); diff != "" {
		t.Errorf("ListUsers (-want +got):\n%s", diff)
	}
	if _, err := c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: new("ada")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetUser(t.Context(), &iam.GetUserInput{UserName: new("ada")})
	wantFault(t, "a deleted user", err, "NoSuchEntity", "The user with name ada cannot be found.")
}

// TestCallerIsTheUser holds what an operation without a UserName is about.
func TestCallerIsTheUser(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	root, err := c.GetUser(t.Context(), &iam.GetUserInput{})
	if err != nil {
		t.Fatal(err)
	}
	want := &types.User{Arn: new("arn:aws:iam::123456789012:root"), UserId: new(servicetest.Account)}
	if diff := cmp.Diff(want, root.User, cmpopts.IgnoreUnexported(types.User{}), cmpopts.IgnoreFields(types.User{}, "CreateDate")); diff != "" {
		t.Errorf("the root (-want +got):\n%s", diff)
	}
	ada := iam.NewFromConfig(s.Config(s.User("ada", servicetest.Allow("arn:aws:iam::*:user/${aws:username}", "iam:GetUser", "iam:ListAccessKeys"))))
	own, err := ada.GetUser(t.Context(), &iam.GetUserInput{})
	if err != nil || *own.User.UserName != "ada" {
		t.Errorf("ada is %+v: %v", own, err)
	}
	keys, err := ada.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{})
	if err != nil || len(keys.AccessKeyMetadata) != 1 || *keys.AccessKeyMetadata[0].UserName != "ada" {
		t.Errorf("ada has %+v: %v", keys, err)
	}
	_, err = ada.GetUser(t.Context(), &iam.GetUserInput{UserName: new("bob")})
	wantFault(t, "another user", err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:GetUser "+
		"on resource: user bob because no identity-based policy allows the iam:GetUser action")
	_, err = ada.ListUsers(t.Context(), &iam.ListUsersInput{})
	wantFault(t, "all users", err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:ListUsers "+
		"on resource: arn:aws:iam::123456789012:user/ because no identity-based policy allows the iam:ListUsers action")

	var role servicetest.Credentials
	store(t, s, func(tx kv.Tx) error {
		app := identity.Principal{Account: servicetest.Account, Kind: identity.Role, Name: "app", Policies: map[string]string{"all": servicetest.Allow("*", "*")}}
		p, err := s.Directory.PutPrincipal(tx, app, s.Clock.Now())
		if err != nil {
			return err
		}
		key, err := s.Directory.StartSession(p, identity.NewSession{Session: "i-1", Duration: identity.MaxSession}, s.Clock.Now())
		role = servicetest.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.RevealString(), SessionToken: key.SessionToken.RevealString()}
		return err
	})
	_, err = iam.NewFromConfig(s.Config(role)).GetUser(t.Context(), &iam.GetUserInput{})
	wantFault(t, "a role", err, "ValidationError", "Must specify userName when calling with non-User credentials")
}

func TestUserFaults(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	makeUsers(t, c, "ada", "bob", "keyed", "grouped", "attached", "inline", "owned")
	create := func(in iam.CreateUserInput) error {
		if in.UserName == nil {
			in.UserName = new("new")
		}
		_, err := c.CreateUser(ctx, &in)
		return err
	}
	tag := func(key string) types.Tag { return types.Tag{Key: &key, Value: new("x")} }
	wantFault(t, "a name that is taken", create(iam.CreateUserInput{UserName: new("ADA")}), "EntityAlreadyExists", "User with name ADA already exists.")
	wantFault(t, "a name with a slash", create(iam.CreateUserInput{UserName: new("a/b")}), "ValidationError", "")
	wantFault(t, "a path without an end", create(iam.CreateUserInput{Path: new("/team")}), "ValidationError", "")
	wantFault(t, "no boundary", create(iam.CreateUserInput{PermissionsBoundary: new("arn:aws:iam::123456789012:policy/none")}), "NoSuchEntity",
		"Scope ARN: arn:aws:iam::123456789012:policy/none does not exist or is not attachable.")
	wantFault(t, "one tag twice", create(iam.CreateUserInput{Tags: []types.Tag{tag("Team"), tag("team")}}), "InvalidInput",
		"Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	wantFault(t, "a reserved tag", create(iam.CreateUserInput{Tags: []types.Tag{tag("AWS:team")}}), "InvalidInput", "")

	update := func(in iam.UpdateUserInput) error {
		_, err := c.UpdateUser(ctx, &in)
		return err
	}
	wantFault(t, "renaming nobody", update(iam.UpdateUserInput{UserName: new("none"), NewPath: new("/x/")}), "NoSuchEntity", "The user with name none cannot be found.")
	wantFault(t, "renaming to another", update(iam.UpdateUserInput{UserName: new("ada"), NewUserName: new("Bob")}), "EntityAlreadyExists", "User with name Bob already exists.")

	if _, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: new("keyed")}); err != nil {
		t.Fatal(err)
	}
	changeUser(t, s, "grouped", func(p *identity.Principal) { p.Groups = []string{"AGPA"} })
	changeUser(t, s, "attached", func(p *identity.Principal) { p.Attached = []string{adminPolicy} })
	changeUser(t, s, "inline", func(p *identity.Principal) { p.Policies = map[string]string{"p": servicetest.Allow("*", "*")} })
	changeUser(t, s, "owned", func(p *identity.Principal) { p.From = "configuration file" })
	for name, want := range map[string][2]string{
		"none":     {"NoSuchEntity", "The user with name none cannot be found."},
		"ADA":      {"NoSuchEntity", "The user with name ADA cannot be found."},
		"keyed":    {"DeleteConflict", "Cannot delete entity, must delete access keys first."},
		"grouped":  {"DeleteConflict", "Cannot delete entity, must remove users from group first."},
		"attached": {"DeleteConflict", "Cannot delete entity, must detach all policies first."},
		"inline":   {"DeleteConflict", "Cannot delete entity, must delete policies first."},
		"owned":    {"UnmodifiableEntity", "The user owned belongs to the configuration file of the server. Change it there."},
	} {
		_, err := c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
		wantFault(t, "deleting "+name, err, want[0], want[1])
	}
	wantFault(t, "renaming what is the configuration's", update(iam.UpdateUserInput{UserName: new("owned"), NewUserName: new("mine")}), "UnmodifiableEntity", "")
}

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
