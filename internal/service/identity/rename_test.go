// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// rename gives a user another name.
func (h *house) rename(from, to string) {
	h.t.Helper()
	h.do(func(tx kv.Tx) error {
		p, err := h.Principals.Get(tx, account, string(identity.User), from)
		if err != nil {
			return err
		}
		return h.Rename(tx, p, to)
	})
}

// TestRenameKeepsKeysAndSessions holds that whoever a key or a session stands for stays
// the same, under the new name, even when somebody else gets the old one.
func TestRenameKeepsKeysAndSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada)
	key := h.mustKey(ada, identity.NewKey{})
	session := h.start(identity.User, "ada", identity.NewSession{Duration: time.Hour})
	token := session.SessionToken.RevealString()
	id := h.credential(key.ID).Principal.UserID
	for _, name := range []string{"augusta", "lovelace"} {
		h.rename(map[string]string{"augusta": "ada", "lovelace": "augusta"}[name], name)
		h.put(ada)
		for what, c := range map[string]*struct{ id, token string }{
			"key": {key.ID, ""}, "session": {session.ID, token},
		} {
			got := h.presented(c.id, c.token)
			if got == nil || got.Principal.UserID != id || got.Principal.UserName != name {
				t.Errorf("as %s: the %s is %+v", name, what, got)
			}
		}
	}
	h.rename("lovelace", "lovelace2")
	h.do(func(tx kv.Tx) error { return h.DeletePrincipal(tx, account, identity.User, "lovelace2") })
	if h.presented(key.ID, "") != nil || h.presented(session.ID, token) != nil {
		t.Error("a key or a session outlived its user")
	}
	if left := h.left("iam/renamed"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// left returns the keys of the store that begin with the prefix.
func (h *house) left(prefix string) (keys []string) {
	h.t.Helper()
	if _, err := h.store.View(h.t.Context(), func(r kv.Reader) error {
		keys = nil
		for pair, err := range r.Scan(kv.Range{Prefix: prefix}) {
			if err != nil {
				return err
			}
			keys = append(keys, pair.Key)
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	return keys
}

// TestNamesDifferInMoreThanCase holds for whoever makes a principal by another way than
// IAM's operations.
func TestNamesDifferInMoreThanCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada, app)
	other := ada
	other.Name = "ADA"
	if err := h.try(func(tx kv.Tx) error { _, err := h.PutPrincipal(tx, other, now); return err }); !errors.Is(err, identity.ErrNameTaken) {
		t.Errorf("ADA beside ada: %v", err)
	}
	other.Kind = identity.Role
	h.put(other) // a role is no user
	h.put(ada)   // and who is there already stays
}
