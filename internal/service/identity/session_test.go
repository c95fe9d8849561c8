// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// start makes a session of a principal that the house has.
func (h *house) start(kind identity.Kind, name string, n identity.NewSession) (granted *identity.GrantedKey) {
	h.t.Helper()
	if _, err := h.store.View(h.t.Context(), func(r kv.Reader) error {
		p, err := h.Principals.Get(r, account, string(kind), name)
		if err != nil {
			return err
		}
		granted, err = h.StartSession(p, n, now)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return granted
}

// presented is the credential of a key with a session token.
func (h *house) presented(id, token string) (c *gate.Credential) {
	h.t.Helper()
	if _, err := h.store.View(h.t.Context(), func(r kv.Reader) (err error) {
		c, err = h.Directory.Credential(r, id, token)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestSessionIsWhatItWasMadeWith(t *testing.T) {
	t.Parallel()
	tagged := app
	tagged.Path, tagged.Tags = "/team/", map[string]string{"team": "orders", "Stage": "prod"}
	h := newHouse(t, ada, tagged)
	key := h.start(identity.Role, "app", identity.NewSession{Session: "i-1", Duration: time.Hour, Terms: identity.Terms{
		Policies: []string{all}, Tags: map[string]string{"stage": "test"}, Transitive: []string{"stage"},
		SourceIdentity: "ada", Provider: "https://issuer.example.com",
	}})
	got := h.presented(key.ID, key.SessionToken.RevealString())
	if got == nil || !got.Secret.Equal(key.Secret) || !got.SessionToken.Equal(key.SessionToken) || !got.Expires.Equal(now.Add(time.Hour)) {
		t.Fatalf("the session is %v", got)
	}
	role := "arn:aws:iam::" + account + ":role/team/app"
	id := strings.TrimSuffix(got.Principal.UserID, ":i-1")
	want := policy.Principal{
		Type: policy.AssumedRole, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/app/i-1", Issuer: role,
		UserID: id + ":i-1", Tags: map[string]string{"team": "orders", "stage": "test"},
	}
	if diff := cmp.Diff(want, got.Principal.Principal); diff != "" {
		t.Errorf("the caller, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&gate.Session{
		Issuer: gate.Issuer{Type: "Role", ARN: role, ID: id, Name: "app"}, Created: now,
		SourceIdentity: "ada", Provider: "https://issuer.example.com", Transitive: []string{"stage"},
	}, got.Principal.Session); diff != "" {
		t.Errorf("the session, -want +got:\n%s", diff)
	}
	if set := got.Principal.Policies; len(set.Session) != 1 || len(set.Identity) != 1 {
		t.Errorf("the session has %d session policies and %d of its role", len(set.Session), len(set.Identity))
	}
	if again := h.presented(key.ID, key.SessionToken.RevealString()); again != got {
		t.Error("the same token was opened twice")
	}
	if strings.Contains(key.SessionToken.RevealString(), key.Secret.RevealString()) {
		t.Error("the token shows the secret")
	}
}

func TestSessionsOfUsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada)
	own := h.start(identity.User, "ada", identity.NewSession{Duration: time.Hour})
	p := h.presented(own.ID, own.SessionToken.RevealString()).Principal
	if p.Type != policy.User || p.ARN != "arn:aws:iam::"+account+":user/ada" || p.Session == nil || p.Session.Issuer.Type != "IAMUser" {
		t.Errorf("a session of ada's is %+v", p)
	}
	federated := h.start(identity.User, "ada", identity.NewSession{Duration: time.Hour, Terms: identity.Terms{Federated: "bob"}})
	p = h.presented(federated.ID, federated.SessionToken.RevealString()).Principal
	if p.Type != policy.FederatedUser || p.ARN != "arn:aws:sts::"+account+":federated-user/bob" || p.UserID != account+":bob" || p.Issuer != "arn:aws:iam::"+account+":user/ada" {
		t.Errorf("a federated user is %+v", p)
	}
}

func TestTokensThatHoldNoSession(t *testing.T) {
	t.Parallel()
	h, other := newHouse(t, app), newHouse(t, app)
	session := identity.NewSession{Session: "i-1", Duration: time.Hour}
	key, foreign, second := h.start(identity.Role, "app", session), other.start(identity.Role, "app", session), h.start(identity.Role, "app", session)
	token := key.SessionToken.RevealString()
	for name, c := range map[string]struct{ id, token string }{
		"none":              {key.ID, ""},
		"another key's":     {key.ID, second.SessionToken.RevealString()},
		"another server's":  {foreign.ID, foreign.SessionToken.RevealString()},
		"cut":               {key.ID, token[:len(token)-8]},
		"no base64":         {key.ID, "!" + token},
		"edited":            {key.ID, strings.Map(func(r rune) rune { return map[rune]rune{'A': 'B'}[r] | r }, token[:40]) + "AAAA" + token[44:]},
		"too long":          {key.ID, strings.Repeat("A", 1<<20)},
		"of no access key":  {"", token},
		"of an unknown key": {"ASIAIOSFODNN7EXAMPLE", token},
	} {
		for range 2 { // the second time there is one that is remembered
			if got := h.presented(c.id, c.token); got != nil {
				t.Errorf("%s: let in as %s", name, got.Principal.ARN)
			}
			h.presented(key.ID, token)
		}
	}
}

func TestASessionEndsWithItsPrincipal(t *testing.T) {
	t.Parallel()
	h := newHouse(t, app)
	key := h.start(identity.Role, "app", identity.NewSession{Session: "i-1", Duration: time.Hour})
	token := key.SessionToken.RevealString()
	h.do(func(tx kv.Tx) error { return h.DeletePrincipal(tx, account, identity.Role, "app") })
	if h.presented(key.ID, token) != nil {
		t.Error("a session outlived its role")
	}
	h.put(app)
	if h.presented(key.ID, token) != nil {
		t.Error("a session came back with another role of the same name")
	}
}

// TestPoliciesOfGroupsAndManagedPolicies holds that each policy which bears on a user
// does so, from the moment of its change.
func TestPoliciesOfGroupsAndManagedPolicies(t *testing.T) {
	t.Parallel()
	managed := func(name, document string) *identity.ManagedPolicy {
		return &identity.ManagedPolicy{
			Account: account, Name: name, Path: "/p/", Default: "v1", Versions: []identity.PolicyVersion{{ID: "v1", Document: document}},
		}
	}
	user := ada
	user.Policies, user.Groups, user.Attached = nil, []string{"AGPADEVS"}, []string{"arn:aws:iam::" + account + ":policy/p/own"}
	user.Boundary = "arn:aws:iam::" + account + ":policy/p/bound"
	h := newHouse(t, user)
	put := func(p *identity.ManagedPolicy) {
		h.do(func(tx kv.Tx) error {
			if err := h.Policies.Put(tx, p, account, p.Name); err != nil {
				return err
			}
			return h.Touch(tx, account)
		})
	}
	allow := func(action string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"*"}}`
	}
	put(managed("own", allow("a:*")))
	put(managed("bound", allow("*")))
	put(managed("groups", allow("b:*")))
	h.do(func(tx kv.Tx) error {
		g := identity.Group{Account: account, Name: "devs", ID: "AGPADEVS", Policies: map[string]string{"in": allow("c:*")}, Attached: []string{"arn:aws:iam::" + account + ":policy/p/groups"}}
		if err := h.Groups.Put(tx, &g, account, "devs"); err != nil {
			return err
		}
		return h.Touch(tx, account)
	})
	key := h.mustKey(ada, identity.NewKey{})
	may := func(action string) bool {
		p := h.presented(key.ID, "").Principal
		d := policy.Evaluate(p.Policies, &policy.Request{Principal: p.Principal, Account: account, Action: action, Resource: "*"})
		return d.Allowed
	}
	for _, action := range []string{"a:X", "b:X", "c:X"} {
		if !may(action) {
			t.Errorf("%s is refused", action)
		}
	}
	if may("d:X") {
		t.Error("what no policy allows is allowed")
	}
	put(managed("bound", allow("b:*")))
	if may("a:X") || !may("b:X") {
		t.Error("the boundary did not change")
	}
	h.do(func(tx kv.Tx) error {
		if err := h.Policies.Delete(tx, account, "groups"); err != nil {
			return err
		}
		return h.Touch(tx, account)
	})
	if may("b:X") {
		t.Error("a policy that is gone, and attached, let somebody in")
	}
}
