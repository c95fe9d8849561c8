// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// TestAWSManaged holds that each policy of AWS's is whole, is found by its ARN, and by no
// other.
func TestAWSManaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	find := func(name string) (p *identity.ManagedPolicy) {
		if _, err := h.store.View(t.Context(), func(r kv.Reader) (err error) {
			p, err = h.Policy(r, name)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	all := h.AWSManaged()
	if len(all) < 9 {
		t.Errorf("there are %d", len(all))
	}
	for _, p := range all {
		if find(p.ARN()) != p {
			t.Errorf("%s is not found", p.ARN())
		}
		if p.Account != identity.AWSAccount || p.Description == "" || p.Created.IsZero() || p.Updated.Before(p.Created) || p.Version(p.Default) == nil {
			t.Errorf("%s is %+v", p.Name, p)
		}
		if compiled, err := policy.Parse([]byte(p.Version(p.Default).Document), policy.KindIdentity); err != nil || compiled.Version() != policy.Version2012 {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if p := find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"); p == nil {
		t.Error("a policy with a path is not found")
	}
	for _, name := range []string{
		"arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole", "arn:aws:iam::aws:policy/None", "arn:aws:iam::aws:role/AdministratorAccess",
		"arn:aws:iam::" + account + ":policy/AdministratorAccess", "arn:aws-cn:iam::aws:policy/AdministratorAccess", "AdministratorAccess", "",
	} {
		if p := find(name); p != nil {
			t.Errorf("%q is %s", name, p.ARN())
		}
	}
}
