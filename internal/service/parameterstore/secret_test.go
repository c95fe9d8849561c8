// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const reference = "/aws/reference/secretsmanager/"

func TestASecretIsReadByReference(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	secrets := secretsmanager.NewFromConfig(f.Config(f.Root))
	created, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("prod/db"), SecretString: aws.String(canary)})
	if err != nil {
		t.Fatal(err)
	}
	for _, selector := range []string{"", ":AWSCURRENT", ":" + *created.VersionId} {
		got := f.get(reference + "prod/db" + selector)
		source := map[string]any{}
		if err := json.Unmarshal([]byte(aws.ToString(got.SourceResult)), &source); err != nil {
			t.Fatal(err)
		}
		got.SourceResult = nil
		want := &types.Parameter{
			Name: aws.String(reference + "prod/db"), ARN: created.ARN, Type: types.ParameterTypeSecureString, Value: aws.String(canary),
			LastModifiedDate: aws.Time(servicetest.Start),
		}
		if selector != "" {
			want.Selector = &selector
		}
		if d := diff(want, got); d != "" {
			t.Errorf("selector %q (-want +got):\n%s", selector, d)
		}
		if d := cmp.Diff(map[string]any{
			"ARN": *created.ARN, "name": "prod/db", "versionId": *created.VersionId, "secretString": canary,
			"versionStages": []any{"AWSCURRENT"}, "createdDate": "Mar 14, 2026, 9:26:53 AM",
		}, source); d != "" {
			t.Errorf("SourceResult (-want +got):\n%s", d)
		}
	}
	many, err := f.ssm.GetParameters(t.Context(), &awsssm.GetParametersInput{
		Names: []string{reference + "prod/db", reference + "none"}, WithDecryption: aws.Bool(true),
	})
	if err != nil || len(many.Parameters) != 1 || len(many.InvalidParameters) != 1 {
		t.Errorf("several: %+v, %v", many, err)
	}
}

func TestReferencesThatFail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	secrets := secretsmanager.NewFromConfig(f.Config(f.Root))
	if _, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String(canary)}); err != nil {
		t.Fatal(err)
	}
	eve := f.User("eve", servicetest.Allow("*", "ssm:*"))
	for _, c := range []struct {
		who           servicetest.Credentials
		body, code, m string
	}{
		{f.Root, `{"Name":"` + reference + `s"}`, "ValidationException", "WithDecryption flag must be True for retrieving a Secret Manager secret."},
		{
			f.Root, `{"Name":"` + reference + `none","WithDecryption":true}`, "ParameterNotFound",
			"An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret aws/reference/secretsmanager/none not found.",
		},
		{
			eve, `{"Name":"` + reference + `s","WithDecryption":true}`, "AccessDeniedException",
			"An error occurred (AccessDeniedException) when referencing Secrets Manager: User: arn:aws:iam::123456789012:user/eve is not authorized to perform: secretsmanager:GetSecretValue",
		},
		{f.User("none"), `{"Name":"` + reference + `s","WithDecryption":true}`, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/none is not authorized to perform: ssm:GetParameter"},
	} {
		got := f.Post(c.who, "AmazonSSM.GetParameter", c.body)
		if got.Type != c.code || !strings.HasPrefix(got.Message, c.m) {
			t.Errorf("%s: %s: %s", c.body, got.Type, got.Message)
		}
	}
	if got := f.Post(f.Root, "AmazonSSM.GetParameterHistory", `{"Name":"`+reference+`s"}`); got.Type != "ParameterNotFound" {
		t.Errorf("history: %+v", got)
	}
}
