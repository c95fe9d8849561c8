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
	arn      = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db"
)

func TestWhatARequestAsksFor(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		sm + "?secretId=db":                                       "Get {Kind:0 ID:db VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=prod/db":                                  "Get {Kind:0 ID:prod/db VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=prod%2Fdb%2Bx":                            "Get {Kind:0 ID:prod/db+x VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=a+b=c@d":                                  "Get {Kind:0 ID:a+b=c@d VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=" + arn:                                   "Get {Kind:0 ID:" + arn + " VersionID: Stage: Decrypt:false Role:}",
		sm + "?versionStage=AWSPREVIOUS&secretId=db":              "Get {Kind:0 ID:db VersionID: Stage:AWSPREVIOUS Decrypt:false Role:}",
		sm + "?secretId=db&versionId=v1&versionStage=X":           "Get {Kind:0 ID:db VersionID:v1 Stage:X Decrypt:false Role:}",
		sm + "?secretId=db&unknown=x&secretId=other":              "Get {Kind:0 ID:db VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=db&refreshNow=TRUE":                       "Refresh {Kind:0 ID:db VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=db&refreshNow=1":                          "Refresh {Kind:0 ID:db VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=db&refreshNow=0":                          "Get {Kind:0 ID:db VersionID: Stage: Decrypt:false Role:}",
		ssm + "?name=p":                                           "Get {Kind:1 ID:p VersionID: Stage: Decrypt:false Role:}",
		ssm + "/?name=/a/b":                                       "Get {Kind:1 ID:/a/b VersionID: Stage: Decrypt:false Role:}",
		ssm + "?name=%2Fa%2Fb&withDecryption=true":                "Get {Kind:1 ID:/a/b VersionID: Stage: Decrypt:true Role:}",
		ssm + "?name=/a&withDecryption=False":                     "Get {Kind:1 ID:/a VersionID: Stage: Decrypt:false Role:}",
		ssm + "?name=/a&version=1":                                "Get {Kind:1 ID:/a VersionID:1 Stage: Decrypt:false Role:}",
		ssm + "?name=/a&label=Dev":                                "Get {Kind:1 ID:/a VersionID: Stage:Dev Decrypt:false Role:}",
		ssm + "?version=2&name=/a&label=Dev":                      "Get {Kind:1 ID:/a VersionID:2 Stage: Decrypt:false Role:}",
		ssm + "?label=Dev&name=/a&version=2":                      "Get {Kind:1 ID:/a VersionID: Stage:Dev Decrypt:false Role:}",
		ssm + "?name=/aws/reference/secretsmanager/db":            "Get {Kind:1 ID:/aws/reference/secretsmanager/db VersionID: Stage: Decrypt:false Role:}",
		"POST /coffer/v1/failed?secretId=db&versionId=v1":         "Failed v1 {Kind:0 ID:db VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=" + strings.Repeat("x", 2048):             "Get {Kind:0 ID:" + strings.Repeat("x", 2048) + " VersionID: Stage: Decrypt:false Role:}",
		sm + "?secretId=" + strings.Repeat("%41", 2048) + "&a&&=": "Get {Kind:0 ID:" + strings.Repeat("A", 2048) + " VersionID: Stage: Decrypt:false Role:}",
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
		h := do(t, newAgent(t, &store{answer: a}, io.Discard), http.MethodGet, sm+"?secretId=x", nil).Header()
		if h.Get("X-Cache") != string(c.status) || h.Get("Age") != "42" || h.Get("ETag") != c.etag {
			t.Errorf("%q: %v", c.version, h)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, target string
		header         map[string]string
		status         int
		body           string
	}{
		"no token":               {"GET", sm + "?secretId=x", map[string]string{"X-Aws-Parameters-Secrets-Token": ""}, 401, badToken},
		"a wrong token":          {"GET", sm + "?secretId=x", map[string]string{"X-Aws-Parameters-Secrets-Token": "x"}, 401, badToken},
		"a part of the token":    {"GET", sm + "?secretId=x", map[string]string{"X-Aws-Parameters-Secrets-Token": token[:5]}, 401, badToken},
		"no token, no path":      {"GET", "/x", map[string]string{"X-Aws-Parameters-Secrets-Token": ""}, 401, badToken},
		"the second token":       {"GET", sm + "?secretId=x", map[string]string{"X-Aws-Parameters-Secrets-Token": "second"}, 200, ""},
		"a proxy":                {"GET", sm + "?secretId=x", map[string]string{"X-Forwarded-For": "10.0.0.1"}, 400, "Forwarded"},
		"a proxy, for a ping":    {"GET", "/ping", map[string]string{"X-Forwarded-For": "10.0.0.1"}, 400, "Forwarded"},
		"another host":           {"GET", sm + "?secretId=x", map[string]string{"Host": "evil.example"}, 403, "Bad host"},
		"a host like ours":       {"GET", sm + "?secretId=x", map[string]string{"Host": "localhost.evil.example:2773"}, 403, "Bad host"},
		"an address like ours":   {"GET", sm + "?secretId=x", map[string]string{"Host": "127.0.0.2"}, 403, "Bad host"},
		"no host":                {"GET", sm + "?secretId=x", map[string]string{"Host": ":2773"}, 403, "Bad host"},
		"our address":            {"GET", sm + "?secretId=x", map[string]string{"Host": "127.0.0.1:2773"}, 200, ""},
		"our host, in capitals":  {"GET", sm + "?secretId=x", map[string]string{"Host": "LocalHost"}, 200, ""},
		"our IPv6 address":       {"GET", sm + "?secretId=x", map[string]string{"Host": "[::1]:2773"}, 200, ""},
		"an IPv6 address":        {"GET", sm + "?secretId=x", map[string]string{"Host": "[::1:1]:2773"}, 403, "Bad host"},
		"an unknown path":        {"GET", "/secretsmanager", nil, 404, "Not found"},
		"the root":               {"GET", "/", nil, 404, "Not found"},
		"another verb":           {"POST", sm + "?secretId=x", nil, 405, "Not allowed"},
		"HEAD":                   {"HEAD", sm + "?secretId=x", nil, 405, "Not allowed"},
		"a report by GET":        {"GET", "/coffer/v1/failed?secretId=x&versionId=y", nil, 405, "Not allowed"},
		"a ping":                 {"GET", "/ping", map[string]string{"X-Aws-Parameters-Secrets-Token": ""}, 200, "healthy"},
		"another verb's ping":    {"POST", "/ping", nil, 405, "Not allowed"},
		"no secretId":            {"GET", sm, nil, 400, "missing parameter secretId"},
		"an empty secretId":      {"GET", sm + "?secretId=", nil, 400, "missing parameter secretId"},
		"a secretId in capitals": {"GET", sm + "?SecretId=x", nil, 400, "missing parameter secretId"},
		"no name":                {"GET", ssm + "?version=1", nil, 400, "missing parameter name"},
		"no failed version":      {"POST", "/coffer/v1/failed?secretId=x", nil, 400, "missing parameter versionId"},
		"a bad escape":           {"GET", sm + "?secretId=%zz", nil, 400, "a parameter is not properly encoded"},
		"a long name":            {"GET", sm + "?secretId=" + strings.Repeat("x", 2049), nil, 400, "a parameter is too long"},
		"many parameters":        {"GET", sm + "?" + strings.Repeat("a=b&", 16) + "secretId=x", nil, 400, "too many parameters"},
		"neither true nor false": {"GET", ssm + "?name=x&withDecryption=yes", nil, 400, "invalid withDecryption value"},
		"a strange refreshNow":   {"GET", sm + "?secretId=x&refreshNow=yes", nil, 400, "invalid refreshNow value"},
		"a role":                 {"GET", sm + "?secretId=x&roleArn=arn:aws:iam::1:role/x", nil, 400, "roleArn is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &store{answer: secretAnswer()}
			w := do(t, newAgent(t, s, io.Discard), c.method, c.target, c.header)
			if w.Code != c.status || c.body != "" && w.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if c.body != "" && (len(s.asked) != 0 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain")) {
				t.Errorf("asked %v, answered %v", s.asked, w.Header())
			}
		})
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
