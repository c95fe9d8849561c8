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

// makeGroups makes groups of those names.
func makeGroups(t *testing.T, c *iam.Client, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: &name}); err != nil {
			t.Fatal(err)
		}
	}
}

// join makes a user a member of a group.
func join(t *testing.T, c *iam.Client, user, group string) {
	t.Helper()
	if _, err := c.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{UserName: &user, GroupName: &group}); err != nil {
		t.Fatal(err)
	}
}

// membersOf are the names of a group's members.
func membersOf(t *testing.T, c *iam.Client, group string) string {
	t.Helper()
	var names []string
	pages := iam.NewGetGroupPaginator(c, &iam.GetGroupInput{GroupName: &group, MaxItems: new(int32(2))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			names = append(names, *u.UserName)
		}
	}
	return strings.Join(names, " ")
}

// groupsOf are the names of the groups that a user is in.
func groupsOf(t *testing.T, c *iam.Client, user string) string {
	t.Helper()
	var names []string
	pages := iam.NewListGroupsForUserPaginator(c, &iam.ListGroupsForUserInput{UserName: &user, MaxItems: new(int32(2))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.Groups {
			names = append(names, *g.GroupName)
		}
	}
	return strings.Join(names, " ")
}

func TestGroup(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	ctx := t.Context()
	made, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("devs"), Path: new("/org/")})
	if err != nil {
		t.Fatal(err)
	}
	unexported := cmpopts.IgnoreUnexported(types.Group{})
	want := &types.Group{Arn: new("arn:aws:iam::123456789012:group/org/devs"), Path: new("/org/"), GroupName: new("devs")}
	if diff := cmp.Diff(want, made.Group, unexported, cmpopts.IgnoreFields(types.Group{}, "GroupId", "CreateDate")); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if id := *made.Group.GroupId; !strings.HasPrefix(id, "AGPA") || len(id) != 21 {
		t.Errorf("the group's id is %s", id)
	}
	makeUsers(t, c, "ada", "bob", "cyd")
	makeGroups(t, c, "admins", "zoo")
	for _, name := range []string{"cyd", "ada", "bob", "ada"} { // twice is no error
		join(t, c, name, "devs")
	}
	join(t, c, "ada", "zoo")
	join(t, c, "ada", "admins")
	if got := membersOf(t, c, "devs"); got != "ada bob cyd" {
		t.Errorf("the members are %s", got)
	}
	if got := groupsOf(t, c, "ada"); got != "admins devs zoo" {
		t.Errorf("ada is in %s", got)
	}
	for range 2 { // twice is no error
		if _, err := c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: new("bob"), GroupName: new("devs")}); err != nil {
			t.Error(err)
		}
	}
	if got := membersOf(t, c, "devs"); got != "ada cyd" {
		t.Errorf("the members are %s", got)
	}
	if _, err := c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: new("devs"), NewGroupName: new("Devs"), NewPath: new("/")}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetGroup(ctx, &iam.GetGroupInput{GroupName: new("Devs")})
	if err != nil {
		t.Fatal(err)
	}
	renamed := *made.Group
	renamed.Arn, renamed.Path, renamed.GroupName = new("arn:aws:iam::123456789012:group/Devs"), new("/"), new("Devs")
	if diff := cmp.Diff(&renamed, got.Group, unexported); diff != "" {
		t.Errorf("renamed (-want +got):\n%s", diff)
	}
	if got := membersOf(t, c, "Devs"); got != "ada cyd" {
		t.Errorf("after a rename the members are %s", got)
	}
	listed, err := c.ListGroups(ctx, &iam.ListGroupsInput{MaxItems: new(int32(2))})
	if err != nil || len(listed.Groups) != 2 || *listed.Groups[0].GroupName != "Devs" || !listed.IsTruncated {
		t.Errorf("listed: %+v: %v", listed, err)
	}
}

func TestGroupFaults(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	makeUsers(t, c, "ada", "owned")
	makeGroups(t, c, "devs", "ops", "attached", "inline")
	join(t, c, "ada", "devs")
	changeUser(t, s, "owned", func(p *identity.Principal) { p.From = "configuration file" })
	for name, change := range map[string]func(*identity.Group){
		"attached": func(g *identity.Group) { g.Attached = []string{adminPolicy} },
		"inline":   func(g *identity.Group) { g.Policies = map[string]string{"p": servicetest.Allow("*", "*")} },
	} {
		store(t, s, func(tx kv.Tx) error {
			g, err := s.Directory.Groups.Get(tx, servicetest.Account, name)
			if err != nil {
				return err
			}
			changed := *g
			change(&changed)
			return s.Directory.Groups.Put(tx, &changed, servicetest.Account, name)
		})
	}
	_, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("DEVS")})
	wantFault(t, "a name that is taken", err, "EntityAlreadyExists", "Group with name DEVS already exists.")
	_, err = c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: new("ops"), NewGroupName: new("Devs")})
	wantFault(t, "renaming to another", err, "EntityAlreadyExists", "Group with name Devs already exists.")
	_, err = c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: new("none"), NewGroupName: new("some")})
	wantFault(t, "renaming none", err, "NoSuchEntity", "The group with name none cannot be found.")
	_, err = c.GetGroup(ctx, &iam.GetGroupInput{GroupName: new("none")})
	wantFault(t, "getting none", err, "NoSuchEntity", "The group with name none cannot be found.")
	_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: new("none"), UserName: new("ada")})
	wantFault(t, "joining none", err, "NoSuchEntity", "The group with name none cannot be found.")
	_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: new("devs"), UserName: new("none")})
	wantFault(t, "nobody joining", err, "NoSuchEntity", "The user with name none cannot be found.")
	_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: new("devs"), UserName: new("owned")})
	wantFault(t, "one of the configuration joining", err, "UnmodifiableEntity", "")
	_, err = c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: new("devs"), UserName: new("none")})
	wantFault(t, "nobody leaving", err, "NoSuchEntity", "The user with name none cannot be found.")
	_, err = c.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: new("none")})
	wantFault(t, "nobody's groups", err, "NoSuchEntity", "The user with name none cannot be found.")
	for name, want := range map[string][2]string{
		"none":     {"NoSuchEntity", "The group with name none cannot be found."},
		"devs":     {"DeleteConflict", "Cannot delete entity, must remove users from group first."},
		"attached": {"DeleteConflict", "Cannot delete entity, must detach all policies first."},
		"inline":   {"DeleteConflict", "Cannot delete entity, must delete policies first."},
	} {
		_, err := c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: &name})
		wantFault(t, "deleting "+name, err, want[0], want[1])
	}
}

// TestGroupQuotas holds how many groups there may be, and how many a user may be in.
func TestGroupQuotas(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	makeUsers(t, c, "ada")
	for i := range 11 {
		makeGroups(t, c, fmt.Sprintf("group-%02d", i))
	}
	for i := range 10 {
		join(t, c, "ada", fmt.Sprintf("group-%02d", i))
	}
	_, err := c.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{UserName: new("ada"), GroupName: new("group-10")})
	wantFault(t, "an eleventh group", err, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")
	join(t, c, "ada", "group-09") // who is in it already stays
	for from := 11; from < 300; from += 50 {
		store(t, s, func(tx kv.Tx) error {
			for i := from; i < min(from+50, 300); i++ {
				g := &identity.Group{Account: servicetest.Account, Name: fmt.Sprint("g", i), ID: identity.NewID(identity.PrefixGroup)}
				if err := s.Directory.Groups.Put(tx, g, g.Account, g.Name); err != nil {
					return err
				}
			}
			return nil
		})
	}
	_, err = c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: new("one-more")})
	wantFault(t, "a 301st group", err, "LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 300")
}

// TestGroupsPoliciesFollowTheMembership holds that a user has a group's policies from the
// moment of joining to that of leaving, whatever the group is called.
func TestGroupsPoliciesFollowTheMembership(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ada := iam.NewFromConfig(s.Config(s.User("ada")))
	makeGroups(t, c, "readers")
	store(t, s, func(tx kv.Tx) error {
		g, err := s.Directory.Groups.Get(tx, servicetest.Account, "readers")
		if err != nil {
			return err
		}
		changed := *g
		changed.Policies = map[string]string{"read": servicetest.Allow("*", "iam:GetUser")}
		if err := s.Directory.Groups.Put(tx, &changed, servicetest.Account, "readers"); err != nil {
			return err
		}
		return s.Directory.Touch(tx, servicetest.Account)
	})
	may := func(when string, want bool) {
		t.Helper()
		if _, err := ada.GetUser(t.Context(), &iam.GetUserInput{}); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	may("before", false)
	join(t, c, "ada", "readers")
	may("as a member", true)
	if _, err := c.UpdateGroup(t.Context(), &iam.UpdateGroupInput{GroupName: new("readers"), NewGroupName: new("watchers")}); err != nil {
		t.Fatal(err)
	}
	may("after the group's rename", true)
	makeGroups(t, c, "readers")
	may("beside another of the old name", true)
	if _, err := c.RemoveUserFromGroup(t.Context(), &iam.RemoveUserFromGroupInput{UserName: new("ada"), GroupName: new("watchers")}); err != nil {
		t.Fatal(err)
	}
	may("after leaving", false)
}
