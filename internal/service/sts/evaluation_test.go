// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestWhoMayAssume goes through AWS's rules for policies that meet (IAM User Guide,
// "Policy evaluation logic", "Cross-account policy evaluation logic" and "AWS JSON policy
// elements: Principal"): the role's trust policy and what the caller has.
func TestWhoMayAssume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const boundary = "arn:aws:iam::" + servicetest.Account + ":policy/bound"
	w.change(func(d *identity.Directory, tx kv.Tx) error {
		if err := d.Policies.Put(tx, &identity.ManagedPolicy{
			Account: servicetest.Account, Name: "bound", Default: "v1",
			Versions: []identity.PolicyVersion{{ID: "v1", Document: servicetest.Allow("*", "secretsmanager:*")}},
		}, servicetest.Account, "bound"); err != nil {
			return err
		}
		return d.Touch(tx, servicetest.Account)
	})
	may, mayNot := servicetest.Allow("*", "sts:*"), servicetest.Deny("*", "sts:*")
	hop := w.role(identity.Principal{Name: "hop", Policies: map[string]string{"p": may}}, trusting("*"))
	bare := w.role(identity.Principal{Name: "bare"}, trusting("*"))
	here, there, bob := w.User("ada"), w.UserIn(elsewhere, "ada"), w.User("bob", may)
	with := func(as servicetest.Credentials, account string, policies []string) servicetest.Credentials {
		w.change(func(d *identity.Directory, tx kv.Tx) error {
			p := identity.Principal{Account: account, Kind: identity.User, Name: "ada", Policies: map[string]string{}}
			for _, document := range policies {
				p.Policies["p"] = document
			}
			_, err := d.PutPrincipal(tx, p, servicetest.Start)
			return err
		})
		return as
	}
	own := func(policies ...string) servicetest.Credentials { return with(here, servicetest.Account, policies) }
	foreign := func(policies ...string) servicetest.Credentials { return with(there, elsewhere, policies) }
	bounded := func() servicetest.Credentials {
		w.change(func(d *identity.Directory, tx kv.Tx) error {
			p, err := d.Principals.Get(tx, servicetest.Account, string(identity.User), "bob")
			if err != nil {
				return err
			}
			changed := *p
			changed.Boundary = boundary
			return d.Principals.Put(tx, &changed, servicetest.Account, string(identity.User), "bob")
		})
		return bob
	}
	limited := func(policy string) servicetest.Credentials { // a session of hop's
		in := assume(hop)
		in.Policy = &policy
		return w.session(own(), in)
	}
	const (
		adaHere  = "arn:aws:iam::" + servicetest.Account + ":user/ada"
		bobHere  = "arn:aws:iam::" + servicetest.Account + ":user/bob"
		adaThere = "arn:aws:iam::" + elsewhere + ":user/ada"
		session  = "arn:aws:sts::" + servicetest.Account + ":assumed-role/hop/s1"
	)
	for _, c := range []struct {
		name  string
		as    func() servicetest.Credentials
		trust string // the principal
		let   bool
	}{
		{"trusted by name, no policy", func() servicetest.Credentials { return own() }, adaHere, true},
		{"trusted by name, a policy allows", func() servicetest.Credentials { return own(may) }, adaHere, true},
		{"trusted by name, a policy denies", func() servicetest.Credentials { return own(mayNot) }, adaHere, false},
		{"the account is trusted, no policy", func() servicetest.Credentials { return own() }, servicetest.Account, false},
		{"the account is trusted, a policy allows", func() servicetest.Credentials { return own(may) }, servicetest.Account, true},
		{"the account's root is trusted, a policy allows", func() servicetest.Credentials { return own(may) }, "arn:aws:iam::" + servicetest.Account + ":root", true},
		{"everybody is trusted, no policy", func() servicetest.Credentials { return own() }, "*", true},
		{"another is trusted, a policy allows", func() servicetest.Credentials { return own(may) }, bobHere, false},
		{"another account is trusted, a policy allows", func() servicetest.Credentials { return own(may) }, elsewhere, false},
		{"from elsewhere, trusted by name, no policy", func() servicetest.Credentials { return foreign() }, adaThere, false},
		{"from elsewhere, trusted by name, a policy allows", func() servicetest.Credentials { return foreign(may) }, adaThere, true},
		{"from elsewhere, the account is trusted, no policy", func() servicetest.Credentials { return foreign() }, elsewhere, false},
		{"from elsewhere, the account is trusted, a policy allows", func() servicetest.Credentials { return foreign(may) }, elsewhere, true},
		{"from elsewhere, not trusted, a policy allows", func() servicetest.Credentials { return foreign(may) }, adaHere, false},
		{"from elsewhere, everybody is trusted, no policy", func() servicetest.Credentials { return foreign() }, "*", false},
		{"a boundary without it, trusted by name", bounded, bobHere, true},
		{"a boundary without it, the account is trusted", bounded, servicetest.Account, false},
		{"a role is trusted, its session", func() servicetest.Credentials { return w.session(own(), assume(hop)) }, hop, true},
		{"a role is trusted, its session without a policy", func() servicetest.Credentials { return w.session(own(), assume(bare)) }, bare, true},
		{"a role is trusted, another's session", func() servicetest.Credentials { return w.session(own(), assume(hop)) }, bare, false},
		{"a session is trusted", func() servicetest.Credentials { return w.session(own(), assume(hop)) }, session, true},
		{"a session is trusted, another of that role", func() servicetest.Credentials {
			in := assume(hop)
			in.RoleSessionName = new("s2")
			return w.session(own(), in)
		}, session, false},
		{"the account is trusted, a session of a role that may", func() servicetest.Credentials { return w.session(own(), assume(hop)) }, servicetest.Account, true},
		{"the account is trusted, a session of a role that may not", func() servicetest.Credentials { return w.session(own(), assume(bare)) }, servicetest.Account, false},
		{"a role is trusted, a session policy without it", func() servicetest.Credentials { return limited(servicetest.Allow("*", "kms:*")) }, hop, false},
		{"a session is trusted, a session policy without it", func() servicetest.Credentials { return limited(servicetest.Allow("*", "kms:*")) }, session, true},
		{"a session is trusted, a session policy denies", func() servicetest.Credentials { return limited(mayNot) }, session, false},
		{"a session of a user's own, trusted by name", func() servicetest.Credentials {
			out, err := w.sts(own()).GetSessionToken(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return issued(out.Credentials)
		}, adaHere, true},
	} {
		as := c.as() // who is trusted has to be there before
		role := w.role(identity.Principal{Name: "app"}, trusting(c.trust))
		_, err := w.sts(as).AssumeRole(t.Context(), assume(role))
		code := "AccessDenied"
		if c.let {
			code = ""
		}
		wants(t, c.name, err, code, "")
	}
}

// TestWhatSessionsMay holds that a session has what its role has, and no more than its
// session policies, of which one must allow.
func TestWhatSessionsMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada")
	root := secretsmanager.NewFromConfig(w.Config(w.Root))
	for _, name := range []string{"orders", "payroll"} {
		if _, err := root.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: new("x")}); err != nil {
			t.Fatal(err)
		}
	}
	managed := func(name, document string) string {
		p := identity.ManagedPolicy{Account: servicetest.Account, Name: name, Default: "v1", Versions: []identity.PolicyVersion{{ID: "v1", Document: document}}}
		w.change(func(d *identity.Directory, tx kv.Tx) error {
			if err := d.Policies.Put(tx, &p, servicetest.Account, name); err != nil {
				return err
			}
			return d.Touch(tx, servicetest.Account)
		})
		return p.ARN()
	}
	const prefix = "arn:aws:secretsmanager:*:*:secret:"
	orders := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"` + prefix + `orders*"}]}`
	all := servicetest.Allow("*", "secretsmanager:*", "kms:*")
	ordersARN, allARN := managed("orders", orders), managed("all", all)
	reader := w.role(identity.Principal{Name: "reader", Policies: map[string]string{"p": all}}, trusting("*"))
	bounded := w.role(identity.Principal{Name: "bounded", Boundary: ordersARN, Policies: map[string]string{"p": all}}, trusting("*"))
	nothing := w.role(identity.Principal{Name: "nothing"}, trusting("*"))
	for _, c := range []struct {
		name    string
		role    string
		inline  string
		managed []string
		want    string // the secrets that it can read
	}{
		{"no session policy", reader, "", nil, "orders payroll "},
		{"an inline one", reader, orders, nil, "orders "},
		{"a managed one", reader, "", []string{ordersARN}, "orders "},
		{"one of AWS's", reader, "", []string{"arn:aws:iam::aws:policy/AdministratorAccess"}, "orders payroll "},
		{"one of several allows", reader, orders, []string{allARN}, "orders payroll "},
		{"an inline one that denies beside one that allows", reader, servicetest.Deny(prefix+"orders*", "*"), []string{allARN}, "payroll "},
		{"one about something else", reader, servicetest.Allow("*", "kms:*"), nil, ""},
		{"a boundary", bounded, "", nil, "orders "},
		{"a boundary and a session policy", bounded, servicetest.Allow(prefix+"payroll*", "*"), nil, ""},
		{"a role that may nothing", nothing, all, nil, ""},
	} {
		in := assume(c.role)
		if c.inline != "" {
			in.Policy = &c.inline
		}
		in.PolicyArns = descriptors(c.managed...)
		client := secretsmanager.NewFromConfig(w.Config(w.session(ada, in)))
		got := ""
		for _, name := range []string{"orders", "payroll"} {
			if _, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name}); err == nil {
				got += name + " "
			}
		}
		if got != c.want {
			t.Errorf("%s: it can read %q, want %q", c.name, got, c.want)
		}
	}
}
