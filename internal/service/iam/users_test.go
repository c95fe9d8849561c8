// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
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
