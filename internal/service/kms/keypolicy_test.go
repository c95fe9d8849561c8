// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"encoding/json"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// policyOf is a key's policy as JSON.
func (w world) policyOf(tb testing.TB, id string) (got any) {
	tb.Helper()
	out, err := w.GetKeyPolicy(tb.Context(), &awskms.GetKeyPolicyInput{KeyId: &id, PolicyName: new("default")})
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal([]byte(*out.Policy), &got); err != nil {
		tb.Fatal(err)
	}
	return got
}

func TestKeyPolicies(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	var want any
	if err := json.Unmarshal([]byte(rootPolicy), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, w.policyOf(t, id)); diff != "" {
		t.Errorf("the default key policy (-want +got):\n%s", diff)
	}
	names := must(w.ListKeyPolicies(t.Context(), &awskms.ListKeyPoliciesInput{KeyId: new(arn("key/" + id))}))
	if len(names.PolicyNames) != 1 || names.PolicyNames[0] != "default" || names.Truncated {
		t.Errorf("ListKeyPolicies: %+v", names)
	}
	put := " " + rootPolicy + "\n"
	if _, err := w.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &id, Policy: &put, PolicyName: new("default")}); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	if got := must(w.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &id})); *got.Policy != put || *got.PolicyName != "default" {
		t.Errorf("GetKeyPolicy: %+v", got)
	}
	given := w.key(t, awskms.CreateKeyInput{Policy: &put})
	if got := must(w.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &given})); *got.Policy != put {
		t.Errorf("GetKeyPolicy: %+v", got)
	}
	for _, state := range []string{"Disabled", "PendingDeletion"} {
		w.state(t, id, state)
		if _, err := w.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &id, Policy: new(rootPolicy)}); err != nil {
			t.Errorf("of a key that is %s: %v", state, err)
		}
		w.policyOf(t, id)
	}
}

func TestKeyPoliciesRefuse(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.alias(t, "alias/a", id)
	for name, c := range map[string]struct{ key, policy, policyName, code, message string }{
		"another name":   {id, rootPolicy, "other", "NotFoundException", "No such policy exists"},
		"an alias":       {"alias/a", rootPolicy, "default", "NotFoundException", "Invalid keyId 'alias/a'"},
		"no such key":    {stranger, rootPolicy, "default", "NotFoundException", "Key '" + arn("key/"+stranger) + "' does not exist"},
		"not JSON":       {id, `{"Version":`, "default", "MalformedPolicyDocumentException", ""},
		"no action":      {id, strings.Replace(rootPolicy, `"Action":"kms:*",`, "", 1), "default", "MalformedPolicyDocumentException", "The key policy is malformed: Statement[0].Action: Policy statement must contain actions."},
		"too long":       {id, rootPolicy + strings.Repeat(" ", 32<<10), "default", "LimitExceededException", "The key policy is longer than 32768 bytes."},
		"a strange sign": {id, strings.Replace(rootPolicy, "kms:*", "kms:\u4e00", 1), "default", "ValidationException", ""},
		"all of a context's values": {
			id, keyPolicy(strings.Replace(named("Allow", "kms:Encrypt", "*"), `"Resource"`, `"Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:App":"x"}},"Resource"`, 1)),
			"default", "MalformedPolicyDocumentException",
			"OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified encryption context or with an unspecified encryption context. To fix, remove ForAllValues.",
		},
		"all of a tag's values": {
			id, keyPolicy(strings.Replace(named("Allow", "kms:Encrypt", "*"), `"Resource"`, `"Condition":{"ForAllValues:StringLike":{"aws:RequestTag/App":"x"}},"Resource"`, 1)),
			"default", "MalformedPolicyDocumentException",
			"OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified tag or with an unspecified tag. To fix, remove ForAllValues.",
		},
	} {
		_, err := w.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &c.key, Policy: &c.policy, PolicyName: &c.policyName})
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
	_, err := w.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &id, PolicyName: new("other")})
	wantError(t, err, "NotFoundException", "No such policy exists")
	_, err = w.ListKeyPolicies(t.Context(), &awskms.ListKeyPoliciesInput{KeyId: &id, Marker: new("x")})
	wantError(t, err, "InvalidMarkerException", "The marker is not valid.")
}

// TestTheLockoutSafetyCheck holds that who puts a key policy has to be left with the right
// to do it again, by that policy and the caller's own together, or say that this is meant.
func TestTheLockoutSafetyCheck(t *testing.T) {
	t.Parallel()
	w := serve(t)
	const lockout = "The new key policy will not allow you to update the key policy in the future."
	id := w.key(t, awskms.CreateKeyInput{})
	ada := w.as("ada", servicetest.Allow("*", "kms:PutKeyPolicy", "kms:CreateKey"))
	onlyAda := `{"Statement":` + named("Allow", "kms:*", principal(servicetest.Account, "user/ada")) + `}`
	onlyRoot := `{"Statement":` + named("Allow", "kms:*", principal(servicetest.Account, "root")) + `}`

	// Root would be locked out, ada would not be.
	in := awskms.PutKeyPolicyInput{KeyId: &id, Policy: &onlyAda}
	_, err := w.PutKeyPolicy(t.Context(), &in)
	wantError(t, err, "MalformedPolicyDocumentException", lockout)
	if _, err := ada.PutKeyPolicy(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
	_, err = w.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &id})
	wantError(t, err, "AccessDeniedException", "User: "+principal(servicetest.Account, "root")+" is not authorized to perform: kms:GetKeyPolicy on resource: "+
		arn("key/"+id)+" because no resource-based policy allows the kms:GetKeyPolicy action")

	// The right has to be there by the caller's own policies, too.
	bob := w.as("bob", servicetest.Allow("*", "kms:CreateKey"))
	_, err = bob.CreateKey(t.Context(), &awskms.CreateKeyInput{Policy: &onlyRoot})
	wantError(t, err, "MalformedPolicyDocumentException", lockout)
	if _, err := bob.CreateKey(t.Context(), &awskms.CreateKeyInput{Policy: &onlyRoot, BypassPolicyLockoutSafetyCheck: true}); err != nil {
		t.Error(err)
	}
	if _, err := ada.CreateKey(t.Context(), &awskms.CreateKeyInput{Policy: &onlyRoot}); err != nil {
		t.Error(err)
	}
	// A grant is no right to the key policy, and what is refused changes nothing.
	before := must(ada.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &id}))
	nobody := keyPolicy(named("Deny", "kms:PutKeyPolicy", "*"))
	_, err = ada.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &id, Policy: &nobody})
	wantError(t, err, "MalformedPolicyDocumentException", lockout)
	if after := must(ada.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &id})); *after.Policy != *before.Policy {
		t.Errorf("got %s", *after.Policy)
	}
	if _, err := ada.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &id, Policy: &nobody, BypassPolicyLockoutSafetyCheck: true}); err != nil {
		t.Fatal(err)
	}
	// From now on it is nobody's.
	for _, c := range []*awskms.Client{w.Client, ada} {
		_, err := c.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &id, Policy: new(rootPolicy), BypassPolicyLockoutSafetyCheck: true})
		if got := fault(t, err); !strings.HasSuffix(got, "with an explicit deny in a resource-based policy") {
			t.Errorf("got %s", got)
		}
	}
}

// TestManagedKeyPolicies holds that an AWS managed key says what it lets be done with it,
// and that nobody changes that.
func TestManagedKeyPolicies(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := *must(w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new(kms.AliasSecretsManager)})).KeyMetadata.KeyId
	got := must(w.GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &id}))
	for _, part := range []string{
		`"auto-secretsmanager-1"`, `"kms:CallerAccount" : "` + servicetest.Account + `"`, `"kms:ViaService" : "secretsmanager.` + servicetest.Region + `.amazonaws.com"`,
	} {
		if !strings.Contains(*got.Policy, part) {
			t.Errorf("the key policy has no %s", part)
		}
	}
	_, err := w.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &id, Policy: new(rootPolicy)})
	wantError(t, err, "AccessDeniedException", "")
	if _, err := w.ListKeyPolicies(t.Context(), &awskms.ListKeyPoliciesInput{KeyId: &id}); err != nil {
		t.Error(err)
	}
	_, err = w.as("ada").GetKeyPolicy(t.Context(), &awskms.GetKeyPolicyInput{KeyId: &id})
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:GetKeyPolicy", arn("key/"+id)))
}

// TestAKeyPolicyThatCannotBeReadDenies holds that a key whose policy is damaged in the
// store is nobody's, and not everybody's.
func TestAKeyPolicyThatCannotBeReadDenies(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{Policy: new(rootPolicy)})
	w.rewrite(t, id, "Policy", `"{}"`)
	_, err := w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &id})
	if got := fault(t, err); !strings.HasSuffix(got, "with an explicit deny in a resource-based policy") {
		t.Errorf("got %s", got)
	}
}

// rewrite gives a member of a key's record another value, in JSON.
func (w world) rewrite(tb testing.TB, id, member, value string) {
	tb.Helper()
	if _, err := w.Store.Update(tb.Context(), func(tx kv.Tx) error {
		key := "kms/key/" + kv.Key(servicetest.Account, servicetest.Region, id)
		data, err := tx.Get(key)
		if err != nil {
			return err
		}
		record := map[string]json.RawMessage{}
		if err := json.Unmarshal(data, &record); err != nil {
			return err
		}
		record[member] = json.RawMessage(value)
		if data, err = json.Marshal(record); err != nil {
			return err
		}
		return tx.Put(key, data)
	}); err != nil {
		tb.Fatal(err)
	}
}
