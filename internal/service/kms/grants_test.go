// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func operations(names ...types.GrantOperation) []types.GrantOperation { return names }

func subset(pairs ...string) *types.GrantConstraints {
	return &types.GrantConstraints{EncryptionContextSubset: pairsOf(pairs)}
}

func equals(pairs ...string) *types.GrantConstraints {
	return &types.GrantConstraints{EncryptionContextEquals: pairsOf(pairs)}
}

func pairsOf(pairs []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func encrypts(t *testing.T, c *awskms.Client, key string, context ...string) bool {
	t.Helper()
	_, err := c.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &key, Plaintext: []byte("x"), EncryptionContext: pairsOf(context)})
	if err != nil {
		wantError(t, err, "AccessDeniedException", "")
	}
	return err == nil
}

func TestGrantsAreListedAsTheyWereMade(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.User("ada")
	w.User("bob")
	ada, bob := principal(servicetest.Account, "user/ada"), principal(servicetest.Account, "user/bob")
	out := must(w.CreateGrant(t.Context(), &awskms.CreateGrantInput{
		KeyId: &id, GranteePrincipal: &ada, RetiringPrincipal: &bob, Name: new("a-grant"),
		Operations: operations("Encrypt", "Decrypt"), Constraints: subset("Department", "IT"),
	}))
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(*out.GrantId) || *out.GrantToken == "" {
		t.Errorf("CreateGrant: %+v", out)
	}
	plain := w.grant(t, awskms.CreateGrantInput{KeyId: new(arn("key/" + id)), GranteePrincipal: &bob, Operations: operations("DescribeKey")})
	w.Restart()
	want := []types.GrantListEntry{{
		KeyId: new(arn("key/" + id)), GrantId: out.GrantId, Name: new("a-grant"), CreationDate: &servicetest.Start,
		GranteePrincipal: &ada, RetiringPrincipal: &bob, IssuingAccount: new(principal(servicetest.Account, "root")),
		Operations: operations("Encrypt", "Decrypt"), Constraints: subset("Department", "IT"),
	}}
	unexported := cmpopts.IgnoreUnexported(types.GrantListEntry{}, types.GrantConstraints{})
	for name, in := range map[string]awskms.ListGrantsInput{
		"by id": {GrantId: out.GrantId}, "by grantee": {GranteePrincipal: &ada}, "by both": {GrantId: out.GrantId, GranteePrincipal: &ada},
	} {
		in.KeyId = &id
		if diff := gocmp.Diff(want, must(w.ListGrants(t.Context(), &in)).Grants, unexported); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := must(w.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: &id, GrantId: &plain, GranteePrincipal: &ada})).Grants; len(got) != 0 {
		t.Errorf("another grantee's: %+v", got)
	}
	if got := must(w.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: &id})).Grants; len(got) != 2 {
		t.Errorf("all: %+v", got)
	}
	if diff := gocmp.Diff(want, must(w.ListRetirableGrants(t.Context(), &awskms.ListRetirableGrantsInput{RetiringPrincipal: &bob})).Grants, unexported); diff != "" {
		t.Errorf("retirable (-want +got):\n%s", diff)
	}
	if got := must(w.ListRetirableGrants(t.Context(), &awskms.ListRetirableGrantsInput{RetiringPrincipal: &ada})).Grants; len(got) != 0 {
		t.Errorf("retirable by another: %+v", got)
	}
}

func TestGrantListsPage(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.User("ada")
	ada := principal(servicetest.Account, "user/ada")
	var ids []string
	keys := []string{w.key(t, awskms.CreateKeyInput{}), w.key(t, awskms.CreateKeyInput{})}
	for i := range 10 {
		ids = append(ids, w.grant(t, awskms.CreateGrantInput{KeyId: &keys[i%2], GranteePrincipal: &ada, RetiringPrincipal: &ada, Operations: operations("Encrypt")}))
	}
	of := func(n int) (some []string) {
		for i := n; i < len(ids); i += 2 {
			some = append(some, ids[i])
		}
		slices.Sort(some)
		return some
	}
	for name, in := range map[string]awskms.ListGrantsInput{"all": {}, "of a grantee": {GranteePrincipal: &ada}} {
		in.KeyId, in.Limit = &keys[0], new(int32(2))
		var got []string
		for pages := awskms.NewListGrantsPaginator(w.Client, &in); pages.HasMorePages(); {
			page := must(pages.NextPage(t.Context()))
			if len(page.Grants) > 2 {
				t.Errorf("%s: a page of %d", name, len(page.Grants))
			}
			for _, g := range page.Grants {
				got = append(got, *g.GrantId)
			}
		}
		if want := of(0); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	first := must(w.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: &keys[0], Limit: new(int32(2))}))
	_, err := w.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: &keys[1], Limit: new(int32(2)), Marker: first.NextMarker})
	wantError(t, err, "InvalidMarkerException", "The marker is not valid.")

	var got []string
	for pages := awskms.NewListRetirableGrantsPaginator(w.Client, &awskms.ListRetirableGrantsInput{RetiringPrincipal: &ada, Limit: new(int32(3))}); pages.HasMorePages(); {
		for _, g := range must(pages.NextPage(t.Context())).Grants {
			got = append(got, *g.GrantId)
		}
	}
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		t.Errorf("retirable: got %v, want %v", got, ids)
	}
	// What is retirable is each account's own to ask about.
	bob := w.by(t, user(other, "bob"), servicetest.Allow("*", "kms:*"))
	_, err = bob.ListRetirableGrants(t.Context(), &awskms.ListRetirableGrantsInput{RetiringPrincipal: &ada})
	wantError(t, err, "AccessDeniedException", "")
	_, err = w.as("eve").ListRetirableGrants(t.Context(), &awskms.ListRetirableGrantsInput{RetiringPrincipal: &ada})
	wantError(t, err, "AccessDeniedException", denied("eve", "kms:ListRetirableGrants", ada))
	_, err = w.ListRetirableGrants(t.Context(), &awskms.ListRetirableGrantsInput{RetiringPrincipal: new("ada")})
	wantError(t, err, "InvalidArnException", "ARN does not refer to a valid principal: ada")
}

func TestANameMakesARetryOfCreateGrant(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.User("ada")
	in := awskms.CreateGrantInput{
		KeyId: &id, GranteePrincipal: new(principal(servicetest.Account, "user/ada")), Name: new("n"),
		Operations: operations("Encrypt", "Decrypt"), Constraints: equals("a", "b"),
	}
	first := must(w.CreateGrant(t.Context(), &in))
	in.Operations = operations("Decrypt", "Encrypt")
	again := must(w.CreateGrant(t.Context(), &in))
	if *again.GrantId != *first.GrantId || *again.GrantToken == *first.GrantToken {
		t.Errorf("a retry: %+v, %+v", first, again)
	}
	for name, change := range map[string]func(*awskms.CreateGrantInput){
		"another name":       func(in *awskms.CreateGrantInput) { in.Name = new("m") },
		"no name":            func(in *awskms.CreateGrantInput) { in.Name = nil },
		"no name once more":  func(in *awskms.CreateGrantInput) { in.Name = nil },
		"fewer operations":   func(in *awskms.CreateGrantInput) { in.Operations = operations("Encrypt") },
		"another constraint": func(in *awskms.CreateGrantInput) { in.Constraints = subset("a", "b") },
		"a retiring principal": func(in *awskms.CreateGrantInput) {
			in.RetiringPrincipal = new(principal(servicetest.Account, "root"))
		},
	} {
		other := in
		change(&other)
		if got := must(w.CreateGrant(t.Context(), &other)); *got.GrantId == *first.GrantId {
			t.Errorf("%s is the same grant", name)
		}
	}
	if _, err := w.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: &id, GrantId: first.GrantId}); err != nil {
		t.Fatal(err)
	}
	if got := must(w.CreateGrant(t.Context(), &in)); *got.GrantId == *first.GrantId {
		t.Error("a grant that was revoked is back")
	}
}

func TestGrantConstraints(t *testing.T) {
	t.Parallel()
	w := serve(t)
	ada := w.as("ada")
	for i, c := range []struct {
		constraints *types.GrantConstraints
		context     []string
		allowed     bool
	}{
		// The examples of "Using grant constraints".
		{subset("Department", "Finance", "Classification", "Public"), []string{"Department", "Finance", "Classification", "Public"}, true},
		{subset("Department", "Finance", "Classification", "Public"), []string{"Customer", "12345", "Department", "Finance", "Classification", "Public", "Purpose", "Test"}, true},
		{subset("Department", "Finance", "Classification", "Public"), []string{"Department", "Finance"}, false},
		{subset("Department", "Finance", "Classification", "Public"), []string{"department", "finance", "classification", "public"}, false},
		{subset("Department", "Finance", "Classification", "Public"), []string{"Classification", "Public", "Customer", "12345"}, false},
		{equals("Department", "IT"), []string{"Department", "IT"}, true},
		{equals("Department", "IT"), []string{"Department", "IT", "Purpose", "Test"}, false},
		{equals("Department", "IT"), nil, false},
		{subset("Department", "IT"), []string{"Department", "IT", "Purpose", "Test"}, true},
		{&types.GrantConstraints{EncryptionContextSubset: pairsOf([]string{"a", "1"}), EncryptionContextEquals: pairsOf([]string{"b", "2"})}, []string{"b", "2"}, false},
		{nil, nil, true},
		{nil, []string{"a", "1"}, true},
	} {
		id := w.key(t, awskms.CreateKeyInput{})
		w.grant(t, awskms.CreateGrantInput{
			KeyId: &id, GranteePrincipal: new(principal(servicetest.Account, "user/ada")), Operations: operations("Encrypt", "DescribeKey"), Constraints: c.constraints,
		})
		if got := encrypts(t, ada, id, c.context...); got != c.allowed {
			t.Errorf("%d: %v", i, got)
		}
		if _, err := ada.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &id}); err != nil {
			t.Errorf("%d: the constraint applies to DescribeKey: %v", i, err)
		}
		if _, err := ada.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: &id, KeySpec: "AES_256", EncryptionContext: pairsOf(c.context)}); err == nil {
			t.Errorf("%d: the grant is good for another operation", i)
		}
	}
}

func TestCreateGrantRefuses(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.alias(t, "alias/a", id)
	pair := w.key(t, awskms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT"})
	signing := w.key(t, awskms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY"})
	mac := w.key(t, awskms.CreateKeyInput{KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC"})
	agreement := w.key(t, awskms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "KEY_AGREEMENT"})
	off, going := w.key(t, awskms.CreateKeyInput{}), w.key(t, awskms.CreateKeyInput{})
	w.state(t, off, "Disabled")
	w.state(t, going, "PendingDeletion")
	home := principal(servicetest.Account, "root")
	many := map[string]string{}
	for i := range 9 {
		many[fmt.Sprint(i)] = "x"
	}
	const pairs = "An encryption context constraint has 1 to 8 pairs."
	for name, c := range map[string]struct {
		in            awskms.CreateGrantInput
		code, message string
	}{
		"an alias":                    {awskms.CreateGrantInput{KeyId: new("alias/a")}, "NotFoundException", "Invalid keyId 'alias/a'"},
		"no such key":                 {awskms.CreateGrantInput{KeyId: new(stranger)}, "NotFoundException", ""},
		"a disabled key":              {awskms.CreateGrantInput{KeyId: &off}, "DisabledException", arn("key/"+off) + " is disabled."},
		"a key on its way":            {awskms.CreateGrantInput{KeyId: &going}, "KMSInvalidStateException", arn("key/"+going) + " is pending deletion."},
		"nobody":                      {awskms.CreateGrantInput{GranteePrincipal: new(principal(servicetest.Account, "user/nobody"))}, "InvalidArnException", "ARN does not refer to a valid principal: " + principal(servicetest.Account, "user/nobody")},
		"an account's id":             {awskms.CreateGrantInput{GranteePrincipal: new(servicetest.Account)}, "InvalidArnException", ""},
		"a service":                   {awskms.CreateGrantInput{GranteePrincipal: new("secretsmanager.amazonaws.com")}, "InvalidArnException", ""},
		"nobody to retire it":         {awskms.CreateGrantInput{RetiringPrincipal: new(principal(servicetest.Account, "role/nobody"))}, "InvalidArnException", ""},
		"no operation":                {awskms.CreateGrantInput{Operations: []types.GrantOperation{}}, "ValidationException", ""},
		"an unknown operation":        {awskms.CreateGrantInput{Operations: operations("ScheduleKeyDeletion")}, "ValidationException", ""},
		"to sign by encryption":       {awskms.CreateGrantInput{Operations: operations("Encrypt", "Sign")}, "ValidationException", "The operation Sign is not supported in a grant on a KMS key with the key spec SYMMETRIC_DEFAULT and the key usage ENCRYPT_DECRYPT."},
		"to show a symmetric key":     {awskms.CreateGrantInput{Operations: operations("GetPublicKey")}, "ValidationException", ""},
		"to show a MAC's key":         {awskms.CreateGrantInput{KeyId: &mac, Operations: operations("GetPublicKey")}, "ValidationException", ""},
		"a data key of a pair":        {awskms.CreateGrantInput{KeyId: &pair, Operations: operations("GenerateDataKey")}, "ValidationException", ""},
		"to encrypt by signing":       {awskms.CreateGrantInput{KeyId: &signing, Operations: operations("Encrypt")}, "ValidationException", ""},
		"to sign by agreement":        {awskms.CreateGrantInput{KeyId: &agreement, Operations: operations("Sign")}, "ValidationException", ""},
		"a constraint of a pair":      {awskms.CreateGrantInput{KeyId: &pair, Constraints: subset("a", "b")}, "ValidationException", "A grant on a KMS key with the key spec RSA_2048 can't have an encryption context constraint."},
		"an empty constraint":         {awskms.CreateGrantInput{Constraints: equals()}, "ValidationException", pairs},
		"too many pairs":              {awskms.CreateGrantInput{Constraints: &types.GrantConstraints{EncryptionContextSubset: many}}, "ValidationException", pairs},
		"too long a value":            {awskms.CreateGrantInput{Constraints: subset("a", strings.Repeat("x", 385))}, "ValidationException", "A value of an encryption context constraint has at most 384 characters."},
		"a dry run":                   {awskms.CreateGrantInput{DryRun: new(true)}, "DryRunOperationException", ""},
		"a grant token that is none":  {awskms.CreateGrantInput{GrantTokens: []string{"x"}}, "InvalidGrantTokenException", "The grant token is not valid."},
		"a name with a strange sign":  {awskms.CreateGrantInput{Name: new("a b")}, "ValidationException", ""},
		"another account's, of none":  {awskms.CreateGrantInput{KeyId: new(strings.Replace(arn("key/"+stranger), servicetest.Account, other, 1))}, "AccessDeniedException", ""},
		"a key of another region":     {awskms.CreateGrantInput{KeyId: new(strings.Replace(arn("key/"+id), servicetest.Region, "us-east-1", 1))}, "NotFoundException", ""},
		"an ARN that is not of a key": {awskms.CreateGrantInput{KeyId: new("arn:aws:s3:::x")}, "InvalidArnException", ""},
	} {
		in := c.in
		in.KeyId, in.GranteePrincipal = cmp.Or(in.KeyId, &id), cmp.Or(in.GranteePrincipal, &home)
		if in.Operations == nil {
			in.Operations = operations("Encrypt")
		}
		_, err := w.CreateGrant(t.Context(), &in)
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
	for _, c := range []struct {
		key  string
		good []types.GrantOperation
	}{
		{pair, operations("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey", "DescribeKey")},
		{signing, operations("Sign", "Verify", "GetPublicKey", "CreateGrant", "RetireGrant")},
		{mac, operations("GenerateMac", "VerifyMac", "DescribeKey")},
		{agreement, operations("DeriveSharedSecret", "GetPublicKey")},
		{id, operations("GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")},
	} {
		w.grant(t, awskms.CreateGrantInput{KeyId: &c.key, GranteePrincipal: &home, Operations: c.good})
	}
	if keys := w.Keys("kms/grant/"); len(keys) != 5 {
		t.Errorf("left behind: %v", keys)
	}
}

func TestGrantsHaveAQuota(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	home := principal(servicetest.Account, "root")
	in := awskms.CreateGrantInput{KeyId: &id, GranteePrincipal: &home, Operations: operations("Encrypt")}
	first := w.grant(t, in)
	if _, err := w.Store.Update(t.Context(), func(tx kv.Tx) error { // as if there were as many
		return tx.Put("kms/grant-count/"+kv.Key(servicetest.Account, servicetest.Region, id), []byte(`{"Grants":50000}`))
	}); err != nil {
		t.Fatal(err)
	}
	_, err := w.CreateGrant(t.Context(), &in)
	wantError(t, err, "LimitExceededException", "The key "+arn("key/"+id)+" has 50000 grants, the most that a key may have.")
	if _, err := w.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: &id, GrantId: &first}); err != nil {
		t.Fatal(err)
	}
	w.grant(t, in)
	other := w.key(t, awskms.CreateKeyInput{})
	in.KeyId = &other
	w.grant(t, in)
}
