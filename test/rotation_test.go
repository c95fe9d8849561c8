// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// rotationFunction is the example of a rotation function, built.
var rotationFunction = buildFrom("rotation", "./examples/rotation")

// rotating writes a configuration with the example's function under that ARN, and returns
// its path.
func rotating(t testing.TB, arn string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "coffer.yaml")
	text := fmt.Sprintf(`principals:
  - role: rotator
    policies:
      rotate: |
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
          "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage", "secretsmanager:GetRandomPassword", "kms:Decrypt", "kms:GenerateDataKey"]}]}
functions:
  - arn: %s
    command: [%q]
    role: rotator
log-level: debug
`, arn, program(t, rotationFunction))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// secretsOf is a client of a process, which calls as its root.
func secretsOf(t testing.TB, p *process) *secretsmanager.Client {
	t.Helper()
	return secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: &p.URL, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(p.AccessKeyID, p.SecretAccessKey, ""),
		Retryer:     aws.NopRetryer{},
	})
}

// awaitRotation asks until the secret has been rotated.
func awaitRotation(t testing.TB, p *process, id string) *secretsmanager.DescribeSecretOutput {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		out, err := secretsOf(t, p).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
		if err != nil {
			t.Fatalf("the secret was not rotated: %v\n%s", err, p.Stderr)
		}
		if out.LastRotatedDate != nil {
			return out
		}
	}
}

// TestRotation has a real server run the example's function, once undisturbed, and once
// with the server killed at once after it has promised to do so.
func TestRotation(t *testing.T) {
	t.Parallel()
	const first = "the-first-password"
	data := filepath.Join(t.TempDir(), "data")
	p := startServer(t, data, "--config", rotating(t, goFunction))
	for _, kill := range []bool{false, true} {
		name := fmt.Sprintf("db-%v", kill)
		c := secretsOf(t, p)
		must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
			Name: &name, SecretString: new(`{"username":"app","password":"` + first + `"}`),
		}))(t)
		rotation := must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
			SecretId: &name, RotationLambdaARN: new(goFunction), RotationRules: &types.RotationRulesType{ScheduleExpression: new("rate(4 hours)")},
		}))(t)
		if kill {
			p.kill(t)
			p.start(t)
			c = secretsOf(t, p)
		}
		got := awaitRotation(t, p, name)
		if stages := got.VersionIdsToStages[*rotation.VersionId]; !slices.Contains(stages, "AWSCURRENT") || len(got.VersionIdsToStages) != 2 {
			t.Errorf("labels: %v", got.VersionIdsToStages)
		}
		var value struct{ Username, Password string }
		now := must(c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name}))(t)
		if err := json.Unmarshal([]byte(*now.SecretString), &value); err != nil {
			t.Fatal(err)
		}
		if value.Username != "app" || value.Password == first || len(value.Password) < 32 {
			t.Error("the password was not rotated, or something else was")
		}
		for what, text := range map[string]string{"log": p.Stderr.String(), "audit log": mustRun(t, "audit", "tail", "--json", "-n", "0", "--data", data)} {
			if strings.Contains(text, first) || strings.Contains(text, value.Password) {
				t.Errorf("a password is in the server's %s", what)
			}
		}
	}
	p.stop(t)
	if events := mustRun(t, "audit", "tail", "--event", "RotationSucceeded", "-n", "0", "--data", data); strings.Count(events, "\n") != 2 {
		t.Errorf("the audit log has\n%s", events)
	}
}
