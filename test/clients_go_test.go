// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// TestGoSDK calls a server with the AWS SDK for Go, which takes what coffer dev prints
// from this process's environment; so it can't run beside other tests.
func TestGoSDK(t *testing.T) {
	p := startDev(t, "--config", rotating(t, goFunction))
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // which also puts it back
			os.Unsetenv(name)
		}
	}
	for _, v := range clientEnvironment(t, p) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	c, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c.HTTPClient = &http.Client{Transport: transport, Timeout: patience}
	t.Run("Secrets Manager", func(t *testing.T) { goSecretsManager(t, secretsmanager.NewFromConfig(c)) })
	t.Run("Parameter Store", func(t *testing.T) { goParameterStore(t, ssm.NewFromConfig(c)) })
	t.Run("KMS", func(t *testing.T) { goKMS(t, kms.NewFromConfig(c)) })
	t.Run("who is answered", func(t *testing.T) { goIdentity(t, c) })
	t.Run("every operation", func(t *testing.T) { goOperations(t, c) })
	goRestart(t, p, c)
	p.stop(t)
}

// must returns the result of a call that has to succeed.
func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// wantError wants an error of the SDK's type for it.
func wantError[E error](t testing.TB, err error) {
	t.Helper()
	if _, ok := errors.AsType[E](err); !ok {
		t.Errorf("got the error %v, want %T", err, *new(E))
	}
}

// wantCode wants an error of AWS's with the code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("got the error %v, want %s", err, code)
	}
}

// goIdentity holds who is served and who is refused, and presigned URLs.
func goIdentity(t *testing.T, c aws.Config) {
	client := sts.NewFromConfig(c)
	who := must(client.GetCallerIdentity(t.Context(), nil))(t)
	if want := fmt.Sprintf("arn:aws:iam::%s:root", *who.Account); *who.Arn != want {
		t.Errorf("the caller is %s, want %s", *who.Arn, want)
	}
	signed := must(sts.NewPresignClient(client).PresignGetCallerIdentity(t.Context(), nil))(t)
	resp := must(c.HTTPClient.(*http.Client).Get(signed.URL))(t)
	defer resp.Body.Close()
	body := must(io.ReadAll(resp.Body))(t)
	if signed.Method != http.MethodGet || !strings.Contains(string(body), *who.Arn) {
		t.Errorf("a presigned %s was answered %s: %s", signed.Method, resp.Status, body)
	}

	key := must(c.Credentials.Retrieve(t.Context()))(t)
	c.Credentials = credentials.NewStaticCredentialsProvider(key.AccessKeyID, "wrong", "")
	_, err := secretsmanager.NewFromConfig(c).ListSecrets(t.Context(), nil)
	wantCode(t, err, "InvalidSignatureException")
	_, err = ssm.NewFromConfig(c).DescribeParameters(t.Context(), nil)
	wantCode(t, err, "InvalidSignatureException")
	_, err = kms.NewFromConfig(c).ListKeys(t.Context(), nil)
	wantCode(t, err, "InvalidSignatureException")
	_, err = sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
	wantCode(t, err, "SignatureDoesNotMatch")

	c.Credentials = credentials.NewStaticCredentialsProvider("AKIAUNKNOWNUNKNOWN00", "wrong", "")
	_, err = kms.NewFromConfig(c).ListKeys(t.Context(), nil)
	wantCode(t, err, "UnrecognizedClientException")
	_, err = sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
	wantCode(t, err, "InvalidClientTokenId")
}

// goRestart holds that what was stored is there after a restart, for the same access
// key.
func goRestart(t *testing.T, p *process, c aws.Config) {
	client := secretsmanager.NewFromConfig(c)
	must(client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("kept"), SecretString: new("value")}))(t)
	p.stop(t)
	p.args = append(p.args, "--access-key-id", p.AccessKeyID, "--secret-access-key", p.SecretAccessKey)
	p.start(t)
	c.BaseEndpoint = new(p.URL)
	got := must(secretsmanager.NewFromConfig(c).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("kept")}))(t)
	if *got.SecretString != "value" {
		t.Errorf("after a restart the value is %q", *got.SecretString)
	}
}
