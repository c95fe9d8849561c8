// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

const machineAccount = "123456789012"

// machine is an account's users and groups, and its model, in which things are known by
// their unique ids: whatever is renamed, each keeps what it has.
type machine struct {
	service *Service
	store   kv.Store
	call    *gate.Call

	users, groups map[string]string          // ids by name
	members       map[string]map[string]bool // groups' ids by user's id
	keys          map[string]string          // users' ids by access key
	sessions      map[string]session
}

// session is a session's token, and the id of its user.
type session struct{ token, user string }

func newMachine() *machine {
	return &machine{
		service: &Service{identity.NewDirectory(identity.Options{})}, store: memkv.New(),
		call: &gate.Call{
			Account: machineAccount, Region: "us-east-1", Time: time.Unix(1e9, 0),
			Principal: &gate.Principal{Principal: policy.Principal{Type: policy.Root, Account: machineAccount, ARN: "arn:aws:iam::123456789012:root"}},
		},
		users: map[string]string{}, groups: map[string]string{}, members: map[string]map[string]bool{},
		keys: map[string]string{}, sessions: map[string]session{},
	}
}

// try calls a handler that writes, and returns the code of its error, if any.
func try[In, Out any](rt *rapid.T, m *machine, handler func(context.Context, kv.Tx, *gate.Call, *In) (*Out, error), in In) (out *Out, code string) {
	_, err := m.store.Update(rt.Context(), func(tx kv.Tx) (err error) {
		out, err = handler(rt.Context(), tx, m.call, &in)
		return err
	})
	if answer, ok := errors.AsType[*api.Error](err); ok {
		return nil, answer.Code
	}
	if err != nil {
		rt.Fatal(err)
	}
	return out, ""
}

// ask calls a handler that reads, which is to succeed.
func ask[In, Out any](rt *rapid.T, m *machine, handler func(context.Context, kv.Reader, *gate.Call, *In) (*Out, error), in In) (out *Out) {
	if _, err := m.store.View(rt.Context(), func(r kv.Reader) (err error) {
		out, err = handler(rt.Context(), r, m.call, &in)
		return err
	}); err != nil {
		rt.Fatal(err)
	}
	return out
}

// expect compares the code of an answer with the one that the model has.
func expect(rt *rapid.T, what, got, want string) {
	if got != want {
		rt.Fatalf("%s: %q, want %q", what, got, want)
	}
}

// someName is the name of an entity that is there or not, or that differs from one in
// case alone.
func someName(rt *rapid.T, what string) string {
	return rapid.SampledFrom([]string{"a", "A", "b", "B", "c", "d"}).Draw(rt, what)
}

// clash reports whether a name is taken by another one than old.
func clash(names map[string]string, name, old string) bool {
	for known := range names {
		if known != old && strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

const (
	missing  = "NoSuchEntity"
	exists   = "EntityAlreadyExists"
	conflict = "DeleteConflict"
)

// check holds that everybody has what the model says: nobody lost a group, a key or a
// session, and nobody got another's.
func (m *machine) check(rt *rapid.T) {
	names := map[string]string{}
	for _, u := range ask(rt, m, m.service.listUsers, iam.ListUsersInput{}).Users {
		names[*u.UserName] = *u.UserId
		in := map[string]bool{}
		for _, g := range ask(rt, m, m.service.listGroupsForUser, iam.ListGroupsForUserInput{UserName: u.UserName}).Groups {
			in[*g.GroupId] = true
		}
		if diff := cmp.Diff(m.members[*u.UserId], in); diff != "" {
			rt.Fatalf("the groups of %s (-want +got):\n%s", *u.UserName, diff)
		}
		for _, k := range ask(rt, m, m.service.listAccessKeys, iam.ListAccessKeysInput{UserName: u.UserName}).AccessKeyMetadata {
			if m.keys[*k.AccessKeyId] != *u.UserId {
				rt.Fatalf("%s has another's key", *u.UserName)
			}
		}
	}
	if diff := cmp.Diff(m.users, names); diff != "" {
		rt.Fatalf("the users (-want +got):\n%s", diff)
	}
	clear(names)
	for _, g := range ask(rt, m, m.service.listGroups, iam.ListGroupsInput{}).Groups {
		names[*g.GroupName] = *g.GroupId
		for _, u := range ask(rt, m, m.service.getGroup, iam.GetGroupInput{GroupName: g.GroupName}).Users {
			if !m.members[*u.UserId][*g.GroupId] {
				rt.Fatalf("%s is no member of %s", *u.UserName, *g.GroupName)
			}
		}
	}
	if diff := cmp.Diff(m.groups, names); diff != "" {
		rt.Fatalf("the groups (-want +got):\n%s", diff)
	}
	for id, user := range m.keys {
		m.checkCredential(rt, id, session{user: user})
	}
	for id, of := range m.sessions {
		m.checkCredential(rt, id, of)
	}
}

// checkCredential holds that a key or session stands for its user under the name that it
// has, or for nobody once the user is gone.
func (m *machine) checkCredential(rt *rapid.T, id string, of session) {
	want := ""
	for name, user := range m.users {
		if user == of.user {
			want = name + " " + user
		}
	}
	if _, err := m.store.View(rt.Context(), func(r kv.Reader) error {
		got := ""
		c, err := m.service.directory.Credential(r, id, of.token)
		if c != nil {
			got = c.Principal.UserName + " " + c.Principal.UserID
		}
		expect(rt, "whom "+id+" stands for", got, want)
		return err
	}); err != nil {
		rt.Fatal(err)
	}
}

// TestRenamesAndDeletesKeepWhatIsWhose runs users and groups through changes of all
// kinds, among few names, so that a name is often another's than it was.
func TestRenamesAndDeletesKeepWhatIsWhose(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine()
		defer m.store.Close()
		rt.Repeat(map[string]func(*rapid.T){
			"create user": m.createUser, "rename user": m.renameUser, "delete user": m.deleteUser,
			"create group": m.createGroup, "rename group": m.renameGroup, "delete group": m.deleteGroup,
			"join": func(rt *rapid.T) { m.change(rt, true) }, "leave": func(rt *rapid.T) { m.change(rt, false) },
			"create key": m.createKey, "delete key": m.deleteKey, "start session": m.startSession, "": m.check,
		})
	})
}
