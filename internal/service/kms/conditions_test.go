// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"context"
	"fmt"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestConditionKeys holds the condition keys of KMS, each by a user who is allowed
// everything under that condition and nothing else.
func TestConditionKeys(t *testing.T) {
	t.Parallel()
	w := serve(t)
	key := w.key(t, awskms.CreateKeyInput{Tags: []types.Tag{{TagKey: new("Team"), TagValue: new("red")}}})
	w.alias(t, "alias/one", key)
	w.alias(t, "alias/two", key)
	ecc := w.key(t, awskms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify, MultiRegion: new(true)})
	app := map[string]string{"App": "shop", "Stage": "prod"}
	sealed := must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &key, Plaintext: []byte("x"), EncryptionContext: app})).CiphertextBlob

	describe := func(id string) func(context.Context, *awskms.Client) error {
		return func(ctx context.Context, c *awskms.Client) error {
			_, err := c.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: &id})
			return err
		}
	}
	encrypt := func(id string, with map[string]string) func(context.Context, *awskms.Client) error {
		return func(ctx context.Context, c *awskms.Client) error {
			_, err := c.Encrypt(ctx, &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x"), EncryptionContext: with})
			return err
		}
	}
	decrypt := func(ctx context.Context, c *awskms.Client) error {
		_, err := c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: sealed, EncryptionContext: app})
		return err
	}
	dataKey := func(ctx context.Context, c *awskms.Client) error {
		_, err := c.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: &key, KeySpec: types.DataKeySpecAes256, EncryptionContext: app})
		return err
	}
	create := func(in awskms.CreateKeyInput) func(context.Context, *awskms.Client) error {
		return func(ctx context.Context, c *awskms.Client) error {
			_, err := c.CreateKey(ctx, &in)
			return err
		}
	}
	alias := func(ctx context.Context, c *awskms.Client) error {
		if _, err := c.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: new("alias/three"), TargetKeyId: &key}); err != nil {
			return err
		}
		_, err := c.DeleteAlias(ctx, &awskms.DeleteAliasInput{AliasName: new("alias/three")})
		return err
	}
	for i, c := range []struct {
		condition string
		call      func(context.Context, *awskms.Client) error
		allowed   bool
	}{
		{`"StringEquals":{"kms:CallerAccount":"123456789012"}`, describe(key), true},
		{`"StringEquals":{"kms:CallerAccount":"123456789012"}`, alias, true},
		{`"StringEquals":{"kms:CallerAccount":"123456789012"}`, create(awskms.CreateKeyInput{}), true},
		{`"StringEquals":{"kms:CallerAccount":"999999999999"}`, describe(key), false},
		{`"Null":{"kms:ViaService":"true"}`, decrypt, true},
		{`"StringEquals":{"kms:RequestAlias":"alias/one"}`, describe("alias/one"), true},
		{`"StringEquals":{"kms:RequestAlias":"alias/one"}`, describe(arn("alias/one")), true},
		{`"StringEquals":{"kms:RequestAlias":"alias/one"}`, encrypt("alias/one", nil), true},
		{`"StringEquals":{"kms:RequestAlias":"alias/one"}`, describe("alias/two"), false},
		{`"StringEquals":{"kms:RequestAlias":"alias/one"}`, describe(key), false},
		{`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/two"}`, describe(key), true},
		{`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/two"}`, decrypt, true},
		{`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/other"}`, describe(key), false},
		{`"ForAnyValue:StringLike":{"kms:ResourceAliases":"*"}`, describe(ecc), false},
		{`"StringEquals":{"aws:ResourceTag/team":"red"}`, encrypt(key, nil), true},
		{`"StringEquals":{"aws:ResourceTag/team":"red"}`, describe(ecc), false},
		{`"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT","kms:KeyOrigin":"AWS_KMS"},"Bool":{"kms:MultiRegion":"false"},"Null":{"kms:MultiRegionKeyType":"true"}`, describe(key), true},
		{`"StringEquals":{"kms:KeySpec":"ECC_NIST_P256","kms:CustomerMasterKeyUsage":"SIGN_VERIFY","kms:MultiRegionKeyType":"PRIMARY"},"Bool":{"kms:MultiRegion":"true"}`, describe(ecc), true},
		{`"StringEquals":{"kms:KeySpec":"ECC_NIST_P256"}`, describe(key), false},
		{`"StringEquals":{"kms:EncryptionContext:App":"shop"}`, encrypt(key, app), true},
		{`"StringEquals":{"kms:EncryptionContext:app":"shop"}`, decrypt, true},
		{`"StringEquals":{"kms:EncryptionContext:App":"shop"}`, dataKey, true},
		{`"StringEquals":{"kms:EncryptionContext:App":"shop"}`, encrypt(key, nil), false},
		{`"StringEquals":{"kms:EncryptionContext:App":"shop"}`, encrypt(key, map[string]string{"App": "bank"}), false},
		{`"StringEquals":{"kms:EncryptionContext:App":"shop"}`, describe(key), false},
		{`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["App","Stage"]},"Null":{"kms:EncryptionContextKeys":"false"}`, decrypt, true},
		{`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["app","stage"]},"Null":{"kms:EncryptionContextKeys":"false"}`, decrypt, false},
		{`"Null":{"kms:EncryptionContextKeys":"false"}`, encrypt(key, nil), false},
		{`"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, decrypt, true},
		{`"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, dataKey, true},
		{`"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, describe(key), false},
		{`"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyOrigin":"AWS_KMS"},"Bool":{"kms:MultiRegion":"false"},"Null":{"kms:BypassPolicyLockoutSafetyCheck":"true"}`, create(awskms.CreateKeyInput{}), true},
		{`"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT"}`, create(awskms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}), false},
		{`"StringEquals":{"aws:RequestTag/Team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":"Team"}`, create(awskms.CreateKeyInput{Tags: []types.Tag{{TagKey: new("Team"), TagValue: new("red")}}}), true},
		{`"StringEquals":{"aws:RequestTag/Team":"red"}`, create(awskms.CreateKeyInput{Tags: []types.Tag{{TagKey: new("Team"), TagValue: new("blue")}}}), false},
		{`"StringEquals":{"aws:RequestTag/Team":"red"}`, create(awskms.CreateKeyInput{}), false},
	} {
		name := fmt.Sprintf("user-%d", i)
		user := w.as(name, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{`+c.condition+`}}}`)
		if err := c.call(t.Context(), user); (err == nil) != c.allowed {
			t.Errorf("%d, under %s: %v", i, c.condition, err)
		}
	}
}
