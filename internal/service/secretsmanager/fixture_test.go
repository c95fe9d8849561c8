// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/limits"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	smservice "github.com/coffer-secrets/coffer/internal/service/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is in every value that the tests store.
const canary = "hunter2-canary"

// arnPrefix begins the ARNs of the tests' secrets.
const arnPrefix = "arn:aws:secretsmanager:" + servicetest.Region + ":" + servicetest.Account + ":secret:"

// world is a server and a client of its account's root.
type world struct {
	*servicetest.Server
	*secretsmanager.Client
	// lambda has the functions that secrets can be rotated with.
	lambda *lambda
	t      *testing.T
	ctx    context.Context
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newLimited(t, limits.Limits{})
}

// newLimited is newWorld with limits.
func newLimited(t *testing.T, l limits.Limits) *world {
	t.Helper()
	functions := &lambda{functions: map[string]function{}}
	s := servicetest.NewLimited(t, l, func(g *gate.Gate, d *identity.Directory) { smservice.Bind(g, kmsservice.Bind(g, d), d, functions) })
	if err := smservice.Prepare(t.Context(), s.Store, s.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	return &world{s, secretsmanager.NewFromConfig(s.Config(s.Root)), functions, t, t.Context()}
}

// as returns a client of a new user with those policies.
func (w *world) as(name string, policies ...string) *secretsmanager.Client {
	w.t.Helper()
	return secretsmanager.NewFromConfig(w.Config(w.User(name, policies...)))
}

// create makes a secret with a value, and returns its ARN.
func (w *world) create(name, value string) string {
	w.t.Helper()
	out, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	if err != nil {
		w.t.Fatalf("creating %s: %v", name, err)
	}
	return *out.ARN
}

// put stores another version, and returns its id.
func (w *world) put(name, value string, stages ...string) string {
	w.t.Helper()
	out, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value, VersionStages: stages})
	if err != nil {
		w.t.Fatalf("putting %s: %v", name, err)
	}
	return *out.VersionId
}

// value returns the current value of a secret.
func (w *world) value(id string) string {
	w.t.Helper()
	out, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		w.t.Fatalf("getting %s: %v", id, err)
	}
	if out.SecretString == nil {
		return ""
	}
	return *out.SecretString
}

func (w *world) describe(id string) *secretsmanager.DescribeSecretOutput {
	w.t.Helper()
	out, err := w.DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		w.t.Fatalf("describing %s: %v", id, err)
	}
	return out
}

// list returns all versions of a secret, the oldest first.
func (w *world) list(id string) []types.SecretVersionsListEntry {
	w.t.Helper()
	out, err := w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &id, IncludeDeprecated: new(true)})
	if err != nil || out.NextToken != nil {
		w.t.Fatalf("listing the versions of %s: %v", id, err)
	}
	return out.Versions
}

// fault is an error as the SDK tells it: "Code: message".
func fault(err error) string {
	if err == nil {
		return "no error"
	}
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode() + ": " + answer.ErrorMessage()
	}
	return err.Error()
}

// wantFault checks an error's code and message.
func wantFault(t *testing.T, err error, want string) {
	t.Helper()
	if got := fault(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// token returns a version id with that number.
func token(n int) string { return fmt.Sprintf("token-%032d", n) }

// The errors that many operations answer.
const (
	notFound  = "ResourceNotFoundException: Secrets Manager can't find the specified secret."
	markedFor = "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion."
	badName   = "ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
	badPage   = "InvalidNextTokenException: The NextToken value is invalid."
)
