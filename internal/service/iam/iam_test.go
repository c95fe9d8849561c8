// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	iamservice "github.com/coffer-secrets/coffer/internal/service/iam"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns root's client of a server that has IAM.
func newClient(t *testing.T) (*servicetest.Server, *iam.Client) {
	t.Helper()
	s := servicetest.New(t, iamservice.Bind)
	return s, iam.NewFromConfig(s.Config(s.Root))
}

// wantFault reports an error that is not an answer of that code and message. An empty
// message is any.
func wantFault(t *testing.T, what string, err error, code, message string) {
	t.Helper()
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorCode() != code || message != "" && answer.ErrorMessage() != message {
		t.Errorf("%s: got %v, want %s: %s", what, err, code, message)
	}
}

func TestServerHasIAM(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	_, err := c.ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{})
	if unknown, ok := errors.AsType[smithy.APIError](err); ok && unknown.ErrorCode() == "InvalidAction" {
		t.Error(err)
	}
}
