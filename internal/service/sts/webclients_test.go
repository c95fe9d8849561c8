// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	apists "github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestClientsWithAWebIdentity holds that clients which have a file with a token and
// nothing else, as Kubernetes gives it to a pod, get in.
func TestClientsWithAWebIdentity(t *testing.T) {
	t.Parallel()
	w := newWeb(t, eksTrust)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(w.token(kubernetes(w.Clock.Now()))), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "arn:aws:sts::" + servicetest.Account + ":assumed-role/app/pod"

	t.Run("AWS's SDK", func(t *testing.T) {
		cfg := w.Config(servicetest.Credentials{})
		provider := stscreds.NewWebIdentityRoleProvider(sts.NewFromConfig(cfg), roleARN, stscreds.IdentityTokenFile(file),
			func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = "pod" })
		got, err := provider.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		session := servicetest.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken}
		who, err := sts.NewFromConfig(w.Config(session)).GetCallerIdentity(t.Context(), nil)
		if err != nil || *who.Arn != want {
			t.Errorf("got %v, %v", who, err)
		}
	})
	t.Run("ours", func(t *testing.T) {
		variables := map[string]string{
			"AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": roleARN, "AWS_ROLE_SESSION_NAME": "pod",
			"AWS_ENDPOINT_URL": w.URL, "AWS_REGION": servicetest.Region,
		}
		c, err := client.New(client.Config{Getenv: func(name string) string { return variables[name] }, Now: w.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Forget()
		operation := apists.GetCallerIdentity.Name
		answer, err := c.Call(t.Context(), apists.Service, operation, awsquery.EncodeForm(apists.Service, operation, &apists.GetCallerIdentityInput{}))
		if err != nil {
			t.Fatal(err)
		}
		var who apists.GetCallerIdentityOutput
		if err := awsquery.DecodeAnswer(operation, answer, &who); err != nil || *who.Arn != want {
			t.Errorf("got %+v, %v", who, err)
		}
	})
}
