// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "123456789012"
	all     = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	fixedID = "AKIAIOSFODNN7EXAMPLE"
	fixed   = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var now = time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC)

var (
	root = identity.Principal{Account: account, Kind: identity.Root}
	ada  = identity.Principal{Account: account, Kind: identity.User, Name: "ada", Policies: map[string]string{"all": all}}
	app  = identity.Principal{Account: account, Kind: identity.Role, Name: "app", Policies: map[string]string{"all": all}}
)

// house is a directory over a store in memory.
type house struct {
	*identity.Directory
	t     *testing.T
	store kv.Store
}

func newHouse(t *testing.T, principals ...identity.Principal) *house {
	t.Helper()
	h := &house{identity.NewDirectory(identity.Options{}), t, memkv.New()}
	t.Cleanup(func() { _ = h.store.Close() })
	for _, p := range principals {
		h.put(p)
	}
	return h
}

// try runs fn in a transaction, and returns its error.
func (h *house) try(fn func(kv.Tx) error) error {
	_, err := h.store.Update(context.Background(), fn)
	return err
}

func (h *house) do(fn func(kv.Tx) error) {
	h.t.Helper()
	if err := h.try(fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) put(p identity.Principal) (stored *identity.Principal) {
	h.t.Helper()
	h.do(func(tx kv.Tx) (err error) {
		stored, err = h.PutPrincipal(tx, p, now)
		return err
	})
	return stored
}

// key makes an access key. A role's lasts an hour.
func (h *house) key(p identity.Principal, n identity.NewKey) (key *identity.GrantedKey, err error) {
	n.Account, n.Kind, n.Name = p.Account, p.Kind, p.Name
	if p.Kind == identity.Root {
		n.Name = "root"
	}
	if p.Kind == identity.Role && n.Session == "" {
		n.Session, n.Duration = "session-1", time.Hour
	}
	err = h.try(func(tx kv.Tx) (err error) {
		key, err = h.CreateKey(tx, n, now)
		return err
	})
	return key, err
}

func (h *house) mustKey(p identity.Principal, n identity.NewKey) *identity.GrantedKey {
	h.t.Helper()
	key, err := h.key(p, n)
	if err != nil {
		h.t.Fatal(err)
	}
	return key
}

// credential is what the gate would get.
func (h *house) credential(id string) (c *gate.Credential) {
	h.t.Helper()
	if _, err := h.store.View(context.Background(), func(r kv.Reader) (err error) {
		c, err = h.Credential(r, id, "")
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct {
		put identity.Principal
		arn string
		id  string
	}{
		{root, "arn:aws:iam::123456789012:root", `^123456789012$`},
		{ada, "arn:aws:iam::123456789012:user/ada", `^AIDA[A-Z2-7]{17}$`},
		{app, "arn:aws:iam::123456789012:role/app", `^AROA[A-Z2-7]{17}$`},
	} {
		p := h.put(c.put)
		if p.ARN() != c.arn || !regexp.MustCompile(c.id).MatchString(p.ID) || !p.Created.Equal(now) {
			t.Errorf("made %+v", p)
		}
		c.put.Policies = nil
		if again := h.put(c.put); again.ID != p.ID || !again.Created.Equal(p.Created) || again.Policies != nil {
			t.Errorf("made again as %+v", again)
		}
	}
	other := ada
	other.Account = "999999999999"
	h.put(other)
	for who, want := range map[string]int{"": 4, account: 3, "999999999999": 1, "99999999999": 0} {
		if _, err := h.store.View(t.Context(), func(r kv.Reader) error {
			all, err := h.AllPrincipals(r, who)
			if len(all) != want {
				t.Errorf("%d principals of %q, want %d", len(all), who, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBadPrincipals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		change func(*identity.Principal)
		want   string
	}{
		"a short account":    {func(p *identity.Principal) { p.Account = "1" }, "12 digits"},
		"an account of text": {func(p *identity.Principal) { p.Account = "12345678901x" }, "12 digits"},
		"no name":            {func(p *identity.Principal) { p.Name = "" }, "1 to 64 letters"},
		"a long name":        {func(p *identity.Principal) { p.Name = strings.Repeat("x", 65) }, "1 to 64 letters"},
		"a name with a line": {func(p *identity.Principal) { p.Name = "a\nb" }, "1 to 64 letters"},
		"a name with a path": {func(p *identity.Principal) { p.Name = "a/b" }, "1 to 64 letters"},
		"no kind":            {func(p *identity.Principal) { p.Kind = "" }, "root, user or role"},
		"a policy of none":   {func(p *identity.Principal) { p.Policies = map[string]string{"bad": "{"} }, `policy "bad" of user ada`},
		"a root's policy":    {func(p *identity.Principal) { p.Kind = identity.Root }, "may do everything"},
	} {
		p := ada
		c.change(&p)
		err := h.try(func(tx kv.Tx) error { _, err := h.PutPrincipal(tx, p, now); return err })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, root, ada, app)
	for _, c := range []struct {
		of      identity.Principal
		id      string
		session bool
		kind    policy.PrincipalType
		arn     string
	}{
		{root, `^AKIA[A-Z2-7]{16}$`, false, policy.Root, "arn:aws:iam::123456789012:root"},
		{ada, `^AKIA[A-Z2-7]{16}$`, false, policy.User, "arn:aws:iam::123456789012:user/ada"},
		{app, `^ASIA[A-Z2-7]{16}$`, true, policy.AssumedRole, "arn:aws:sts::123456789012:assumed-role/app/session-1"},
	} {
		key := h.mustKey(c.of, identity.NewKey{})
		if !regexp.MustCompile(c.id).MatchString(key.ID) || key.Secret.Len() != 40 || key.SessionToken.IsZero() == c.session || key.Expires.IsZero() == c.session {
			t.Errorf("%s: granted %+v", c.of.Kind, key)
		}
		got := h.credential(key.ID)
		if got == nil || !got.Secret.Equal(key.Secret) || !got.SessionToken.Equal(key.SessionToken) || got.Inactive || !got.Expires.Equal(key.Expires) {
			t.Errorf("%s: the credential is %+v", c.of.Kind, got)
		}
		if p := got.Principal; p.Type != c.kind || p.ARN != c.arn || p.Account != account || (p.Session != nil) != c.session {
			t.Errorf("%s: the principal is %+v", c.of.Kind, p)
		}
	}
	if got := h.credential("AKIANOTTHERE00000000"); got != nil {
		t.Errorf("a key that is not there is %+v", got)
	}
	for _, strange := range []string{"", "/", "../x", strings.Repeat("x", 128), "\x00"} {
		if got := h.credential(strange); got != nil {
			t.Errorf("key %q is %+v", strange, got)
		}
	}
}

func TestKeyLimits(t *testing.T) {
	t.Parallel()
	h := newHouse(t, root, ada, app)
	for _, p := range []identity.Principal{root, ada} {
		first, _ := h.mustKey(p, identity.NewKey{}), h.mustKey(p, identity.NewKey{})
		if _, err := h.key(p, identity.NewKey{}); !errors.Is(err, identity.ErrTooManyKeys) {
			t.Errorf("a third key of %s: %v", p.Kind, err)
		}
		h.do(func(tx kv.Tx) error { return h.DeleteKey(tx, first.ID) })
		if _, err := h.key(p, identity.NewKey{}); err != nil {
			t.Errorf("after one was deleted: %v", err)
		}
	}
	for range 5 {
		h.mustKey(app, identity.NewKey{}) // sessions are not counted
	}
	for name, c := range map[string]struct {
		of   identity.Principal
		n    identity.NewKey
		want string
	}{
		"nobody":             {identity.Principal{Account: account, Kind: identity.User, Name: "eve"}, identity.NewKey{}, "no such principal"},
		"no session name":    {app, identity.NewKey{Session: "x", Duration: time.Hour}, "session name"},
		"a session too long": {app, identity.NewKey{Session: "xy", Duration: identity.MaxSession + 1}, "up to 12h"},
		"no duration":        {app, identity.NewKey{Session: "xy"}, "up to 12h"},
		"a short id":         {identity.Principal{Account: "999999999999", Kind: identity.User, Name: "bo"}, identity.NewKey{ID: "short", Secret: secret.FromString(fixed)}, "16 to 128"},
		"a short secret":     {identity.Principal{Account: "999999999999", Kind: identity.User, Name: "bo"}, identity.NewKey{ID: fixedID, Secret: secret.FromString("hidden")}, "16 to 256"},
	} {
		if c.of.Name == "bo" {
			h.put(c.of)
		}
		_, err := h.key(c.of, c.n)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"deleting":      h.try(func(tx kv.Tx) error { return h.DeleteKey(tx, fixedID) }),
		"switching off": h.try(func(tx kv.Tx) error { return h.SetKeyStatus(tx, fixedID, false) }),
	} {
		if !errors.Is(err, identity.ErrNoKey) {
			t.Errorf("%s a key that is not there: %v", name, err)
		}
	}
}

// TestFixedKeys holds that a fixed key can be replaced by its owner, and by nobody else.
func TestFixedKeys(t *testing.T) {
	t.Parallel()
	bo := ada
	bo.Name = "bo"
	h := newHouse(t, ada, bo)
	given := identity.NewKey{ID: fixedID, Secret: secret.FromString(fixed)}
	h.mustKey(ada, given)
	h.mustKey(ada, given)
	given.Secret = secret.FromString("another-secret-of-some-length")
	h.mustKey(ada, given)
	if got := h.credential(fixedID); !got.Secret.Equal(given.Secret) {
		t.Error("the key was not replaced")
	}
	if _, err := h.key(bo, given); !errors.Is(err, identity.ErrKeyTaken) {
		t.Errorf("another's key: %v", err)
	}
	if got := h.credential(fixedID).Principal.UserName; got != "ada" {
		t.Errorf("the key is %s's", got)
	}
}

// TestChangesAreSeenAtOnce holds that nothing that was remembered outlives its record.
func TestChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada)
	key := h.mustKey(ada, identity.NewKey{})
	first := h.credential(key.ID)
	if again := h.credential(key.ID); again != first {
		t.Error("an unchanged credential was made anew")
	}
	if n := len(first.Principal.Policies.Identity); n != 1 {
		t.Fatalf("%d policies", n)
	}
	changed := ada
	changed.Policies = map[string]string{"one": all, "two": all}
	h.put(changed)
	if got := h.credential(key.ID); len(got.Principal.Policies.Identity) != 2 || len(first.Principal.Policies.Identity) != 1 {
		t.Errorf("after a change of policies: %+v", got.Principal.Policies)
	}
	h.do(func(tx kv.Tx) error { return h.SetKeyStatus(tx, key.ID, false) })
	if got := h.credential(key.ID); !got.Inactive || first.Inactive {
		t.Error("a key that was switched off is on")
	}
	h.do(func(tx kv.Tx) error { return h.SetKeyStatus(tx, key.ID, true) })
	if got := h.credential(key.ID); got.Inactive {
		t.Error("a key that was switched on is off")
	}
	h.do(func(tx kv.Tx) error { return h.DeleteKey(tx, key.ID) })
	if got := h.credential(key.ID); got != nil {
		t.Errorf("a deleted key is %+v", got)
	}
	second, third := h.mustKey(ada, identity.NewKey{}), h.mustKey(ada, identity.NewKey{})
	h.do(func(tx kv.Tx) error { return h.DeletePrincipal(tx, account, identity.User, "ada") })
	if h.credential(second.ID) != nil || h.credential(third.ID) != nil {
		t.Error("keys of a deleted user are there")
	}
	h.put(ada)
	if h.credential(second.ID) != nil {
		t.Error("keys of a deleted user came back with a new one of that name")
	}
}

// TestOwnedByTheConfiguration holds what the command line and the configuration file
// may do to each other's principals.
func TestOwnedByTheConfiguration(t *testing.T) {
	t.Parallel()
	owned := ada
	owned.From = "configuration file"
	h := newHouse(t, owned)
	err := h.try(func(tx kv.Tx) error { return h.EnsurePrincipal(tx, ada, true, now) })
	if err == nil || !strings.Contains(err.Error(), "belongs to the configuration file") {
		t.Errorf("changing it from the command line: %v", err)
	}
	h.do(func(tx kv.Tx) error { return h.EnsurePrincipal(tx, ada, false, now) })
	bo := ada
	bo.Name = "bo"
	h.do(func(tx kv.Tx) error { return h.EnsurePrincipal(tx, bo, false, now) })
	if key := h.mustKey(bo, identity.NewKey{}); h.credential(key.ID).Principal.UserName != "bo" {
		t.Error("a new principal was not made")
	}
}

// TestSetKeys holds that the configuration's keys come and go with it, and that one
// which was switched off stays so while others change.
func TestSetKeys(t *testing.T) {
	t.Parallel()
	owned := ada
	owned.From = "configuration file"
	h := newHouse(t, owned)
	key := func(n int) identity.NewKey {
		return identity.NewKey{
			Account: account, Kind: identity.User, Name: "ada", ID: fmt.Sprintf("AKIA%016d", n), Secret: secret.FromString(fmt.Sprintf("secret-of-the-key-%04d", n)),
		}
	}
	set := func(keys ...identity.NewKey) {
		t.Helper()
		h.do(func(tx kv.Tx) error {
			err := h.SetKeys(tx, owned, keys, now)
			same, has := h.Has(tx, owned, keys)
			if !same {
				t.Error("what was set is not there")
			}
			return errors.Join(err, has)
		})
	}
	set(key(1), key(2))
	h.do(func(tx kv.Tx) error { return h.SetKeyStatus(tx, key(1).ID, false) })
	set(key(1), key(3))
	if h.credential(key(2).ID) != nil || h.credential(key(3).ID) == nil {
		t.Error("the keys are not those that were set")
	}
	if got := h.credential(key(1).ID); got == nil || !got.Inactive {
		t.Errorf("a key that was switched off is %+v", got)
	}
	changed := key(3)
	changed.Secret = secret.FromString("another-secret-of-some-length")
	if same, err := h.has(owned, key(1), changed); same || err != nil {
		t.Errorf("a changed secret is the same: %v, %v", same, err)
	}
	set(key(1), changed)
	if !h.credential(key(3).ID).Secret.Equal(changed.Secret) {
		t.Error("the changed secret was not set")
	}
	set()
	if h.credential(key(1).ID) != nil {
		t.Error("a key that was taken away is there")
	}
}

func (h *house) has(p identity.Principal, keys ...identity.NewKey) (same bool, err error) {
	_, err = h.store.View(context.Background(), func(r kv.Reader) (err error) {
		same, err = h.Has(r, p, keys)
		return err
	})
	return same, err
}

// TestNothingPrintsAKey holds that the record of a key shows no secret.
func TestNothingPrintsAKey(t *testing.T) {
	t.Parallel()
	key := identity.AccessKey{ID: fixedID, Secret: []byte(fixed), SessionToken: []byte("token"), Kind: identity.User, Name: "ada"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		if said := fmt.Sprintf(verb, key) + fmt.Sprintf(verb, &key) + fmt.Sprintf(verb, []identity.AccessKey{key}); strings.Contains(said, fixed) || !strings.Contains(said, fixedID) {
			t.Errorf("%s prints %s", verb, said)
		}
	}
}
