// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestSecureStringsUnderAnotherAccountsKey holds that a SecureString can be under the key of
// another account, in either tier, as long as that account's key policy says so.
func TestSecureStringsUnderAnotherAccountsKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	owner := kms.NewFromConfig(f.Config(f.UserIn(consumer, "owner", servicetest.Allow("*", "kms:*"))))
	out, err := owner.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	key := *out.KeyMetadata.Arn
	admit := func(account string) {
		t.Helper()
		statement := `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"}`
		document := `{"Statement":[` + fmt.Sprintf(statement, consumer) + "," + fmt.Sprintf(statement, account) + `]}`
		if _, err := owner.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &document}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error) bool {
		fault, ok := errors.AsType[smithy.APIError](err)
		return ok && fault.ErrorCode() == "AccessDeniedException"
	}
	for _, tier := range []types.ParameterTier{"Standard", "Advanced"} {
		admit(consumer)
		put := &awsssm.PutParameterInput{Name: new("/under/" + string(tier)), Value: new("v"), Type: types.ParameterTypeSecureString, Tier: tier, KeyId: &key}
		get := &awsssm.GetParameterInput{Name: put.Name, WithDecryption: new(true)}
		if _, err := f.ssm.PutParameter(t.Context(), put); !refused(err) {
			t.Errorf("%s: put under a key that does not let in: %v", tier, err)
		}
		admit(servicetest.Account)
		f.put(put)
		if got, err := f.ssm.GetParameter(t.Context(), get); err != nil || *got.Parameter.Value != "v" {
			t.Errorf("%s: %v", tier, err)
		}
		reader := f.as(f.User("reader-"+string(tier), servicetest.Allow("*", "ssm:GetParameter")))
		if _, err := reader.GetParameter(t.Context(), get); !refused(err) {
			t.Errorf("%s: read without a permission for the key: %v", tier, err)
		}
		admit(consumer)
		if _, err := f.ssm.GetParameter(t.Context(), get); !refused(err) {
			t.Errorf("%s: read after the key policy was taken back: %v", tier, err)
		}
	}
}
