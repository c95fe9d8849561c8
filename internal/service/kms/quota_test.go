// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"errors"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coffer-secrets/coffer/internal/limits"
)

func TestKeysHaveAQuota(t *testing.T) {
	t.Parallel()
	w := serveLimited(t, limits.Limits{Quotas: limits.Quotas{Keys: 2}})
	// AWS's own key does not count.
	if _, err := w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new("alias/aws/ssm")}); err != nil {
		t.Fatal(err)
	}
	w.key(t, awskms.CreateKeyInput{})
	w.key(t, awskms.CreateKeyInput{})
	_, err := w.CreateKey(t.Context(), &awskms.CreateKeyInput{})
	if fault, ok := errors.AsType[*types.LimitExceededException](err); !ok || fault.ErrorMessage() == "" {
		t.Errorf("a third key: %v", err)
	}
	elsewhere := awskms.NewFromConfig(w.ConfigIn("eu-west-2", w.Root))
	if _, err := elsewhere.CreateKey(t.Context(), &awskms.CreateKeyInput{}); err != nil {
		t.Errorf("in another region: %v", err)
	}
}
