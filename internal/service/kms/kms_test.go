// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"errors"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/limits"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server with KMS only.
type world struct {
	*servicetest.Server
	*awskms.Client // of the root's
}

func serve(tb testing.TB) world {
	tb.Helper()
	return serveLimited(tb, limits.Limits{})
}

func serveLimited(tb testing.TB, l limits.Limits) world {
	tb.Helper()
	s := servicetest.NewLimited(tb, l, func(g *gate.Gate, d *identity.Directory) { kms.Bind(g, d) })
	return world{s, awskms.NewFromConfig(s.Config(s.Root))}
}

// as is a client of a user with those policies.
func (w world) as(name string, policies ...string) *awskms.Client {
	return awskms.NewFromConfig(w.Config(w.User(name, policies...)))
}

// arn is the name of a resource in the server's usual account and region.
func arn(resource string) string {
	return "arn:aws:kms:" + servicetest.Region + ":" + servicetest.Account + ":" + resource
}

// key makes a key and returns its id.
func (w world) key(tb testing.TB, in awskms.CreateKeyInput) string {
	tb.Helper()
	out, err := w.CreateKey(tb.Context(), &in)
	if err != nil {
		tb.Fatal(err)
	}
	return *out.KeyMetadata.KeyId
}

func (w world) alias(tb testing.TB, name, key string) {
	tb.Helper()
	if _, err := w.CreateAlias(tb.Context(), &awskms.CreateAliasInput{AliasName: &name, TargetKeyId: &key}); err != nil {
		tb.Fatal(err)
	}
}

// grant makes a grant as the root and returns its id.
func (w world) grant(tb testing.TB, in awskms.CreateGrantInput) string {
	tb.Helper()
	out, err := w.CreateGrant(tb.Context(), &in)
	if err != nil {
		tb.Fatal(err)
	}
	return *out.GrantId
}

// fault is the code and the message of a refusal.
func fault(tb testing.TB, err error) string {
	tb.Helper()
	got, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		tb.Fatalf("got %v", err)
	}
	return got.ErrorCode() + ": " + got.ErrorMessage()
}

// must is for answers that a test only builds on.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// wantError fails the test unless err is the service's answer with that code and,
// unless empty, that message.
func wantError(tb testing.TB, err error, code, message string) {
	tb.Helper()
	got, ok := errors.AsType[smithy.APIError](err)
	switch {
	case !ok:
		tb.Errorf("got %v, want %s: %s", err, code, message)
	case got.ErrorCode() != code || (message != "" && got.ErrorMessage() != message):
		tb.Errorf("got  %s: %s\nwant %s: %s", got.ErrorCode(), got.ErrorMessage(), code, message)
	}
}

// denied is AWS's message for a user without a permission.
func denied(user, action, resource string) string {
	return "User: arn:aws:iam::" + servicetest.Account + ":user/" + user + " is not authorized to perform: " + action +
		" on resource: " + resource + " because no identity-based policy allows the " + action + " action"
}

// stranger is the id of a key that does not exist.
const stranger = "00000000-0000-4000-8000-000000000000"
