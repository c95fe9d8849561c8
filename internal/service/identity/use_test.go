// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// use tells a key's credential of a use, does what it leaves, and reports whether that
// was anything.
func (h *house) use(id string, after time.Duration, service string) bool {
	h.t.Helper()
	write := h.credential(id).Used(gate.Use{Time: now.Add(after), Service: service, Region: "eu-west-1"})
	if write != nil {
		h.do(write)
	}
	return write != nil
}

func (h *house) lastUse(id string) (last *identity.Use) {
	h.t.Helper()
	if _, err := h.store.View(h.t.Context(), func(r kv.Reader) (err error) {
		last, err = h.LastUse(r, id)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return last
}

// TestFirstUseOfASpanIsNoted holds that the first use in 15 minutes is recorded, and that
// the others leave nothing to write, also when the credential was made anew.
func TestFirstUseOfASpanIsNoted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada)
	key := h.mustKey(ada, identity.NewKey{})
	if got := h.lastUse(key.ID); got != nil {
		t.Errorf("a new key was used: %+v", got)
	}
	for _, c := range []struct {
		after   time.Duration
		service string
		writes  bool
		want    identity.Use
	}{
		{0, "kms", true, identity.Use{At: now, Service: "kms", Region: "eu-west-1"}},
		{15*time.Minute - 1, "ssm", false, identity.Use{At: now, Service: "kms", Region: "eu-west-1"}},
		{15 * time.Minute, "sts", true, identity.Use{At: now.Add(15 * time.Minute), Service: "sts", Region: "eu-west-1"}},
	} {
		if got := h.use(key.ID, c.after, c.service); got != c.writes {
			t.Errorf("after %v: writes %v", c.after, got)
		}
		if diff := cmp.Diff(&c.want, h.lastUse(key.ID)); diff != "" {
			t.Errorf("after %v, -want +got:\n%s", c.after, diff)
		}
	}
	h.put(ada) // no change of it
	changed := ada
	changed.Policies = nil
	h.put(changed)
	h.use(key.ID, 16*time.Minute, "kms")
	if got := h.lastUse(key.ID); got.Service != "sts" {
		t.Errorf("a use of the same span was recorded: %+v", got)
	}
}

// TestUseOfAKeyEndsWithIt holds that nothing is left of a deleted key, and nothing comes
// back when a use is written after that.
func TestUseOfAKeyEndsWithIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada)
	key := h.mustKey(ada, identity.NewKey{})
	h.use(key.ID, 0, "kms")
	write := h.credential(key.ID).Used(gate.Use{Time: now.Add(time.Hour), Service: "kms"})
	h.do(func(tx kv.Tx) error { return h.DeleteKey(tx, key.ID) })
	h.do(write)
	if left := h.left("iam/use"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	session := h.start(identity.User, "ada", identity.NewSession{Duration: time.Hour})
	if h.presented(session.ID, session.SessionToken.RevealString()).Used != nil {
		t.Error("the use of a session is noted")
	}
}
