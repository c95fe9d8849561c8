// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// grantMachine has one key, on which grants to one user come and go, and a model of them.
type grantMachine struct {
	world
	t        *testing.T
	key      string
	user     *awskms.Client
	grants   map[string]awskms.CreateGrantInput // those there are, by id
	tokens   map[string]string
	identity string // of the user: "", "allow" or "deny"
	policy   string // of the key: "", or "deny"
}

var (
	genOperations = rapid.SliceOfNDistinct(rapid.SampledFrom(operations("Encrypt", "GenerateDataKey", "DescribeKey")), 1, 2, rapid.ID[types.GrantOperation])
	genContext    = rapid.MapOfN(rapid.SampledFrom([]string{"a", "A"}), rapid.SampledFrom([]string{"1", "2"}), 1, 2)
	genCall       = rapid.Custom(func(t *rapid.T) map[string]string {
		if rapid.Bool().Draw(t, "with a context") {
			return genContext.Draw(t, "context")
		}
		return nil
	})
)

func (m *grantMachine) create(t *rapid.T) {
	in := awskms.CreateGrantInput{KeyId: &m.key, GranteePrincipal: new(principal(servicetest.Account, "user/ada")), Operations: genOperations.Draw(t, "operations")}
	switch rapid.IntRange(0, 2).Draw(t, "constraint") {
	case 1:
		in.Constraints = &types.GrantConstraints{EncryptionContextSubset: genContext.Draw(t, "subset")}
	case 2:
		in.Constraints = &types.GrantConstraints{EncryptionContextEquals: genContext.Draw(t, "equals")}
	}
	out := must(m.CreateGrant(m.t.Context(), &in))
	m.grants[*out.GrantId], m.tokens[*out.GrantId] = in, *out.GrantToken
}

// end retires or revokes a grant, if there is one.
func (m *grantMachine) end(t *rapid.T) {
	if len(m.grants) == 0 {
		t.Skip("no grant")
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(m.grants))).Draw(t, "grant")
	var err error
	if rapid.Bool().Draw(t, "retire") {
		_, err = m.RetireGrant(m.t.Context(), &awskms.RetireGrantInput{GrantToken: new(m.tokens[id])})
	} else {
		_, err = m.RevokeGrant(m.t.Context(), &awskms.RevokeGrantInput{KeyId: &m.key, GrantId: &id})
	}
	if err != nil {
		t.Fatal(err)
	}
	delete(m.grants, id)
}

func (m *grantMachine) permit(t *rapid.T) {
	m.identity = rapid.SampledFrom([]string{"", "allow", "deny"}).Draw(t, "identity")
	switch m.identity {
	case "":
		m.Permit(servicetest.Account, "ada")
	case "allow":
		m.Permit(servicetest.Account, "ada", servicetest.Allow("*", "kms:*"))
	case "deny":
		m.Permit(servicetest.Account, "ada", servicetest.Allow("*", "kms:*"), servicetest.Deny("*", "kms:*"))
	}
}

func (m *grantMachine) put(t *rapid.T) {
	m.policy = rapid.SampledFrom([]string{"", "deny"}).Draw(t, "policy")
	document := keyPolicy(named("Allow", "kms:*", principal(servicetest.Account, "root")))
	if m.policy == "deny" {
		document = keyPolicy(named("Allow", "kms:*", principal(servicetest.Account, "root")), named("Deny", "kms:*", principal(servicetest.Account, "user/ada")))
	}
	if _, err := m.PutKeyPolicy(m.t.Context(), &awskms.PutKeyPolicyInput{KeyId: &m.key, Policy: &document}); err != nil {
		t.Fatal(err)
	}
}

// allowed is what the model says.
func (m *grantMachine) allowed(operation types.GrantOperation, context map[string]string) bool {
	if m.identity == "deny" || m.policy == "deny" {
		return false
	}
	if m.identity == "allow" {
		return true
	}
	for _, g := range m.grants {
		if !slices.Contains(g.Operations, operation) {
			continue
		}
		switch c := g.Constraints; {
		case c == nil, operation == "DescribeKey":
			return true
		case c.EncryptionContextEquals != nil:
			if maps.Equal(c.EncryptionContextEquals, context) {
				return true
			}
		default:
			both := maps.Clone(context)
			if both == nil {
				both = map[string]string{}
			}
			maps.Copy(both, c.EncryptionContextSubset)
			if maps.Equal(both, context) {
				return true
			}
		}
	}
	return false
}

// check calls one of the operations, and looks at what the store has.
func (m *grantMachine) check(t *rapid.T) {
	context, err := genCall.Draw(t, "call"), error(nil)
	operation := rapid.SampledFrom(operations("Encrypt", "GenerateDataKey", "DescribeKey")).Draw(t, "operation")
	switch operation {
	case "Encrypt":
		_, err = m.user.Encrypt(m.t.Context(), &awskms.EncryptInput{KeyId: &m.key, Plaintext: []byte("x"), EncryptionContext: context})
	case "GenerateDataKey":
		_, err = m.user.GenerateDataKey(m.t.Context(), &awskms.GenerateDataKeyInput{KeyId: &m.key, KeySpec: "AES_256", EncryptionContext: context})
	case "DescribeKey":
		_, err = m.user.DescribeKey(m.t.Context(), &awskms.DescribeKeyInput{KeyId: &m.key})
	}
	if (err == nil) != m.allowed(operation, context) {
		t.Fatalf("%s under %v with %d grants, identity %q, key policy %q: %v", operation, context, len(m.grants), m.identity, m.policy, err)
	}
	for _, table := range []string{"kms/grant/", "kms/grantee/"} {
		n := 0
		for _, key := range m.Keys(table) {
			if strings.Contains(key, m.key) {
				n++
			}
		}
		if n != len(m.grants) {
			t.Fatalf("%s has %d, want %d", table, n, len(m.grants))
		}
	}
}

// TestGrantsComeAndGo holds that at any time a grant does what it says, no more and no
// longer, and that nothing gets past a denial.
func TestGrantsComeAndGo(t *testing.T) {
	t.Parallel()
	w := serve(t)
	user := w.as("ada")
	rapid.Check(t, func(t2 *rapid.T) {
		m := &grantMachine{world: w, t: t, key: w.key(t, awskms.CreateKeyInput{}), user: user, grants: map[string]awskms.CreateGrantInput{}, tokens: map[string]string{}}
		w.Permit(servicetest.Account, "ada")
		t2.Repeat(map[string]func(*rapid.T){"create": m.create, "create another": m.create, "end": m.end, "permit": m.permit, "put": m.put, "": m.check})
	})
}
