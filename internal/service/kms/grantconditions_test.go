// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"fmt"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestConditionKeysOfGrants holds the condition keys of requests about grants and key
// policies, each in a key policy that lets a user do everything under that condition.
func TestConditionKeysOfGrants(t *testing.T) {
	t.Parallel()
	w := serve(t)
	credentials := w.User("ada")
	ada := awskms.NewFromConfig(w.Config(credentials))
	w.User("bob")
	bob, home := principal(servicetest.Account, "user/bob"), principal(servicetest.Account, "root")
	create := func(in awskms.CreateGrantInput) func(*testing.T, string) error {
		return func(t *testing.T, key string) error {
			in.KeyId, in.GranteePrincipal = &key, new(bob)
			if in.Operations == nil {
				in.Operations = operations("Encrypt")
			}
			_, err := ada.CreateGrant(t.Context(), &in)
			return err
		}
	}
	put := func(bypass *bool) func(*testing.T, string) error {
		return func(t *testing.T, key string) error {
			body := fmt.Sprintf(`{"KeyId":%q,"Policy":%q`, key, keyPolicy(named("Allow", "kms:*", principal(servicetest.Account, "user/ada"))))
			if bypass != nil {
				body += fmt.Sprintf(`,"BypassPolicyLockoutSafetyCheck":%v`, *bypass)
			}
			if got := w.Post(credentials, "TrentService.PutKeyPolicy", body+"}"); got.Status != 200 {
				return fmt.Errorf("%s: %s", got.Type, got.Message)
			}
			return nil
		}
	}
	list := func(t *testing.T, key string) error {
		_, err := ada.ListGrants(t.Context(), &awskms.ListGrantsInput{KeyId: &key})
		return err
	}
	revoke := func(t *testing.T, key string) error {
		id := w.grant(t, awskms.CreateGrantInput{KeyId: &key, GranteePrincipal: &bob, Operations: operations("Encrypt")})
		_, err := ada.RevokeGrant(t.Context(), &awskms.RevokeGrantInput{KeyId: &key, GrantId: &id})
		return err
	}
	for i, c := range []struct {
		condition string
		call      func(*testing.T, string) error
		allowed   bool
	}{
		{`"StringEquals":{"kms:GranteePrincipal":"` + bob + `"}`, create(awskms.CreateGrantInput{}), true},
		{`"StringEquals":{"kms:GranteePrincipal":"` + home + `"}`, create(awskms.CreateGrantInput{}), false},
		{`"StringEquals":{"kms:GranteePrincipal":"` + bob + `"}`, list, false},
		{`"StringEquals":{"kms:RetiringPrincipal":"` + home + `"}`, create(awskms.CreateGrantInput{RetiringPrincipal: &home}), true},
		{`"StringEquals":{"kms:RetiringPrincipal":"` + home + `"}`, create(awskms.CreateGrantInput{}), false},
		{`"ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt","Decrypt"]}`, create(awskms.CreateGrantInput{Operations: operations("Decrypt")}), true},
		{`"ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt","Decrypt"]}`, create(awskms.CreateGrantInput{Operations: operations("Decrypt", "DescribeKey")}), false},
		{`"ForAnyValue:StringEquals":{"kms:GrantOperations":"Decrypt"}`, create(awskms.CreateGrantInput{Operations: operations("Decrypt", "DescribeKey")}), true},
		{`"StringEquals":{"kms:GrantConstraintType":"EncryptionContextEquals"}`, create(awskms.CreateGrantInput{Constraints: equals("a", "b")}), true},
		{`"StringEquals":{"kms:GrantConstraintType":"EncryptionContextEquals"}`, create(awskms.CreateGrantInput{Constraints: subset("a", "b")}), false},
		{`"StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}`, create(awskms.CreateGrantInput{Constraints: subset("a", "b")}), true},
		{`"StringLike":{"kms:GrantConstraintType":"*"}`, create(awskms.CreateGrantInput{}), false},
		{`"StringEquals":{"kms:EncryptionContext:App":"shop"}`, create(awskms.CreateGrantInput{Constraints: subset("App", "shop")}), true},
		{`"StringEquals":{"kms:EncryptionContext:App":"shop"}`, create(awskms.CreateGrantInput{Constraints: equals("App", "bank")}), false},
		{`"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"App"}`, create(awskms.CreateGrantInput{Constraints: equals("App", "x", "B", "y")}), true},
		{`"Null":{"kms:EncryptionContextKeys":"false"}`, create(awskms.CreateGrantInput{}), false},
		{`"Bool":{"kms:GrantIsForAWSResource":"false"}`, create(awskms.CreateGrantInput{}), true},
		{`"Bool":{"kms:GrantIsForAWSResource":"true"}`, create(awskms.CreateGrantInput{}), false},
		{`"Bool":{"kms:GrantIsForAWSResource":"false"}`, list, true},
		{`"Bool":{"kms:GrantIsForAWSResource":"true"}`, list, false},
		{`"Bool":{"kms:GrantIsForAWSResource":"false"}`, revoke, true},
		{`"Bool":{"kms:GrantIsForAWSResource":"true"}`, revoke, false},
		{`"StringEquals":{"kms:CallerAccount":"` + servicetest.Account + `","kms:KeySpec":"SYMMETRIC_DEFAULT"}`, list, true},
		{`"Null":{"kms:BypassPolicyLockoutSafetyCheck":"true"}`, put(nil), true},
		{`"Null":{"kms:BypassPolicyLockoutSafetyCheck":"true"}`, put(new(true)), false},
		{`"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"true"}`, put(new(true)), true},
		{`"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"true"}`, put(new(false)), false},
	} {
		statement := strings.Replace(named("Allow", "kms:*", principal(servicetest.Account, "user/ada")), `"Resource"`, `"Condition":{`+c.condition+`},"Resource"`, 1)
		key := w.key(t, awskms.CreateKeyInput{Policy: new(keyPolicy(statement))})
		if err := c.call(t, key); (err == nil) != c.allowed {
			t.Errorf("%d, under %s: %v", i, c.condition, err)
		} else if err != nil && !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%d, under %s: %v", i, c.condition, err)
		}
	}
}

// TestGrantsByGrants holds that whom a grant lets make grants gives nobody more than the
// grant has ("Granting CreateGrant permission").
func TestGrantsByGrants(t *testing.T) {
	t.Parallel()
	w := serve(t)
	ada := w.as("ada")
	w.User("bob")
	grantee, bob := principal(servicetest.Account, "user/ada"), principal(servicetest.Account, "user/bob")
	for i, c := range []struct {
		parent     *types.GrantConstraints
		child      *types.GrantConstraints
		operations []types.GrantOperation
		allowed    bool
	}{
		{nil, nil, operations("Encrypt"), true},
		{nil, nil, operations("Encrypt", "CreateGrant"), true},
		{nil, nil, operations("Encrypt", "Decrypt"), false},
		{nil, equals("a", "1"), operations("Encrypt"), true},
		{subset("a", "1"), subset("a", "1"), operations("Encrypt"), true},
		{subset("a", "1"), subset("a", "1", "b", "2"), operations("Encrypt"), true},
		{subset("a", "1"), equals("a", "1"), operations("Encrypt"), true},
		{subset("a", "1"), equals("a", "1", "b", "2"), operations("Encrypt"), true},
		{subset("a", "1"), nil, operations("Encrypt"), false},
		{subset("a", "1"), subset("b", "2"), operations("Encrypt"), false},
		{subset("a", "1"), subset("a", "2"), operations("Encrypt"), false},
		{subset("a", "1"), equals("b", "2"), operations("Encrypt"), false},
		{subset("a", "1"), nil, operations("DescribeKey"), false},
		{equals("a", "1"), equals("a", "1"), operations("Encrypt"), true},
		{equals("a", "1"), subset("a", "1"), operations("Encrypt"), false},
		{equals("a", "1"), equals("a", "1", "b", "2"), operations("Encrypt"), false},
		{equals("a", "1"), nil, operations("Encrypt"), false},
	} {
		id := w.key(t, awskms.CreateKeyInput{})
		w.grant(t, awskms.CreateGrantInput{
			KeyId: &id, GranteePrincipal: &grantee, Operations: operations("Encrypt", "DescribeKey", "CreateGrant"), Constraints: c.parent,
		})
		_, err := ada.CreateGrant(t.Context(), &awskms.CreateGrantInput{KeyId: &id, GranteePrincipal: &bob, Operations: c.operations, Constraints: c.child})
		if (err == nil) != c.allowed {
			t.Errorf("%d: %v", i, err)
		}
		if err != nil {
			wantError(t, err, "AccessDeniedException", denied("ada", "kms:CreateGrant", arn("key/"+id)))
		}
	}
}
