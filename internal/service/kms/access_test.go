// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// other is an account beside the server's usual one.
const other = "210987654321"

// principal is how policies name somebody: "user/ada" of the usual account, "role/r", or
// "root".
func principal(account, name string) string { return "arn:aws:iam::" + account + ":" + name }

// keyPolicy is a key policy of those statements, after one for the administration by the
// usual account's root.
func keyPolicy(statements ...string) string {
	admin := `{"Effect":"Allow","Principal":{"AWS":"` + principal(servicetest.Account, "root") + `"},"Action":["kms:PutKeyPolicy","kms:CreateGrant"],"Resource":"*"}`
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(append([]string{admin}, statements...), ",") + `]}`
}

// named is a statement about principals of a key policy.
func named(effect, action string, principals ...string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":{"AWS":["%s"]},"Action":%q,"Resource":"*"}`, effect, strings.Join(principals, `","`), action)
}

// give makes a principal, or gives it other policies.
func (w world) give(tb testing.TB, p identity.Principal, policies ...string) {
	tb.Helper()
	p.Policies = map[string]string{}
	for i, document := range policies {
		p.Policies[fmt.Sprint(i)] = document
	}
	if _, err := w.Store.Update(tb.Context(), func(tx kv.Tx) error {
		_, err := w.Directory.PutPrincipal(tx, p, w.Clock.Now())
		return err
	}); err != nil {
		tb.Fatal(err)
	}
}

// by is a client of a principal that it makes: for a role, of a session s1.
func (w world) by(tb testing.TB, p identity.Principal, policies ...string) *awskms.Client {
	tb.Helper()
	w.give(tb, p, policies...)
	n := identity.NewKey{Account: p.Account, Kind: p.Kind, Name: p.Name}
	switch p.Kind {
	case identity.Root:
		n.Name = "root"
	case identity.Role:
		n.Session, n.Duration = "s1", time.Hour
	}
	var c servicetest.Credentials
	if _, err := w.Store.Update(tb.Context(), func(tx kv.Tx) error {
		key, err := w.Directory.CreateKey(tx, n, w.Clock.Now())
		if err == nil {
			c = servicetest.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.RevealString(), SessionToken: key.SessionToken.RevealString()}
		}
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	return awskms.NewFromConfig(w.Config(c))
}

func user(account, name string) identity.Principal {
	return identity.Principal{Account: account, Kind: identity.User, Name: name}
}

func role(account, name string) identity.Principal {
	return identity.Principal{Account: account, Kind: identity.Role, Name: name}
}

func root(account string) identity.Principal {
	return identity.Principal{Account: account, Kind: identity.Root}
}

// The ways in which Encrypt is refused.
const (
	noIdentity   = "because no identity-based policy allows the kms:Encrypt action"
	noResource   = "because no resource-based policy allows the kms:Encrypt action"
	denyIdentity = "with an explicit deny in an identity-based policy"
	denyResource = "with an explicit deny in a resource-based policy"
	// elsewhere is all that another account is told of a key's side.
	elsewhere = "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
)

// TestWhoMayUseAKey is a table of what AWS documents of key policies, identity policies
// and grants together ("Key policies in AWS KMS", "Default key policy", "Allowing users in
// other accounts to use a KMS key", "Grants in AWS KMS", "Troubleshooting key access").
func TestWhoMayUseAKey(t *testing.T) {
	t.Parallel()
	w := serve(t)
	const asRoot, asAda, asRole, asBob, asBobsRole, asBobsRoot = "root", "ada", "role", "bob", "bob's role", "bob's root"
	people := map[string]identity.Principal{
		asRoot: root(servicetest.Account), asAda: user(servicetest.Account, "ada"), asRole: role(servicetest.Account, "r"),
		asBob: user(other, "bob"), asBobsRole: role(other, "r"), asBobsRoot: root(other),
	}
	clients := map[string]*awskms.Client{}
	for who, p := range people {
		clients[who] = w.by(t, p)
	}
	ada, bob, local := principal(servicetest.Account, "user/ada"), principal(other, "user/bob"), principal(servicetest.Account, "role/r")
	home, abroad := principal(servicetest.Account, "root"), principal(other, "root")
	allow, deny := servicetest.Allow("*", "kms:Encrypt"), servicetest.Deny("*", "kms:Encrypt")
	allowed := func(who ...string) string { return keyPolicy(named("Allow", "kms:Encrypt", who...)) }
	denied := func(who string) string {
		return keyPolicy(named("Allow", "kms:Encrypt", home, abroad, ada, bob), named("Deny", "kms:Encrypt", who))
	}
	for i, c := range []struct {
		policy   string // empty for the default one
		grantee  string // of a grant for Encrypt
		who      string
		identity []string
		refused  string // empty if allowed
	}{
		// The default key policy leaves it to the account's identity policies.
		{"", "", asRoot, nil, ""},
		{"", "", asAda, []string{allow}, ""},
		{"", "", asAda, nil, noIdentity},
		{"", "", asAda, []string{allow, deny}, denyIdentity},
		{"", "", asRole, []string{allow}, ""},
		{"", "", asBob, []string{allow}, elsewhere},
		{"", "", asBob, nil, noIdentity},
		{"", "", asBobsRoot, nil, elsewhere},
		// Without that statement identity policies count for nothing, nor does being root.
		{keyPolicy(), "", asRoot, nil, noResource},
		{keyPolicy(), "", asAda, []string{allow}, noResource},
		{keyPolicy(), "", asRole, []string{allow}, noResource},
		// Whom the key policy names needs no identity policy.
		{allowed(ada), "", asAda, nil, ""},
		{allowed(ada), "", asAda, []string{deny}, denyIdentity},
		{allowed(ada), "", asRole, []string{allow}, noResource},
		{allowed(ada), "", asRoot, nil, noResource},
		{allowed(local), "", asRole, nil, ""},
		{allowed(local), "", asAda, []string{allow}, noResource},
		{allowed(home), "", asAda, nil, noIdentity},
		{allowed(home), "", asAda, []string{allow}, ""},
		{allowed(servicetest.Account), "", asRole, []string{allow}, ""},
		{keyPolicy(named("Allow", "kms:Decrypt", ada)), "", asAda, nil, noIdentity},
		{denied(ada), "", asAda, []string{allow}, denyResource},
		{denied(ada), "", asRoot, nil, ""},
		{denied("*"), "", asRoot, nil, denyResource},
		{denied(home), "", asRole, []string{allow}, denyResource},
		// Across accounts both have to allow.
		{allowed(abroad), "", asBob, nil, noIdentity},
		{allowed(abroad), "", asBob, []string{allow}, ""},
		{allowed(abroad), "", asBob, []string{allow, deny}, denyIdentity},
		{allowed(abroad), "", asBobsRole, []string{allow}, ""},
		{allowed(abroad), "", asBobsRoot, nil, ""},
		{allowed(abroad), "", asAda, []string{allow}, noResource},
		{allowed(bob), "", asBob, nil, noIdentity},
		{allowed(bob), "", asBob, []string{allow}, ""},
		{allowed(bob), "", asBobsRole, []string{allow}, elsewhere},
		{allowed("*"), "", asBob, nil, noIdentity},
		{allowed("*"), "", asBob, []string{allow}, ""},
		{denied(bob), "", asBob, []string{allow}, elsewhere},
		{denied(bob), "", asBobsRole, []string{allow}, ""},
		// A grant lets its grantee in whatever the policies do not say, and nobody else.
		{"", ada, asAda, nil, ""},
		{keyPolicy(), ada, asAda, nil, ""},
		{keyPolicy(), ada, asRoot, nil, noResource},
		{keyPolicy(), ada, asRole, []string{allow}, noResource},
		{keyPolicy(), ada, asAda, []string{deny}, denyIdentity},
		{denied(ada), ada, asAda, nil, denyResource},
		{keyPolicy(), local, asRole, nil, ""},
		{keyPolicy(), "arn:aws:sts::" + servicetest.Account + ":assumed-role/r/s1", asRole, nil, ""},
		{keyPolicy(), "arn:aws:sts::" + servicetest.Account + ":assumed-role/r/s2", asRole, nil, noIdentity},
		{keyPolicy(), home, asRoot, nil, ""},
		{keyPolicy(), home, asAda, nil, noIdentity},
		{keyPolicy(), home, asAda, []string{allow}, ""},
		{keyPolicy(), bob, asBob, nil, ""},
		{keyPolicy(), bob, asBob, []string{deny}, denyIdentity},
		{keyPolicy(), bob, asBobsRole, []string{allow}, elsewhere},
		{denied(bob), bob, asBob, nil, elsewhere},
		{"", abroad, asBob, nil, noIdentity},
		{"", abroad, asBob, []string{allow}, ""},
		{"", abroad, asBobsRoot, nil, ""},
	} {
		in := awskms.CreateKeyInput{}
		if c.policy != "" {
			in.Policy, in.BypassPolicyLockoutSafetyCheck = &c.policy, true
		}
		key := arn("key/" + w.key(t, in))
		if c.grantee != "" {
			w.grant(t, awskms.CreateGrantInput{KeyId: &key, GranteePrincipal: &c.grantee, Operations: []types.GrantOperation{"Encrypt"}})
		}
		w.give(t, people[c.who], c.identity...)
		_, err := clients[c.who].Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%d: %v", i, err)
		case c.refused != "" && (err == nil || !strings.HasSuffix(err.Error(), " on resource: "+key+" "+c.refused)):
			t.Errorf("%d: got %v\nwant %s", i, err, c.refused)
		}
	}
}

// TestAForeignKeyIsAsUnknownAsNone holds that who is not let in by another account's key
// can't tell it from one that does not exist, by whatever name, nor by a ciphertext.
func TestAForeignKeyIsAsUnknownAsNone(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{Policy: new(keyPolicy(named("Allow", "kms:*", principal(servicetest.Account, "root"))))})
	w.alias(t, "alias/there", id)
	sealed := must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})).CiphertextBlob
	missing := bytes.Clone(sealed)
	missing[2] ^= 1
	for name, policies := range map[string][]string{"with": {servicetest.Allow("*", "*")}, "without": nil} {
		bob := w.by(t, user(other, "bob-"+name), policies...)
		for there, gone := range map[string]string{arn("key/" + id): arn("key/" + stranger), arn("alias/there"): arn("alias/gone")} {
			for _, call := range []func(string) error{
				func(key string) error {
					_, err := bob.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &key})
					return err
				},
				func(key string) error {
					_, err := bob.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: &key, KeySpec: "AES_256"})
					return err
				},
				func(key string) error {
					_, err := bob.Decrypt(t.Context(), &awskms.DecryptInput{KeyId: &key, CiphertextBlob: sealed})
					return err
				},
				func(key string) error {
					_, err := bob.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &key, Policy: new(keyPolicy())})
					return err
				},
			} {
				a, b := fault(t, call(there)), fault(t, call(gone))
				if strings.ReplaceAll(b, gone, there) != a {
					t.Errorf("%s a permission:\n%s\n%s", name, a, b)
				}
			}
		}
		decrypt := func(blob []byte) string {
			_, err := bob.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: blob})
			return regexp.MustCompile(`key/[0-9a-f-]{36}`).ReplaceAllString(fault(t, err), "key/X")
		}
		known := decrypt(sealed)
		if unknown := decrypt(missing); known != unknown || strings.Contains(known, servicetest.Account) {
			t.Errorf("%s a permission:\n%s\n%s", name, known, unknown)
		}
	}
}

// TestKeysAcrossAccounts holds what another account may do with a key and with its alias,
// and what AWS keeps for the key's own account whatever the key policy says.
func TestKeysAcrossAccounts(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{Policy: new(keyPolicy(named("Allow", "kms:*", principal(other, "root"), principal(servicetest.Account, "root"))))})
	w.alias(t, "alias/shared", id)
	bob := w.by(t, user(other, "bob"), servicetest.Allow("*", "kms:*"))
	for _, key := range []string{arn("key/" + id), arn("alias/shared")} {
		sealed, err := bob.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range []awskms.DecryptInput{{}, {KeyId: &key}} {
			in.CiphertextBlob = sealed.CiphertextBlob
			got, err := bob.Decrypt(t.Context(), &in)
			if err != nil || string(got.Plaintext) != "x" || *got.KeyId != arn("key/"+id) {
				t.Errorf("Decrypt: %+v, %v", got, err)
			}
		}
		about, err := bob.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &key})
		if err != nil || *about.KeyMetadata.Arn != arn("key/"+id) || *about.KeyMetadata.AWSAccountId != servicetest.Account {
			t.Errorf("DescribeKey: %+v, %v", about, err)
		}
		if _, err := bob.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: &key, KeySpec: "AES_256"}); err != nil {
			t.Error(err)
		}
	}
	// A name or a key id means the caller's own account.
	for _, key := range []string{id, "alias/shared"} {
		_, err := bob.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &key})
		wantError(t, err, "NotFoundException", "")
	}
	key := arn("key/" + id)
	_, err := bob.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &key, Policy: new(keyPolicy())})
	wantError(t, err, "AccessDeniedException", "")
	_, err = bob.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &key})
	wantError(t, err, "AccessDeniedException", "")
	_, err = bob.ListKeyPolicies(t.Context(), &awskms.ListKeyPoliciesInput{KeyId: &key})
	wantError(t, err, "AccessDeniedException", "")
	_, err = bob.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: new("alias/mine"), TargetKeyId: &key})
	wantError(t, err, "AccessDeniedException", "")
	_, err = bob.ListAliases(t.Context(), &awskms.ListAliasesInput{KeyId: &key})
	wantError(t, err, "AccessDeniedException", "")

	in := awskms.CreateGrantInput{KeyId: &key, GranteePrincipal: new(principal(other, "user/bob")), Operations: []types.GrantOperation{"Decrypt"}}
	out, err := bob.CreateGrant(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	listed := must(bob.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: &key})).Grants
	if len(listed) != 1 || *listed[0].IssuingAccount != principal(other, "root") || *listed[0].KeyId != key {
		t.Errorf("ListGrants: %+v", listed)
	}
	if _, err := bob.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: &key, GrantId: out.GrantId}); err != nil {
		t.Error(err)
	}
}
