// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestWhoMayRetireAGrant is a table of "Retiring and revoking grants".
func TestWhoMayRetireAGrant(t *testing.T) {
	t.Parallel()
	w := serve(t)
	ada, role, bob := w.as("ada"), w.by(t, role(servicetest.Account, "r")), w.by(t, user(other, "bob"))
	permitted := w.as("eve", servicetest.Allow("*", "kms:RetireGrant"))
	barred := w.as("mallory", servicetest.Allow("*", "kms:RetireGrant"), servicetest.Deny("*", "kms:RetireGrant"))
	abroad := w.by(t, user(other, "carol"), servicetest.Allow("*", "kms:RetireGrant"))
	name := func(n string) *string { return new(principal(servicetest.Account, n)) }
	for i, c := range []struct {
		who      *awskms.Client
		retiring *string
		grantee  string
		also     types.GrantOperation
		allowed  bool
	}{
		{ada, name("user/ada"), "user/eve", "Decrypt", true},
		{ada, nil, "user/eve", "Decrypt", false},
		{ada, nil, "user/ada", "Decrypt", false},
		{ada, nil, "user/ada", "RetireGrant", true},
		{ada, name("user/eve"), "user/ada", "RetireGrant", true},
		{ada, name("root"), "user/eve", "Decrypt", false},
		{role, name("role/r"), "user/ada", "Decrypt", true},
		{role, name("user/ada"), "role/r", "RetireGrant", true},
		{role, name("user/ada"), "user/ada", "Decrypt", false},
		{w.Client, nil, "user/ada", "Decrypt", true}, // the account that made it
		{permitted, nil, "user/ada", "Decrypt", true},
		{barred, name("user/mallory"), "user/mallory", "RetireGrant", false},
		{bob, new(principal(other, "user/bob")), "user/ada", "Decrypt", true},
		{bob, new(principal(other, "root")), "user/ada", "Decrypt", false},
		{abroad, new(principal(other, "root")), "user/ada", "Decrypt", true},
		{abroad, nil, "user/ada", "Decrypt", false},
	} {
		// The key policy has no say in it.
		id := arn("key/" + w.key(t, awskms.CreateKeyInput{Policy: new(keyPolicy(named("Allow", "kms:CreateGrant", principal(servicetest.Account, "root"))))}))
		in := awskms.CreateGrantInput{KeyId: &id, GranteePrincipal: name(c.grantee), RetiringPrincipal: c.retiring, Operations: operations("Encrypt", c.also)}
		for _, byToken := range []bool{true, false} {
			out := must(w.CreateGrant(t.Context(), &in))
			retire := awskms.RetireGrantInput{GrantToken: out.GrantToken}
			if !byToken {
				retire = awskms.RetireGrantInput{KeyId: &id, GrantId: out.GrantId}
			}
			_, err := c.who.RetireGrant(t.Context(), &retire)
			if (err == nil) != c.allowed {
				t.Errorf("%d: %v", i, err)
			}
			if err != nil {
				wantError(t, err, "AccessDeniedException", "")
			}
		}
	}
}

func TestRetireAndRevokeRefuse(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	out := must(w.CreateGrant(t.Context(), &awskms.CreateGrantInput{
		KeyId: &id, GranteePrincipal: new(principal(servicetest.Account, "root")), Operations: operations("Encrypt"),
	}))
	none := strings.Repeat("0", 64)
	elsewhere := must(awskms.NewFromConfig(w.ConfigIn("us-east-1", w.Root)).CreateKey(t.Context(), &awskms.CreateKeyInput{})).KeyMetadata.KeyId
	token := must(awskms.NewFromConfig(w.ConfigIn("us-east-1", w.Root)).CreateGrant(t.Context(), &awskms.CreateGrantInput{
		KeyId: elsewhere, GranteePrincipal: new(principal(servicetest.Account, "root")), Operations: operations("Encrypt"),
	})).GrantToken
	const how = "A grant to be retired is named by its grant token, or else by its key and its grant id."
	for name, c := range map[string]struct {
		in            awskms.RetireGrantInput
		code, message string
	}{
		"nothing":                 {awskms.RetireGrantInput{}, "ValidationException", how},
		"both":                    {awskms.RetireGrantInput{GrantToken: out.GrantToken, KeyId: &id, GrantId: out.GrantId}, "ValidationException", how},
		"half":                    {awskms.RetireGrantInput{GrantId: out.GrantId}, "ValidationException", how},
		"no token":                {awskms.RetireGrantInput{GrantToken: new("x")}, "InvalidGrantTokenException", "The grant token is not valid."},
		"another region's":        {awskms.RetireGrantInput{GrantToken: token}, "InvalidGrantTokenException", "The grant token is not valid."},
		"no grant id":             {awskms.RetireGrantInput{KeyId: &id, GrantId: new("x")}, "InvalidGrantIdException", "The grant ID is not valid."},
		"no such grant":           {awskms.RetireGrantInput{KeyId: &id, GrantId: &none}, "NotFoundException", "Grant " + none + " is not found."},
		"no such key":             {awskms.RetireGrantInput{KeyId: new(stranger), GrantId: out.GrantId}, "NotFoundException", "Key '" + arn("key/"+stranger) + "' does not exist"},
		"no key":                  {awskms.RetireGrantInput{KeyId: new("arn:aws:s3:::x"), GrantId: out.GrantId}, "InvalidArnException", ""},
		"another account's":       {awskms.RetireGrantInput{KeyId: new(strings.Replace(arn("key/"+id), servicetest.Account, other, 1)), GrantId: out.GrantId}, "AccessDeniedException", ""},
		"a dry run":               {awskms.RetireGrantInput{KeyId: &id, GrantId: out.GrantId, DryRun: new(true)}, "DryRunOperationException", ""},
		"a dry run by token":      {awskms.RetireGrantInput{GrantToken: out.GrantToken, DryRun: new(true)}, "DryRunOperationException", ""},
		"a dry run of a ghost":    {awskms.RetireGrantInput{KeyId: &id, GrantId: &none, DryRun: new(true)}, "NotFoundException", ""},
		"an alias in a key's way": {awskms.RetireGrantInput{KeyId: new("alias/aws/ssm"), GrantId: out.GrantId}, "NotFoundException", "Invalid keyId 'alias/aws/ssm'"},
	} {
		_, err := w.RetireGrant(t.Context(), &c.in)
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
	for name, c := range map[string]struct {
		in            awskms.RevokeGrantInput
		code, message string
	}{
		"no grant id":   {awskms.RevokeGrantInput{KeyId: &id, GrantId: new("x")}, "InvalidGrantIdException", "The grant ID is not valid."},
		"no such grant": {awskms.RevokeGrantInput{KeyId: &id, GrantId: &none}, "NotFoundException", "Grant " + none + " is not found."},
		"a dry run":     {awskms.RevokeGrantInput{KeyId: &id, GrantId: out.GrantId, DryRun: new(true)}, "DryRunOperationException", ""},
	} {
		_, err := w.RevokeGrant(t.Context(), &c.in)
		t.Run("revoke "+name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
	_, err := w.as("ada", servicetest.Allow("*", "kms:RetireGrant")).RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: &id, GrantId: out.GrantId})
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:RevokeGrant", arn("key/"+id)))
	if got := must(w.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: &id})).Grants; len(got) != 1 {
		t.Errorf("there are %d grants", len(got))
	}
	// In every state of the key.
	w.state(t, id, "PendingDeletion")
	if _, err := w.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: &id, GrantId: out.GrantId}); err != nil {
		t.Error(err)
	}
	for _, table := range []string{"kms/grant/", "kms/grantee/", "kms/grant-count/"} {
		for _, key := range w.Keys(table) {
			if strings.Contains(key, id) {
				t.Errorf("left behind: %s", key)
			}
		}
	}
}

// TestGrantTokens holds that a token is taken wherever a grant may be used, and is no
// substitute for one.
func TestGrantTokens(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	ada, eve := w.as("ada"), w.as("eve")
	out := must(w.CreateGrant(t.Context(), &awskms.CreateGrantInput{
		KeyId: &id, GranteePrincipal: new(principal(servicetest.Account, "user/ada")), Operations: operations("Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"),
	}))
	in := &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x"), GrantTokens: []string{*out.GrantToken}}
	sealed, err := ada.Encrypt(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, GrantTokens: in.GrantTokens}); err != nil {
		t.Error(err)
	}
	if _, err := ada.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &id, GrantTokens: in.GrantTokens}); err != nil {
		t.Error(err)
	}
	_, err = ada.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &id, GrantTokens: []string{"x"}})
	wantError(t, err, "InvalidGrantTokenException", "")
	_, err = eve.Encrypt(t.Context(), in)
	wantError(t, err, "AccessDeniedException", denied("eve", "kms:Encrypt", arn("key/"+id)))
	if _, err := w.RetireGrant(t.Context(), &awskms.RetireGrantInput{GrantToken: out.GrantToken}); err != nil {
		t.Fatal(err)
	}
	_, err = ada.Encrypt(t.Context(), in)
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:Encrypt", arn("key/"+id)))
	if _, err := w.Encrypt(t.Context(), in); err != nil {
		t.Errorf("the token of a grant that is gone does harm: %v", err)
	}
}
