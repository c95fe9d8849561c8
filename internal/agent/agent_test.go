// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	failed   = "an unexpected error occurred while executing request"
	badToken = "bad session token or header key"
	sm       = "/secretsmanager/get"
	ssm      = "/systemsmanager/parameters/get"
	role     = "arn:aws:iam::123456789012:role/path/R+=,.@_-1"
	arn      = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db"
)

func TestWhatARequestAsksFor(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		sm + "?secretId=db":                                   "Get secret db",
		sm + "?secretId=prod/db":                              "Get secret prod/db",
		sm + "?secretId=prod%2Fdb%2Bx":                        "Get secret prod/db+x",
		sm + "?secretId=a+b=c@d":                              "Get secret a+b=c@d",
		sm + "?secretId=" + arn:                               "Get secret " + arn,
		sm + "?versionStage=AWSPREVIOUS&secretId=db":          "Get secret db stage AWSPREVIOUS",
		sm + "?secretId=db&versionId=v1&versionStage=X":       "Get secret db version v1 stage X",
		sm + "?secretId=db&unknown=x&secretId=other":          "Get secret db",
		sm + "?secretId=db&refreshNow=TRUE":                   "Refresh secret db",
		sm + "?secretId=db&refreshNow=1":                      "Refresh secret db",
		sm + "?secretId=db&refreshNow=0":                      "Get secret db",
		ssm + "?name=p":                                       "Get parameter p",
		ssm + "/?name=/a/b":                                   "Get parameter /a/b",
		ssm + "?name=%2Fa%2Fb&withDecryption=true":            "Get parameter /a/b decrypted",
		ssm + "?name=/a&withDecryption=False":                 "Get parameter /a",
		ssm + "?name=/a&version=1":                            "Get parameter /a version 1",
		ssm + "?name=/a&label=Dev":                            "Get parameter /a stage Dev",
		ssm + "?version=2&name=/a&label=Dev":                  "Get parameter /a version 2",
		ssm + "?label=Dev&name=/a&version=2":                  "Get parameter /a stage Dev",
		ssm + "?name=/aws/reference/secretsmanager/db":        "Get parameter /aws/reference/secretsmanager/db",
		sm + "?secretId=db&failedVersion=v1":                  "Failed v1 secret db",
		sm + "?secretId=db&roleArn=" + role:                   "Get secret db as " + role,
		ssm + "?name=/a&roleArn=" + role + "&refreshNow=true": "Refresh parameter /a as " + role,
		"/v1/db": "Get secret db",
		"/v1/prod/db/x?versionId=v1&versionStage=X":               "Get secret prod/db/x version v1 stage X",
		"/v1/" + arn + "?refreshNow=1&roleArn=" + role:            "Refresh secret " + arn + " as " + role,
		"/v1/db?failedVersion=v1&&":                               "Failed v1 secret db",
		"POST /coffer/v1/failed?secretId=db&versionId=v1":         "Failed v1 secret db",
		sm + "?secretId=" + strings.Repeat("x", 2048):             "Get secret " + strings.Repeat("x", 2048),
		sm + "?secretId=" + strings.Repeat("%41", 2048) + "&a&&=": "Get secret " + strings.Repeat("A", 2048),
	} {
		s := &store{answer: secretAnswer()}
		method := http.MethodGet
		if rest, ok := strings.CutPrefix(target, "POST "); ok {
			method, target = http.MethodPost, rest
		}
		w := do(t, newAgent(t, s, io.Discard), method, target, nil)
		if got := strings.Join(s.asked, "; "); w.Code != 200 || got != want {
			t.Errorf("%s: %d, asked %q, want %q", target, w.Code, got, want)
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	binary := secretAnswer()
	binary.Text, binary.Binary = secret.Value{}, secret.New([]byte{0, 1, 254})
	bare := cache.Answer{Value: cache.Value{Text: secret.FromString("")}}
	reference := parameterAnswer()
	reference.VersionID, reference.Text = "0", secret.FromString("s")
	reference.Parameter = &cache.ParameterInfo{
		Type: new("SecureString"), Selector: new(":Dev"), SourceResult: secret.FromString(`{"ARN":"a"}`),
	}
	strange := secretAnswer()
	strange.Text = secret.New([]byte("\x00\x1f\"\\/\b\f\n\r\t\x7f\xff\u2028é\U0001f600\xc3"))
	for name, c := range map[string]struct {
		answer cache.Answer
		want   string
	}{
		"a secret":                    {secretAnswer(), `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbCdEf","CreatedDate":"2022-11-16T08:22:40.500Z","Name":"prod/db","SecretBinary":null,"SecretString":"{\"password\":\"<&>\\\"é\"}","VersionId":"v-1","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`},
		"a binary secret":             {binary, `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbCdEf","CreatedDate":"2022-11-16T08:22:40.500Z","Name":"prod/db","SecretBinary":"AAH+","SecretString":null,"VersionId":"v-1","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`},
		"what a source leaves out":    {bare, `{"ARN":null,"CreatedDate":null,"Name":null,"SecretBinary":null,"SecretString":"","VersionId":null,"VersionStages":null,"ResultMetadata":{}}`},
		"a parameter":                 {parameterAnswer(), `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:000000000000:parameter/p","DataType":"text","LastModifiedDate":"2022-11-16T08:22:40.500Z","Name":"/p","Selector":null,"SourceResult":null,"Type":"StringList","Value":"a,b,c","Version":1},"ResultMetadata":{}}`},
		"a reference":                 {reference, `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:000000000000:parameter/p","DataType":null,"LastModifiedDate":"2022-11-16T08:22:40.500Z","Name":"/p","Selector":":Dev","SourceResult":"{\"ARN\":\"a\"}","Type":"SecureString","Value":"s","Version":0},"ResultMetadata":{}}`},
		"bytes that JSON must escape": {strange, `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbCdEf","CreatedDate":"2022-11-16T08:22:40.500Z","Name":"prod/db","SecretBinary":null,"SecretString":"\u0000\u001f\"\\/\u0008\u000c\n\r\t` + "\x7f" + "\uFFFD" + "\u2028é\U0001f600" + "\uFFFD" + `","VersionId":"v-1","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := do(t, newAgent(t, &store{answer: c.answer}, io.Discard), http.MethodGet, sm+"?secretId=x", nil)
			if diff := cmp.Diff(c.want, w.Body.String()); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			if got := w.Header().Get("Content-Length"); got != fmt.Sprint(w.Body.Len()) {
				t.Errorf("Content-Length %s of %d", got, w.Body.Len())
			}
		})
	}
}

func TestHeadersTellWhereAnAnswerComesFrom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, etag string
		status        cache.Status
	}{{"v-1", `"v-1"`, cache.Hit}, {"", "", cache.Stale}, {"a\r\nb", "", cache.Miss}} {
		a := secretAnswer()
		a.VersionID, a.Status = c.version, c.status
		for _, target := range []string{sm + "?secretId=x", "/v1/x", "/v1/x?field=password"} {
			w := do(t, newAgent(t, &store{answer: a}, io.Discard), http.MethodGet, target, nil)
			h := w.Header()
			if h.Get("X-Cache") != string(c.status) || h.Get("Age") != "42" || h.Get("ETag") != c.etag || h.Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
				t.Errorf("%s %q: %v", target, c.version, h)
			}
		}
	}
}

func TestTheAgentsBodies(t *testing.T) {
	t.Parallel()
	binary := secretAnswer()
	binary.Text, binary.Binary, binary.Created = secret.Value{}, secret.New([]byte{0, 1, 254}), time.Unix(7, 46e6)
	for name, c := range map[string]struct {
		answer cache.Answer
		want   string
	}{
		"a binary secret":            {binary, `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbCdEf","Name":"prod/db","VersionId":"v-1","SecretBinary":"AAH+","VersionStages":["AWSCURRENT"],"CreatedDate":"7.046"}`},
		"what a source leaves out":   {cache.Answer{Value: cache.Value{Text: secret.FromString("")}}, `{"SecretString":""}`},
		"nothing but a stage":        {cache.Answer{Value: cache.Value{Stages: []string{"a", "b"}}}, `{"VersionStages":["a","b"]}`},
		"a value that has no member": {cache.Answer{}, `{}`},
	} {
		w := do(t, newAgent(t, &store{answer: c.answer}, io.Discard), http.MethodGet, "/v1/x", nil)
		if diff := cmp.Diff(c.want, w.Body.String()); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", name, diff)
		}
	}
}

func TestTwoTokensAreNone(t *testing.T) {
	t.Parallel()
	s := &store{answer: secretAnswer()}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header["X-Aws-Parameters-Secrets-Token"] = []string{token, token}
		newAgent(t, s, io.Discard).ServeHTTP(w, r)
	})
	if w := do(t, h, "GET", sm+"?secretId=x", nil); w.Code != 401 {
		t.Errorf("%d", w.Code)
	}
}

func TestWithoutTokensNobodyIsAdmitted(t *testing.T) {
	t.Parallel()
	a, err := agent.New(agent.Config{Store: &store{answer: secretAnswer()}, Tokens: []secret.Value{{}, secret.FromString("")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{"", token} {
		if w := do(t, a, "GET", sm+"?secretId=x", map[string]string{"X-Aws-Parameters-Secrets-Token": shown}); w.Code != 401 {
			t.Errorf("%q: %d", shown, w.Code)
		}
	}
}

func TestBackEndErrorsTellTheirCauseInAHeader(t *testing.T) {
	t.Parallel()
	unavailable := func(err error) error { return &cache.Unavailable{Err: err} }
	for code, err := range map[string]error{
		"ResourceNotFoundException": fmt.Errorf("x: %w", api.ErrorCode{Code: "ResourceNotFoundException"}.New("not there")),
		"AccessDeniedException":     api.AccessDeniedException.New("no"),
		"ThrottlingException":       unavailable(api.ThrottlingException.New("slow")),
		"TimeoutError":              unavailable(context.DeadlineExceeded),
		"ConnectionError":           unavailable(&client.TransportError{Err: errors.New("refused")}),
		"CredentialsError":          client.ErrNoCredentials,
		"InternalFailure":           errors.New("something"),
	} {
		var log bytes.Buffer
		w := do(t, newAgent(t, &store{err: err}, &log), "GET", sm+"?secretId=x", nil)
		if w.Code != 400 || w.Body.String() != failed || w.Header().Get("X-Error-Code") != code {
			t.Errorf("%v: %d %q %q", err, w.Code, w.Body, w.Header().Get("X-Error-Code"))
		}
		if !strings.Contains(log.String(), code) || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("logged %q", &log)
		}
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := secretAnswer()
	a.Status, a.Text = cache.Stale, secret.FromString("hunter2")
	s := &store{answer: a}
	for _, target := range []string{sm + "?secretId=x", sm + "?secretId=x&refreshNow=1"} {
		if w := do(t, newAgent(t, s, &log), "GET", target, nil); w.Code != 200 {
			t.Fatal(w.Code)
		}
	}
	do(t, newAgent(t, s, &log), "POST", "/coffer/v1/failed?secretId=x&versionId=v1", nil)
	do(t, newAgent(t, s, &log), "GET", sm+"?secretId=x", map[string]string{"X-Aws-Parameters-Secrets-Token": "guess"})
	if log.Len() == 0 {
		t.Fatal("nothing was logged: the test shows nothing")
	}
	for _, word := range []string{"hunter2", token, "guess"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the log has %q in it", word)
		}
	}
}

func TestNewNeedsAStore(t *testing.T) {
	t.Parallel()
	if _, err := agent.New(agent.Config{}); err == nil {
		t.Error("no error")
	}
}
