// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const (
	foreign     = "999999999999"
	homeRoot    = "arn:aws:iam::" + servicetest.Account + ":root"
	foreignRoot = "arn:aws:iam::" + foreign + ":root"
)

// keyPolicy is a policy by which the first principal administers a key, and the others do
// what the action says, under a condition or none.
func keyPolicy(admin, action, condition string, principals ...string) string {
	use := ""
	if len(principals) > 0 {
		use = fmt.Sprintf(`,{"Effect":"Allow","Principal":{"AWS":["%s"]},"Action":%q,"Resource":"*","Condition":{%s}}`, strings.Join(principals, `","`), action, condition)
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["kms:PutKeyPolicy","kms:CreateGrant","kms:RevokeGrant"],"Resource":"*"}%s]}`, admin, use)
}

func (w *world) setKeyPolicy(c *kms.Client, key, policy string) {
	w.t.Helper()
	if _, err := c.PutKeyPolicy(w.ctx, &kms.PutKeyPolicyInput{KeyId: &key, Policy: &policy}); err != nil {
		w.t.Fatal(err)
	}
}

// TestAKeyPolicyCanLockEverybodyOut holds that a secret under a key is read by whom the key
// policy lets in, and by nobody else: not by the administrator, and not by the root.
func TestAKeyPolicyCanLockEverybodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, keys := w.newKey(), kms.NewFromConfig(w.Config(w.Root))
	w.create("open", canary)
	w.create("db", canary)
	if err := w.useKey("db", key); err != nil {
		t.Fatal(err)
	}
	admin := w.as("admin", servicetest.Allow("*", "*"))
	app := w.as("app", servicetest.Allow("*", "secretsmanager:GetSecretValue"))
	// Moving a secret to another key leaves the old one good for its version, so a new one.
	w.put("db", canary+"2")

	w.setKeyPolicy(keys, key, keyPolicy(homeRoot, "kms:Decrypt", "", "arn:aws:iam::"+servicetest.Account+":user/app"))
	for name, c := range map[string]*secretsmanager.Client{"the root": w.Client, "an administrator": admin} {
		if got := w.reads(c, "db"); got != denied {
			t.Errorf("%s reads %s", name, got)
		}
		if got := w.reads(c, "open"); got != canary {
			t.Errorf("%s can't read what is under the default key: %s", name, got)
		}
		_, err := c.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("db"), SecretString: new(canary)})
		wantFault(t, err, denied)
	}
	if got := w.reads(app, "db"); got != canary+"2" {
		t.Errorf("whom the key policy names reads %s", got)
	}
	// Who may read the secret and whom the key policy names, but not the other of the two.
	if got := w.reads(w.as("reader", servicetest.Allow("*", "secretsmanager:*")), "db"); got != denied {
		t.Errorf("a reader without the key reads %s", got)
	}
	w.Permit(servicetest.Account, "app") // without its permission for the secret
	if got := w.reads(app, "db"); !strings.Contains(got, "secretsmanager:GetSecretValue") {
		t.Errorf("without a permission for the secret, the key's user reads %s", got)
	}

	// The check is bypassed, and nobody is left.
	nobody := strings.ReplaceAll(keyPolicy(homeRoot, "", ""), `"Allow"`, `"Deny"`)
	if _, err := keys.PutKeyPolicy(w.ctx, &kms.PutKeyPolicyInput{KeyId: &key, Policy: &nobody, BypassPolicyLockoutSafetyCheck: true}); err != nil {
		t.Fatal(err)
	}
	w.Permit(servicetest.Account, "app", servicetest.Allow("*", "*"))
	for name, c := range map[string]*secretsmanager.Client{"the root": w.Client, "an administrator": admin, "the application": app} {
		if got := w.reads(c, "db"); got != denied {
			t.Errorf("%s reads %s", name, got)
		}
	}
}

// TestKeyPoliciesKnowTheSecret holds what a key policy can say of calls that come by way
// of Secrets Manager.
func TestKeyPoliciesKnowTheSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, keys := w.newKey(), kms.NewFromConfig(w.Config(w.Root))
	arn := w.create("db", canary)
	if err := w.useKey("db", key); err != nil {
		t.Fatal(err)
	}
	w.put("db", canary)
	for condition, c := range map[string]struct{ readable, direct bool }{
		`"StringEquals":{"kms:ViaService":"secretsmanager.` + servicetest.Region + `.amazonaws.com"}`:             {readable: true},
		`"StringEquals":{"kms:ViaService":"ssm.` + servicetest.Region + `.amazonaws.com"}`:                        {},
		`"StringEquals":{"kms:EncryptionContext:SecretARN":"` + arn + `"}`:                                        {readable: true},
		`"StringEquals":{"kms:EncryptionContext:SecretARN":"` + arn + `x"}`:                                       {},
		`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["SecretARN","SecretVersionId"]}`:               {true, true},
		`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["SecretARN"]}`:                                 {direct: true},
		`"StringEquals":{"kms:CallerAccount":"` + servicetest.Account + `"}`:                                      {true, true},
		`"StringEquals":{"aws:CalledViaLast":"secretsmanager.amazonaws.com"},"Bool":{"aws:ViaAWSService":"true"}`: {readable: true},
		`"Null":{"kms:ViaService":"true"}`:                                                                        {direct: true},
	} {
		w.setKeyPolicy(keys, key, keyPolicy(homeRoot, "kms:Decrypt", condition, homeRoot))
		if got := w.reads(w.Client, "db"); (got == canary) != c.readable {
			t.Errorf("under %s the root reads %s", condition, got)
		}
		_, err := keys.Decrypt(w.ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: []byte("x")})
		if in := fault(err) == "InvalidCiphertextException: "; in != c.direct {
			t.Errorf("under %s the root is answered directly: %s", condition, fault(err))
		}
	}
}

// TestSecretsUnderAnotherAccountsKey holds that a secret can be under the key of another
// account, as long as that account's key policy says so.
func TestSecretsUnderAnotherAccountsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := kms.NewFromConfig(w.Config(w.UserIn(foreign, "owner", servicetest.Allow("*", "kms:*"))))
	out, err := owner.CreateKey(w.ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	key := *out.KeyMetadata.Arn
	create := func() error {
		_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("db"), SecretString: new(canary), KmsKeyId: &key})
		return err
	}
	wantFault(t, create(), denied)
	w.setKeyPolicy(owner, key, keyPolicy(foreignRoot, "kms:*", "", homeRoot))
	if err := create(); err != nil {
		t.Fatal(err)
	}
	if got := *w.describe("db").KmsKeyId; got != key {
		t.Errorf("the secret is under %s", got)
	}
	reader := w.as("reader", servicetest.Allow("*", "secretsmanager:GetSecretValue"))
	if got := w.reads(reader, "db"); got != denied {
		t.Errorf("without a permission for the key: %s", got)
	}
	w.Permit(servicetest.Account, "reader", servicetest.Allow("*", "secretsmanager:GetSecretValue"), servicetest.Allow(key, "kms:Decrypt"))
	for _, c := range []*secretsmanager.Client{w.Client, reader} {
		if got := w.reads(c, "db"); got != canary {
			t.Errorf("got %s", got)
		}
	}
	w.setKeyPolicy(owner, key, keyPolicy(foreignRoot, "kms:*", "", foreignRoot))
	if got := w.reads(w.Client, "db"); got != denied {
		t.Errorf("after the key policy was taken back: %s", got)
	}
	// A grant does, to whom it names.
	grant, err := owner.CreateGrant(w.ctx, &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: new("arn:aws:iam::" + servicetest.Account + ":user/reader"), Operations: []types.GrantOperation{"Decrypt"},
		Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"SecretARN": *w.describe("db").ARN}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Permit(servicetest.Account, "reader", servicetest.Allow("*", "secretsmanager:GetSecretValue"))
	if got := w.reads(reader, "db"); got != canary {
		t.Errorf("with a grant: %s", got)
	}
	if got := w.reads(w.Client, "db"); got != denied {
		t.Errorf("with a grant to another: %s", got)
	}
	if _, err := owner.RevokeGrant(w.ctx, &kms.RevokeGrantInput{KeyId: &key, GrantId: grant.GrantId}); err != nil {
		t.Fatal(err)
	}
	if got := w.reads(reader, "db"); got != denied {
		t.Errorf("after the grant was revoked: %s", got)
	}
}

// TestReadersOfAnotherAccountNeedTheKey holds AWS's words about secrets for another
// account: the secret's policy, the key policy, and the reader's own have to agree.
func TestReadersOfAnotherAccountNeedTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, keys := w.newKey(), kms.NewFromConfig(w.Config(w.Root))
	arn := w.create("db", canary)
	if err := w.useKey("db", key); err != nil {
		t.Fatal(err)
	}
	w.put("db", canary)
	reader := secretsmanager.NewFromConfig(w.Config(w.UserIn(foreign, "reader")))
	const secretOnly, both = 0, 1
	own := [][]string{
		secretOnly: {servicetest.Allow(arn, "secretsmanager:GetSecretValue")},
		both:       {servicetest.Allow(arn, "secretsmanager:GetSecretValue"), servicetest.Allow(key, "kms:Decrypt")},
	}
	shared := fmt.Sprintf(`{"Statement":{"Effect":"Allow","Principal":{"AWS":%q},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}`, foreignRoot)
	open := keyPolicy(homeRoot, "kms:Decrypt", "", foreignRoot, homeRoot)
	closed := keyPolicy(homeRoot, "kms:Decrypt", "", homeRoot)
	for _, c := range []struct {
		shared bool
		policy string
		own    []string
		read   bool
	}{
		{true, open, own[both], true},
		{true, open, own[secretOnly], false},
		{true, closed, own[both], false},
		{false, open, own[both], false},
	} {
		w.Permit(foreign, "reader", c.own...)
		w.setKeyPolicy(keys, key, c.policy)
		if c.shared {
			if _, err := w.PutResourcePolicy(w.ctx, &secretsmanager.PutResourcePolicyInput{SecretId: &arn, ResourcePolicy: &shared}); err != nil {
				t.Fatal(err)
			}
		} else if _, err := w.DeleteResourcePolicy(w.ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: &arn}); err != nil {
			t.Fatal(err)
		}
		if got := w.reads(reader, arn); (got == canary) != c.read {
			t.Errorf("shared %v, key policy %s, own %v: %s", c.shared, c.policy, c.own, got)
		}
	}
}
