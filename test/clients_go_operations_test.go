// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/middleware"

	"github.com/coffer-secrets/coffer/internal/server"
)

// servedOperations are the operations of AWS's that the server serves, as IAM actions, by
// its own table.
func servedOperations(t testing.TB) map[string]bool {
	t.Helper()
	s, err := server.Open(t.Context(), server.Config{Data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	served := map[string]bool{}
	for _, op := range s.Operations() {
		if op.Bound && op.Service.Path == "" {
			served[op.Service.Name+":"+op.Name] = true
		}
	}
	return served
}

// A goCall calls an operation, whose IAM action it names, after those before it.
type goCall struct {
	action string
	call   func(context.Context, *goWorld) error
}

// goWorld is what the calls have to hand.
type goWorld struct {
	sm  *secretsmanager.Client
	ssm *ssm.Client
	// version is a version of the secret that is not current.
	version *string
	// parameter is the ARN of the parameter, and policy what is attached to it.
	parameter *string
	policy    *ssm.PutResourcePolicyOutput
}

// goOperations calls every operation of Secrets Manager and Parameter Store that is served,
// and wants each to succeed. The SDK itself is asked which operations were called.
func goOperations(t *testing.T, c aws.Config) {
	served, called := servedOperations(t), map[string]bool{}
	c.APIOptions = append(slices.Clone(c.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("note the operation",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleInitialize(ctx, in)
				service := map[string]string{"Secrets Manager": "secretsmanager", "SSM": "ssm"}[awsmiddleware.GetServiceID(ctx)]
				called[service+":"+awsmiddleware.GetOperationName(ctx)] = err == nil
				return out, metadata, err
			}), middleware.After)
	})
	w := &goWorld{sm: secretsmanager.NewFromConfig(c), ssm: ssm.NewFromConfig(c)}
	for _, step := range slices.Concat(goSecretCalls, goParameterCalls) {
		if !served[step.action] {
			continue
		}
		if err := step.call(t.Context(), w); err != nil {
			t.Errorf("%s: %v", step.action, err)
		}
	}
	for action := range served {
		service, _, _ := strings.Cut(action, ":")
		if (service == "secretsmanager" || service == "ssm") && !called[action] {
			t.Errorf("%s is served, and no call of this test has it succeed", action)
		}
	}
}
