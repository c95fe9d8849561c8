// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

const (
	adaARN    = "arn:aws:iam::" + account + ":user/ada"
	trustsAda = `{
  "Version": "2012-10-17",
  "Statement": {"Effect": "Allow", "Principal": {"AWS": ["` + account + `", "` + adaARN + `"]}, "Action": "sts:AssumeRole",
    "Condition": {"ArnEquals": {"aws:PrincipalArn": "` + adaARN + `"}}}
}`
)

// assumable reports whether the trust policy of a role alone lets ada in.
func (h *house) assumable(tx kv.Tx, role *identity.Principal) bool {
	h.t.Helper()
	trust, err := h.Trust(tx, role)
	if err != nil {
		h.t.Fatal(err)
	}
	return policy.Evaluate(&policy.Set{Resource: trust, Exclusive: true}, &policy.Request{
		Principal: policy.Principal{Type: policy.User, Account: account, ARN: adaARN}, Account: account, Action: "sts:AssumeRole",
	}).Allowed
}

func TestTrustIsInWhomItNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada, app)
	h.do(func(tx kv.Tx) error {
		role := app
		if err := h.SetTrust(tx, &role, strings.ReplaceAll(trustsAda, "user/ada", "user/eve")); err == nil {
			t.Error("a trust policy names a user who is not there")
		} else if bad, ok := errors.AsType[*policy.MalformedError](err); !ok || bad.Message != `Invalid principal in policy: "AWS":"arn:aws:iam::`+account+`:user/eve"` {
			t.Errorf("a stranger is refused with %v", err)
		}
		if err := h.SetTrust(tx, &role, "{"); err == nil || role.Trust != "" {
			t.Errorf("half a policy is taken: %v", err)
		}
		if h.assumable(tx, &role) {
			t.Error("a role without a trust policy lets somebody in")
		}
		if err := h.SetTrust(tx, &role, trustsAda); err != nil {
			t.Fatal(err)
		}
		old, err := h.Principals.Get(tx, account, "user", "ada")
		if err != nil {
			t.Fatal(err)
		}
		if shown, err := h.TrustDocument(tx, &role); err != nil || shown != trustsAda || !h.assumable(tx, &role) {
			t.Errorf("ada is not trusted, or it is shown as %s, %v", shown, err)
		}
		if err := h.DeletePrincipal(tx, account, identity.User, "ada"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // without a user of that name, and with another one
			shown, err := h.TrustDocument(tx, &role)
			want := strings.Join(strings.Fields(strings.Replace(trustsAda, adaARN, old.ID, 1)), "")
			if err != nil || shown != want || h.assumable(tx, &role) {
				t.Errorf("another is trusted, or it is shown as %s, want %s, %v", shown, want, err)
			}
			if _, err := h.PutPrincipal(tx, ada, now); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.SetTrust(tx, &role, trustsAda); err != nil || !h.assumable(tx, &role) {
			t.Errorf("who has the name now can't be trusted: %v", err)
		}
		return nil
	})
}

// TestTrustFollowsRenames holds that a user is trusted under another name and path, and
// nobody who gets the former one.
func TestTrustFollowsRenames(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ada, app)
	h.do(func(tx kv.Tx) error {
		role := app
		if err := h.SetTrust(tx, &role, trustsAda); err != nil {
			t.Fatal(err)
		}
		user, err := h.Principals.Get(tx, account, "user", "ada")
		if err != nil {
			t.Fatal(err)
		}
		moved := *user
		moved.Path = "/team/"
		if err := h.Rename(tx, &moved, "bea"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.PutPrincipal(tx, ada, now); err != nil {
			t.Fatal(err)
		}
		const bea = "arn:aws:iam::" + account + ":user/team/bea"
		shown, err := h.TrustDocument(tx, &role)
		if want := strings.Join(strings.Fields(strings.Replace(trustsAda, adaARN, bea, 1)), ""); err != nil || shown != want {
			t.Errorf("shown as %s, want %s, %v", shown, want, err)
		}
		if h.assumable(tx, &role) {
			t.Error("another is trusted who has the former name")
		}
		trust, err := h.Trust(tx, &role)
		if err != nil {
			t.Fatal(err)
		}
		if arns, _ := trust.Policy.Named(); len(arns) != 1 || arns[0] != bea {
			t.Errorf("trusted are %s", arns)
		}
		return nil
	})
}

func TestProviderByARN(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := &identity.Provider{Account: account, URL: "token.example.com/a/b", ClientIDs: []string{"sts.amazonaws.com"}}
	h.do(func(tx kv.Tx) error { return h.Providers.Put(tx, p, p.Account, p.URL) })
	h.do(func(tx kv.Tx) error {
		for name, want := range map[string]bool{
			"arn:aws:iam::" + account + ":oidc-provider/token.example.com/a/b": true,
			"arn:aws:iam::" + account + ":oidc-provider/token.example.com/a":   false,
			"arn:aws:iam::" + account + ":oidc-provider/":                      false,
			"arn:aws:iam::" + account + ":saml-provider/token.example.com/a/b": false,
			"arn:aws:sts::" + account + ":oidc-provider/token.example.com/a/b": false,
			"arn:aws:iam::999999999999:oidc-provider/token.example.com/a/b":    false,
			"token.example.com/a/b": false,
		} {
			got, err := h.Provider(tx, name)
			if err != nil || (got != nil) != want || got != nil && got.ARN() != name {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
		return nil
	})
}
