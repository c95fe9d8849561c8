// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source"
)

const (
	batch    = "/coffer/v1/batch"
	reported = "/coffer/v1/failed"

	secretBody    = `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbCdEf","CreatedDate":"2022-11-16T08:22:40.500Z","Name":"prod/db","SecretBinary":null,"SecretString":"{\"password\":\"<&>\\\"é\"}","VersionId":"v-1","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`
	parameterBody = `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:000000000000:parameter/p","DataType":"text","LastModifiedDate":"2022-11-16T08:22:40.500Z","Name":"/p","Selector":null,"SourceResult":null,"Type":"StringList","Value":"a,b,c","Version":1},"ResultMetadata":{}}`
	agentBody     = `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbCdEf","Name":"prod/db","VersionId":"v-1","SecretString":"{\"password\":\"<&>\\\"é\"}","VersionStages":["AWSCURRENT"],"CreatedDate":"1668586960.500"}`

	badRole = "invalid roleArn format, expected arn:<partition>:iam::<account>:role/<name>"
)

var (
	tokenless = map[string]string{"X-Aws-Parameters-Secrets-Token": ""}
	vaultish  = map[string]string{"X-Aws-Parameters-Secrets-Token": "", "X-Vault-Token": token}
)

// exchange is a request to an agent whose store has a secret, a parameter, or the error,
// and the answer to it. The method is GET unless the target begins with another.
type exchange struct {
	name   string
	target string
	header map[string]string
	err    error
	status int
	body   string
	code   string // the header X-Error-Code
}

// perform holds an agent to all exchanges.
func perform(t *testing.T, table []exchange, configure ...func(*agent.Config)) {
	t.Helper()
	for _, x := range table {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			method, target, ok := strings.Cut(x.target, " ")
			if !ok {
				method, target = http.MethodGet, x.target
			}
			s := &store{answer: secretAnswer(), err: x.err}
			if strings.HasPrefix(target, ssm) {
				s.answer = parameterAnswer()
			}
			w := do(t, newAgent(t, s, io.Discard, configure...), method, target, x.header)
			if w.Code != x.status || w.Body.String() != x.body || w.Header().Get("X-Error-Code") != x.code {
				t.Errorf("%d %s %q\nwant %d %s %q", w.Code, w.Body, w.Header().Get("X-Error-Code"), x.status, x.body, x.code)
			}
			if asked := x.status == 200 && x.body != "healthy" && x.body != "alive" || x.err != nil || x.code == "FieldNotFound"; asked != (len(s.asked) > 0) {
				t.Errorf("the store was asked %q", s.asked)
			}
			kind := w.Header().Get("Content-Type")
			if isJSON := strings.HasPrefix(x.body, "{"); isJSON != (kind == "application/json") && !strings.Contains(x.target, "field=") {
				t.Errorf("Content-Type %q", kind)
			}
			if kind != "application/json" && w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("a browser may take the answer for something else")
			}
		})
	}
}

const invalid = "ValidationException"

// common is what the two contracts have in common.
var common = []exchange{
	{name: "a ping", target: "/ping", header: tokenless, status: 200, body: "healthy"},
	{name: "life", target: "/healthz", header: tokenless, status: 200, body: "alive"},
	{name: "readiness", target: "/readyz", header: tokenless, status: 503, body: "starting"},
	{name: "another verb's ping", target: "POST /ping", status: 405, body: "Not allowed"},
	{name: "HEAD", target: "HEAD " + sm + "?secretId=x", status: 405, body: "Not allowed"},
	{name: "another verb", target: "POST " + sm + "?secretId=x", status: 405, body: "Not allowed"},
	{name: "another verb on a secret's path", target: "PUT /v1/x", status: 405, body: "Not allowed"},
	{name: "another verb, no path", target: "POST /x", status: 405, body: "Not allowed"},
	{name: "a path that is none", target: "/secretsmanager", status: 404, body: "Not found"},
	{name: "the root", target: "/", status: 404, body: "Not found"},
	{name: "changes without a feed", target: "/coffer/v1/changes", status: 404, body: "Not found"},
	{name: "a proxy", target: sm + "?secretId=x", header: map[string]string{"X-Forwarded-For": "10.0.0.1"}, status: 400, body: "Forwarded"},
	{name: "a proxy's ping", target: "/ping", header: map[string]string{"X-Forwarded-For": "10.0.0.1"}, status: 400, body: "Forwarded"},
	{name: "another host", target: sm + "?secretId=x", header: map[string]string{"Host": "evil.example"}, status: 403, body: "Bad host"},
	{name: "another host's readiness", target: "/readyz", header: map[string]string{"Host": "evil.example"}, status: 403, body: "Bad host"},
	{name: "another host's metrics", target: "/metrics", header: map[string]string{"Host": "evil.example"}, status: 403, body: "Bad host"},
	{name: "a host like ours", target: sm + "?secretId=x", header: map[string]string{"Host": "localhost.evil.example:2773"}, status: 403, body: "Bad host"},
	{name: "an address like ours", target: sm + "?secretId=x", header: map[string]string{"Host": "127.0.0.2"}, status: 403, body: "Bad host"},
	{name: "no host", target: sm + "?secretId=x", header: map[string]string{"Host": ":2773"}, status: 403, body: "Bad host"},
	{name: "an IPv6 address", target: sm + "?secretId=x", header: map[string]string{"Host": "[::1:1]:2773"}, status: 403, body: "Bad host"},
	{name: "no secretId", target: sm, status: 400, body: "missing parameter secretId", code: invalid},
	{name: "an empty secretId", target: sm + "?secretId=", status: 400, body: "missing parameter secretId", code: invalid},
	{name: "no id on the path", target: "/v1/?abc=1", status: 400, body: "missing secret ID", code: invalid},
	{name: "a long id on the path", target: "/v1/" + strings.Repeat("x", 2049), status: 400, body: "a parameter is too long", code: invalid},
	{name: "what is unknown, on the path", target: "/v1/x?secretId=y", status: 400, body: "unknown parameter: secretId", code: invalid},
	{name: "no name", target: ssm + "?version=1", status: 400, body: "missing parameter name", code: invalid},
	{name: "a bad escape", target: sm + "?secretId=%zz", status: 400, body: "a parameter is not properly encoded", code: invalid},
	{name: "a long name", target: sm + "?secretId=" + strings.Repeat("x", 2049), status: 400, body: "a parameter is too long", code: invalid},
	{name: "many parameters", target: sm + "?" + strings.Repeat("versionId=b&", 16) + "secretId=x", status: 400, body: "too many parameters", code: invalid},
	{name: "neither true nor false", target: ssm + "?name=x&withDecryption=yes", status: 400, body: "invalid withDecryption value", code: invalid},
	{name: "a strange refreshNow", target: sm + "?secretId=x&refreshNow=yes", status: 400, body: "invalid refreshNow value", code: invalid},
	{name: "no role", target: sm + "?secretId=x&roleArn=notAnArn", status: 400, body: badRole, code: invalid},
	{name: "a role of no account", target: "/v1/x?roleArn=arn:aws:iam::12345:role/x", status: 400, body: badRole, code: invalid},
	{name: "a user for a role", target: sm + "?secretId=x&roleArn=arn:aws:iam::123456789012:user/x", status: 400, body: badRole, code: invalid},
	{name: "a role without a name", target: sm + "?secretId=x&roleArn=arn:aws:iam::123456789012:role/", status: 400, body: badRole, code: invalid},
	{name: "a role in a region", target: sm + "?secretId=x&roleArn=arn:aws:iam:eu-west-1:123456789012:role/x", status: 400, body: badRole, code: invalid},
	{name: "a role with a quote", target: sm + "?secretId=x&roleArn=arn:aws:iam::123456789012:role/x%22", status: 400, body: badRole, code: invalid},
	{name: "a parameter", target: ssm + "?name=/p", status: 200, body: parameterBody},
	{name: "a parameter, with a slash", target: ssm + "/?name=/p&unknown=1", status: 200, body: parameterBody},
	{name: "a parameter that fails", target: ssm + "?name=/p", err: errNotFound, status: 400, body: failed, code: "ParameterNotFound"},
	{name: "a secret by its path", target: "/v1/prod/db", status: 200, body: agentBody},
	{name: "a secret that fails by its path", target: "/v1/x", err: errDown, status: 502, body: `{"__type":"ConnectionError","message":"Read Error"}`, code: "ConnectionError"},
	{name: "a field", target: sm + "?secretId=x&field=password", status: 200, body: `<&>"é`},
	{name: "a field by the path", target: "/v1/x?field=password", status: 200, body: `<&>"é`},
	{name: "a field of a parameter", target: ssm + "?name=/p&field=x", status: 400, body: failed, code: "FieldNotFound"},
	{name: "a field without a name", target: sm + "?secretId=x&field=", status: 400, body: "invalid field value", code: invalid},
	{name: "a report", target: "POST " + reported + "?secretId=x&versionId=v", status: 200, body: secretBody},
	{name: "a report by GET", target: reported + "?secretId=x&versionId=v", status: 405, body: "Not allowed"},
	{name: "a report of no version", target: "POST " + reported + "?secretId=x", status: 400, body: "missing parameter versionId", code: invalid},
	{name: "a batch", target: batch + "?secretId=x", status: 200, body: `{"values":[{"id":"x",` + secretBody[1:] + `],"errors":[]}`},
	{name: "a batch of nothing", target: batch + "?refreshNow=true", status: 400, body: "missing parameter secretId or name", code: invalid},
	{name: "a batch of an empty name", target: batch + "?secretId=x&name=", status: 400, body: "missing parameter secretId or name", code: invalid},
	{name: "a batch of too many", target: batch + "?" + strings.Repeat("secretId=x&", 101), status: 400, body: "too many parameters", code: invalid},
	{name: "a batch with a strange flag", target: batch + "?secretId=x&withDecryption=1", status: 400, body: "invalid withDecryption value", code: invalid},
}

var (
	errNotFound = api.ErrorCode{Code: "ParameterNotFound"}.New("not \"there\"")
	errDown     = &cache.Unavailable{Err: &client.TransportError{Err: errors.New("refused")}}
)

// TestTheExtensionsContract is what clients of the AWS extension get.
func TestTheExtensionsContract(t *testing.T) {
	t.Parallel()
	perform(t, common)
	perform(t, []exchange{
		{name: "a secret", target: sm + "?secretId=x", status: 200, body: secretBody},
		{name: "a secret, and what is unknown", target: sm + "?secretId=x&abc=123", status: 200, body: secretBody},
		{name: "no token", target: sm + "?secretId=x", header: tokenless, status: 401, body: badToken},
		{name: "a wrong token", target: sm + "?secretId=x", header: map[string]string{"X-Aws-Parameters-Secrets-Token": "x"}, status: 401, body: badToken},
		{name: "a part of the token", target: sm + "?secretId=x", header: map[string]string{"X-Aws-Parameters-Secrets-Token": token[:5]}, status: 401, body: badToken},
		{name: "no token for a parameter", target: ssm + "?name=/p", header: tokenless, status: 401, body: badToken},
		{name: "no token for a batch", target: batch + "?secretId=x", header: tokenless, status: 401, body: badToken},
		{name: "no token for the metrics", target: "/metrics", header: tokenless, status: 401, body: badToken},
		{name: "no token on a secret's path", target: "/v1/x", header: tokenless, status: 403, body: "Bad Token"},
		{name: "no token, no path", target: "/x", header: tokenless, status: 401, body: badToken},
		{name: "no token, no method", target: "POST " + sm, header: tokenless, status: 401, body: badToken},
		{name: "the second token", target: sm + "?secretId=x", header: map[string]string{"X-Aws-Parameters-Secrets-Token": "second"}, status: 200, body: secretBody},
		{name: "the other header", target: sm + "?secretId=x", header: vaultish, status: 200, body: secretBody},
		{name: "our address", target: sm + "?secretId=x", header: map[string]string{"Host": "127.0.0.1:2773"}, status: 200, body: secretBody},
		{name: "our host, in capitals", target: sm + "?secretId=x", header: map[string]string{"Host": "LocalHost"}, status: 200, body: secretBody},
		{name: "our IPv6 address", target: sm + "?secretId=x", header: map[string]string{"Host": "[::1]:2773"}, status: 200, body: secretBody},
		{name: "a secretId in capitals", target: sm + "?SecretId=x", status: 400, body: "missing parameter secretId", code: invalid},
		{name: "denied", target: sm + "?secretId=x", err: api.AccessDeniedException.New("no"), status: 400, body: failed, code: "AccessDeniedException"},
		{name: "a field that is not there", target: sm + "?secretId=x&field=pass", status: 400, body: failed, code: "FieldNotFound"},
		{name: "over budget", target: sm + "?secretId=x", err: &agent.OverBudget{}, status: 429, body: failed, code: "ThrottlingException"},
	})
}

// TestTheAgentsContract is what clients of the AWS Secrets Manager Agent get.
func TestTheAgentsContract(t *testing.T) {
	t.Parallel()
	byAgent := func(c *agent.Config) { c.Contract = agent.AgentContract }
	perform(t, common, byAgent)
	unavailable := func(err error) error { return &cache.Unavailable{Err: err} }
	perform(t, []exchange{
		{name: "a secret", target: sm + "?secretId=x", status: 200, body: agentBody},
		{name: "a secret, and what is unknown", target: sm + "?secretId=x&abc=123", status: 400, body: "unknown parameter: abc", code: invalid},
		{name: "a secretId in capitals", target: sm + "?SecretId=x", status: 400, body: "unknown parameter: SecretId", code: invalid},
		{name: "no token", target: sm + "?secretId=x", header: tokenless, status: 403, body: "Bad Token"},
		{name: "no token, no path", target: "/x", header: tokenless, status: 403, body: "Bad Token"},
		{name: "no token, no method", target: "POST " + sm, header: tokenless, status: 403, body: "Bad Token"},
		{name: "no token and a proxy", target: sm, header: map[string]string{"X-Aws-Parameters-Secrets-Token": "", "X-Forwarded-For": ""}, status: 403, body: "Bad Token"},
		{name: "no token for a parameter", target: ssm + "?name=/p", header: tokenless, status: 401, body: badToken},
		{name: "the other header", target: "/v1/x", header: vaultish, status: 200, body: agentBody},
		{name: "not found", target: "/v1/x", err: errNotFound, status: 400, body: `{"__type":"ParameterNotFound","message":"not \"there\""}`, code: "ParameterNotFound"},
		{name: "another status", target: sm + "?secretId=x", err: unavailable(api.ErrorCode{Code: "InternalServiceError", Status: 500}.New("oh")), status: 500, body: `{"__type":"InternalServiceError","message":"oh"}`, code: "InternalServiceError"},
		{name: "a timeout", target: sm + "?secretId=x", err: unavailable(context.DeadlineExceeded), status: 504, body: `{"__type":"TimeoutError","message":"Timeout"}`, code: "TimeoutError"},
		{name: "no connection", target: sm + "?secretId=x", err: errDown, status: 502, body: `{"__type":"ConnectionError","message":"Read Error"}`, code: "ConnectionError"},
		{name: "no credentials", target: sm + "?secretId=x", err: client.ErrNoCredentials, status: 500, body: `{"__type":"CredentialsError","message":"No credentials"}`, code: "CredentialsError"},
		{name: "no such source", target: sm + "?secretId=vault:x", err: &source.Unconfigured{Name: "vault"}, status: 400, body: `{"__type":"SourceNotConfigured","message":"the source vault is not configured"}`, code: "SourceNotConfigured"},
		{name: "closed", target: sm + "?secretId=x", err: cache.ErrClosed, status: 503, body: `{"__type":"Canceled","message":"Canceled"}`, code: "Canceled"},
		{name: "anything else", target: sm + "?secretId=x", err: errors.New("s3cret"), status: 500, body: `{"__type":"InternalFailure"}`, code: "InternalFailure"},
		{name: "a field that is not there", target: "/v1/x?field=pass", status: 400, body: `{"__type":"FieldNotFound","message":"the JSON object has no field \"pass\""}`, code: "FieldNotFound"},
		{name: "over budget", target: "/v1/x", err: &agent.OverBudget{}, status: 429, body: `{"__type":"ThrottlingException","message":"Rate exceeded"}`, code: "ThrottlingException"},
	}, byAgent)
}

func TestAnotherPathPrefix(t *testing.T) {
	t.Parallel()
	perform(t, []exchange{
		{name: "theirs", target: "/secrets/prod/db", status: 200, body: agentBody},
		{name: "the usual one", target: "/v1/prod/db", status: 404, body: "Not found"},
	}, func(c *agent.Config) { c.Prefix = "/secrets/" })
	perform(t, []exchange{
		{name: "the root's", target: "/prod/db", status: 200, body: agentBody},
		{name: "a path beside it", target: sm + "?secretId=x", status: 200, body: secretBody},
	}, func(c *agent.Config) { c.Prefix = "/" })
	for _, bad := range []string{"v1/", "/v1"} {
		if _, err := agent.New(agent.Config{Store: &store{}, Prefix: bad}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
