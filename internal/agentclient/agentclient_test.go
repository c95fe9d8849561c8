// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agentclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/agentclient"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
)

type environment map[string]string

func (e environment) get(name string) string { return e[name] }

func TestFind(t *testing.T) {
	t.Parallel()
	type found struct {
		url     string
		certain bool
	}
	for want, env := range map[found]environment{
		{"", true}:                        {},
		{"http://h:1", true}:              {"COFFER_AGENT": "http://h:1/", "AWS_LAMBDA_RUNTIME_API": "x"},
		{"http://127.0.0.1:2773", false}:  {"AWS_LAMBDA_RUNTIME_API": "x"},
		{"http://127.0.0.1:12345", false}: {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "12345"},
	} {
		if url, certain := agentclient.Find(env.get); (found{url, certain}) != want {
			t.Errorf("%v: %q, %t", env, url, certain)
		}
	}
	if url, certain := agentclient.Find(environment{"COFFER_AGENT": "off", "AWS_LAMBDA_RUNTIME_API": "x"}.get); url != "" || !certain {
		t.Errorf("off is %q, %t", url, certain)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(" of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment{"AWS_CONTAINER_AUTHORIZATION_TOKEN": "container"}
	for _, next := range [][3]string{
		{"", "", "container"}, {"AWS_SESSION_TOKEN", "session", "session"}, {"COFFER_AGENT_TOKEN_FILE", file, "of the file"}, {"COFFER_AGENT_TOKEN", "own", "own"},
	} {
		env[next[0]] = next[1]
		if got, err := agentclient.Token(env.get); got != next[2] || err != nil {
			t.Errorf("%v: %q, %v", env, got, err)
		}
	}
	if err := os.WriteFile(file, make([]byte, 16<<10+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, "/no/such/file"} {
		if got, err := agentclient.Token(environment{"COFFER_AGENT_TOKEN_FILE": name}.get); got != "" || err == nil {
			t.Errorf("%s has the token %q", name, got)
		}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Aws-Parameters-Secrets-Token"))
		switch {
		case r.URL.Query().Get("secretId") == "none":
			w.Header().Set("X-Error-Code", "ResourceNotFoundException")
			w.WriteHeader(http.StatusBadRequest)
		case strings.HasPrefix(r.URL.Path, "/systemsmanager"):
			w.Header().Set("Age", "7")
			fmt.Fprint(w, `{"Parameter":{"Name":"/p","Type":"SecureString","Value":"v","Version":3}}`)
		default:
			fmt.Fprint(w, `{"Name":"db","SecretString":"s","VersionId":"v1"}`)
		}
	}))
	defer server.Close()
	c, err := agentclient.New(server.URL, "token")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	db := cache.Ref{ID: "a/b", Stage: "S"}
	for name, ask := range map[string]func() (cache.Answer, error){
		"get":     func() (cache.Answer, error) { return c.Get(t.Context(), db) },
		"refresh": func() (cache.Answer, error) { return c.Refresh(t.Context(), db) },
		"failed":  func() (cache.Answer, error) { return c.Failed(t.Context(), db, "v0") },
		"parameter": func() (cache.Answer, error) {
			return c.Get(t.Context(), cache.Ref{Kind: cache.Parameter, ID: "/p", Decrypt: true})
		},
	} {
		asked = nil
		got, err := ask()
		want := map[string][2]string{
			"get":       {"GET /secretsmanager/get?secretId=a%2Fb&versionStage=S token", "s v1 0s"},
			"refresh":   {"GET /secretsmanager/get?refreshNow=true&secretId=a%2Fb&versionStage=S token", "s v1 0s"},
			"failed":    {"POST /coffer/v1/failed?secretId=a%2Fb&versionId=v0&versionStage=S token", "s v1 0s"},
			"parameter": {"GET /systemsmanager/parameters/get?name=%2Fp&withDecryption=true token", "v 3 7s"},
		}[name]
		if diff := cmp.Diff([]string{want[0]}, asked); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +asked):\n%s", name, err, diff)
		}
		if answer := fmt.Sprintf("%s %s %v", got.Text.RevealString(), got.VersionID, got.Age); answer != want[1] {
			t.Errorf("%s is answered %q, want %q", name, answer, want[1])
		}
	}
	_, err = c.Get(t.Context(), cache.Ref{ID: "none"})
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != "ResourceNotFoundException" {
		t.Errorf("a refusal is %v", err)
	}
	server.Close()
	_, err = c.Get(t.Context(), db)
	if _, ok := errors.AsType[*cache.Unavailable](err); !ok {
		t.Errorf("nobody there is %v", err)
	}
	for _, url := range []string{"", "127.0.0.1:1", "ftp://h", "http://"} {
		if _, err := agentclient.New(url, ""); err == nil {
			t.Errorf("%q is an agent's address", url)
		}
	}
}
