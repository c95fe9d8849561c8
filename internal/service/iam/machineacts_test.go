// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (m *machine) createUser(rt *rapid.T) {
	name := someName(rt, "name")
	out, code := try(rt, m, m.service.createUser, iam.CreateUserInput{UserName: &name})
	if clash(m.users, name, "") {
		expect(rt, "creating user "+name, code, exists)
		return
	}
	expect(rt, "creating user "+name, code, "")
	m.users[name] = *out.User.UserId
	m.members[*out.User.UserId] = map[string]bool{}
}

func (m *machine) createGroup(rt *rapid.T) {
	name := someName(rt, "name")
	out, code := try(rt, m, m.service.createGroup, iam.CreateGroupInput{GroupName: &name})
	if clash(m.groups, name, "") {
		expect(rt, "creating group "+name, code, exists)
		return
	}
	expect(rt, "creating group "+name, code, "")
	m.groups[name] = *out.Group.GroupId
}

// moved is what a rename does to the names of a model, or the code of its refusal.
func moved(names map[string]string, from, to string) string {
	id, found := names[from]
	switch {
	case !found:
		return missing
	case clash(names, to, from):
		return exists
	}
	delete(names, from)
	names[to] = id
	return ""
}

func (m *machine) renameUser(rt *rapid.T) {
	from, to := someName(rt, "from"), someName(rt, "to")
	_, code := try(rt, m, m.service.updateUser, iam.UpdateUserInput{UserName: &from, NewUserName: &to})
	expect(rt, "renaming user "+from+" to "+to, code, moved(m.users, from, to))
}

func (m *machine) renameGroup(rt *rapid.T) {
	from, to := someName(rt, "from"), someName(rt, "to")
	_, code := try(rt, m, m.service.updateGroup, iam.UpdateGroupInput{GroupName: &from, NewGroupName: &to})
	expect(rt, "renaming group "+from+" to "+to, code, moved(m.groups, from, to))
}

func (m *machine) deleteUser(rt *rapid.T) {
	name := someName(rt, "name")
	_, code := try(rt, m, m.service.deleteUser, iam.DeleteUserInput{UserName: &name})
	id, found := m.users[name]
	switch {
	case !found:
		expect(rt, "deleting user "+name, code, missing)
	case len(m.members[id]) > 0 || slices.Contains(slices.Collect(maps.Values(m.keys)), id):
		expect(rt, "deleting user "+name, code, conflict)
	default:
		expect(rt, "deleting user "+name, code, "")
		delete(m.users, name)
	}
}

func (m *machine) deleteGroup(rt *rapid.T) {
	name := someName(rt, "name")
	_, code := try(rt, m, m.service.deleteGroup, iam.DeleteGroupInput{GroupName: &name})
	id, found := m.groups[name]
	want := ""
	for _, in := range m.members {
		if in[id] {
			want = conflict
		}
	}
	if !found {
		want = missing
	}
	expect(rt, "deleting group "+name, code, want)
	if want == "" {
		delete(m.groups, name)
	}
}

func (m *machine) change(rt *rapid.T, member bool) {
	user, group := someName(rt, "user"), someName(rt, "group")
	var code string
	if member {
		_, code = try(rt, m, m.service.addUserToGroup, iam.AddUserToGroupInput{UserName: &user, GroupName: &group})
	} else {
		_, code = try(rt, m, m.service.removeUserFromGroup, iam.RemoveUserFromGroupInput{UserName: &user, GroupName: &group})
	}
	if m.users[user] == "" || m.groups[group] == "" {
		expect(rt, "a membership of "+user+" in "+group, code, missing)
		return
	}
	expect(rt, "a membership of "+user+" in "+group, code, "")
	if member {
		m.members[m.users[user]][m.groups[group]] = true
	} else {
		delete(m.members[m.users[user]], m.groups[group])
	}
}

func (m *machine) createKey(rt *rapid.T) {
	name := someName(rt, "name")
	out, code := try(rt, m, m.service.createAccessKey, iam.CreateAccessKeyInput{UserName: &name})
	count := 0
	for _, user := range m.keys {
		if user == m.users[name] {
			count++
		}
	}
	switch {
	case m.users[name] == "":
		expect(rt, "a key of "+name, code, missing)
	case count == 2:
		expect(rt, "a key of "+name, code, "LimitExceeded")
	default:
		expect(rt, "a key of "+name, code, "")
		m.keys[*out.AccessKey.AccessKeyId] = m.users[name]
	}
}

func (m *machine) deleteKey(rt *rapid.T) {
	name := someName(rt, "name")
	for _, id := range slices.Sorted(maps.Keys(m.keys)) {
		_, code := try(rt, m, m.service.deleteAccessKey, iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: &id})
		if m.users[name] != "" && m.keys[id] == m.users[name] {
			expect(rt, "deleting a key of "+name, code, "")
			delete(m.keys, id)
			return
		}
		expect(rt, "deleting a key of another than "+name, code, missing)
	}
}

func (m *machine) startSession(rt *rapid.T) {
	name := someName(rt, "name")
	if m.users[name] == "" || len(m.sessions) > 4 {
		return
	}
	if _, err := m.store.View(rt.Context(), func(r kv.Reader) error {
		p, err := m.service.user(r, m.call, &name)
		if err != nil {
			return err
		}
		key, err := m.service.directory.StartSession(p, identity.NewSession{Duration: time.Hour}, m.call.Time)
		m.sessions[key.ID] = session{key.SessionToken.RevealString(), p.ID}
		return err
	}); err != nil {
		rt.Fatal(err)
	}
}
