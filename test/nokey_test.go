// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// demoFunction is the function of coffer demo.
var demoFunction = buildFrom("demo-function", "./internal/demo/function")

// sdkOf is the configuration of AWS's SDK with an access key of a server.
func sdkOf(t *testing.T, p *process, id, key, token string) aws.Config {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return aws.Config{
		Region: p.Region, BaseEndpoint: &p.URL, HTTPClient: &http.Client{Transport: transport, Timeout: patience},
		Credentials: credentials.NewStaticCredentialsProvider(id, key, token),
	}
}

const (
	readOrders = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:prod/orders-*"}}`
	podOrders  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":%q},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"%s:sub":"system:serviceaccount:orders:reader"}}}}`
	nobody     = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}}`
)

// TestFunctionsWithoutAKey has functions with the extension read a secret, and be refused
// another one, that have no access key of the server's: one with a token of an OpenID
// Connect issuer, and one with what AWS gives to a function.
func TestFunctionsWithoutAKey(t *testing.T) {
	t.Parallel()
	cloud := startDev(t, "--account-id", "111122223333") // stands for AWS: its STS verifies signatures
	settings := filepath.Join(t.TempDir(), "coffer.yaml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, `
login:
  aws:
    server-id: coffer.example.com
    sts-endpoint: %s
    roles: [{principal: "arn:aws:iam::111122223333:user/orders-*", role: orders}]
`, cloud.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startDev(t, "--config", settings)
	issuer := oidctest.New(t)
	root := sdkOf(t, p, p.AccessKeyID, p.SecretAccessKey, "")
	secrets, roles := secretsmanager.NewFromConfig(root), iam.NewFromConfig(root)
	for _, name := range []string{"prod/orders", "prod/payroll"} {
		must(secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: new("correct-horse")}))(t)
	}
	provider := must(roles.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &issuer.URL, ClientIDList: []string{"sts.amazonaws.com"}}))(t)
	for name, trust := range map[string]string{"pod": fmt.Sprintf(podOrders, *provider.OpenIDConnectProviderArn, issuer.Host()), "orders": nobody} {
		must(roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))(t)
		must(roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: new("read"), PolicyDocument: new(readOrders)}))(t)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(issuer.Token(map[string]any{
		"sub": "system:serviceaccount:orders:reader", "aud": []string{"sts.amazonaws.com"}, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})), 0o600); err != nil {
		t.Fatal(err)
	}

	t.Run("web identity", func(t *testing.T) {
		readsOneSecret(t, lambdahost.Config{Env: map[string]string{
			"COFFER_ENDPOINT": p.URL, "COFFER_AGENT_TOKEN": "known-to-both",
			"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/pod",
		}})
	})
	t.Run("login with AWS", func(t *testing.T) {
		readsOneSecret(t, lambdahost.Config{Credentials: ofAWS(t, cloud), Env: map[string]string{
			"COFFER_ENDPOINT": p.URL, "COFFER_LOGIN": "aws", "COFFER_LOGIN_SERVER_ID": "coffer.example.com", "COFFER_LOGIN_STS_ENDPOINT": cloud.URL,
		}})
	})
}

// ofAWS are credentials as AWS gives them to a function.
func ofAWS(t *testing.T, cloud *process) lambdahost.Credentials {
	t.Helper()
	users := iam.NewFromConfig(sdkOf(t, cloud, cloud.AccessKeyID, cloud.SecretAccessKey, ""))
	must(users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("orders-fn")}))(t)
	key := must(users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("orders-fn")}))(t).AccessKey
	session := must(sts.NewFromConfig(sdkOf(t, cloud, *key.AccessKeyId, *key.SecretAccessKey, "")).GetSessionToken(t.Context(), nil))(t).Credentials
	return lambdahost.Credentials{
		AccessKeyID: *session.AccessKeyId, SecretAccessKey: secret.NewText(*session.SecretAccessKey), SessionToken: secret.NewText(*session.SessionToken),
		Expiration: *session.Expiration,
	}
}

// readsOneSecret runs the demo's function with the extension, and has it ask for both.
func readsOneSecret(t *testing.T, c lambdahost.Config) {
	t.Helper()
	c.Function = lambdahost.Process{Command: []string{program(t, demoFunction)}}
	c.Extensions = []lambdahost.Extension{{Process: lambdahost.Process{Command: []string{program(t, extension)}}}}
	c.Timeout, c.Output = 20*time.Second, func(source, line string) { t.Logf("%s: %s", source, line) }
	host, err := lambdahost.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := host.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for name, want := range map[string]struct{ Value, Error string }{"prod/orders": {Value: "correct-horse"}, "prod/payroll": {Error: "AccessDeniedException"}} {
		event, err := json.Marshal(map[string]string{"secret": name})
		if err != nil {
			t.Fatal(err)
		}
		result, err := host.Invoke(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Value, Error string }
		if err := json.Unmarshal(result.Payload, &got); err != nil || got != want || result.FunctionError != "" {
			t.Errorf("%s: %s %s", name, result.FunctionError, result.Payload)
		}
	}
}
