// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// A policy is compiled when it is asked for first, and again when it is another.
func TestAPolicyIsCompiledOnce(t *testing.T) {
	t.Parallel()
	s, store := newService(nil), memkv.New()
	defer store.Close()
	secret := &Secret{Account: "1", Region: "r", UID: "u", Policed: true}
	put := func(action string) {
		if _, err := store.Update(t.Context(), func(tx kv.Tx) error {
			document := `{"Statement":{"Effect":"Deny","Principal":"*","Resource":"*","Action":"` + action + `"}}`
			return s.policies.Put(tx, &ResourcePolicy{Document: document}, "1", "r", "u")
		}); err != nil {
			t.Fatal(err)
		}
	}
	compiled := func() (p *policy.Policy) {
		if _, err := store.View(t.Context(), func(r kv.Reader) error {
			found, err := s.resourcePolicy(r, secret)
			if err == nil {
				p = found.attached().Policy
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	put("a:b")
	first := compiled()
	if first == nil || compiled() != first {
		t.Error("it was compiled twice")
	}
	put("a:c")
	if compiled() == first {
		t.Error("the policy of before is still there")
	}
}

// What can't be read denies: a policy that is lost is no reason to let anybody in.
func TestALostPolicyLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s, store := newService(nil), memkv.New()
	defer store.Close()
	if _, err := store.View(t.Context(), func(r kv.Reader) error {
		if _, err := s.resourcePolicy(r, &Secret{Account: "1", Region: "r", UID: "u", Policed: true}); err == nil {
			t.Error("a policy that is missing is taken for none")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	request := &policy.Request{Principal: policy.Principal{Type: policy.Root, Account: "1"}, Account: "1", Action: "a:b", Resource: "c"}
	set := &policy.Set{Resource: (&ResourcePolicy{Document: "{"}).attached()}
	if d := policy.Evaluate(set, request); d.Allowed {
		t.Error("a policy that does not parse lets the root in")
	}
}
