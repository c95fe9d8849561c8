// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"errors"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func TestRotate(t *testing.T) {
	t.Parallel()
	configured := identity.Principal{Account: account, Kind: identity.User, Name: "configured", From: "configuration file"}
	h := newHouse(t, root, ada, app, configured)
	rotate := func(id string, fate identity.Fate) (key *identity.GrantedKey, err error) {
		err = h.try(func(tx kv.Tx) (err error) {
			key, err = h.Rotate(tx, id, fate, now)
			return err
		})
		return key, err
	}
	for _, p := range []identity.Principal{root, ada} {
		first := h.mustKey(p, identity.NewKey{})
		second, err := rotate(first.ID, identity.Kept)
		if err != nil || second.Secret.Equal(first.Secret) || h.credential(first.ID) == nil || h.credential(second.ID) == nil {
			t.Fatalf("rotated %s: %v", p.Kind, err)
		}
		if _, err := rotate(first.ID, identity.Deactivated); !errors.Is(err, identity.ErrTooManyKeys) || h.credential(first.ID) == nil {
			t.Errorf("with two keys of %s: %v", p.Kind, err)
		}
		third, err := rotate(first.ID, identity.Deleted)
		if err != nil || h.credential(first.ID) != nil || h.credential(third.ID) == nil {
			t.Errorf("with two keys of %s, of which one is deleted: %v", p.Kind, err)
		}
	}
	h.mustKey(configured, identity.NewKey{ID: "AKIACONFIGURED000001", Secret: secret.FromString(fixed)})
	for id, want := range map[string]error{
		"AKIANOTTHERE00000000":               identity.ErrNoKey,
		h.mustKey(app, identity.NewKey{}).ID: identity.ErrSession,
		"AKIACONFIGURED000001":               identity.ErrConfigured,
	} {
		if key, err := rotate(id, identity.Deleted); !errors.Is(err, want) || key != nil {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
}
