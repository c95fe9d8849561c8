// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
)

func TestParseCommand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]command{
		"-- a b":                       {nil, []string{"a", "b"}},
		"a -- b":                       {nil, []string{"a", "--", "b"}},
		"--only A,B --only=C -- a --x": {[]string{"A", "B", "C"}, []string{"a", "--x"}},
		"-- --only":                    {nil, []string{"--only"}},
	} {
		got, err := parseCommand(strings.Fields(line))
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(command{})); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", line, err, diff)
		}
	}
	for _, line := range []string{"", "--", "--only", "--only A", "--only=A --", "-x a", "--=x a", "--env-file x a"} {
		if got, err := parseCommand(strings.Fields(line)); err == nil {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

// kitchen is a wrapper over a source, with an environment.
type kitchen struct {
	*process
	cloud *cloud
	said  bytes.Buffer
}

func newKitchen(env map[string]string) *kitchen {
	k := &kitchen{cloud: &cloud{now: time.Now, version: 1}}
	k.process = &process{
		name: "coffer-exec", errs: &k.said, now: time.Now, transport: k.cloud,
		getenv: func(name string) string {
			if v, ok := env[name]; ok {
				return v
			}
			return map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}[name]
		},
	}
	return k
}

var wanted = []string{"A=<{{resolve:secretsmanager:db}}>", "B={{resolve:ssm:/p}}", "PATH=/bin"}

func TestExecAsksTheSource(t *testing.T) {
	t.Parallel()
	k := newKitchen(nil)
	got, err := k.environment(t.Context(), wanted, nil)
	if diff := cmp.Diff([]string{"A=<s3cret 1>", "B=parameter 1", "PATH=/bin"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if k.said.Len() > 0 {
		t.Errorf("it said %q", &k.said)
	}
}

func TestExecIsToldWhatToLookAt(t *testing.T) {
	t.Parallel()
	k := newKitchen(map[string]string{"COFFER_EXEC_ONLY": " B ,C"})
	got, err := k.environment(t.Context(), wanted, nil)
	if diff := cmp.Diff([]string{wanted[0], "B=parameter 1", "PATH=/bin"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestExecGivesUp(t *testing.T) {
	t.Parallel()
	k := newKitchen(map[string]string{"COFFER_EXEC_TIMEOUT": "10ms"})
	k.cloud.fault = "hangs"
	_, err := k.environment(t.Context(), wanted, nil)
	if text := fmt.Sprint(err); !strings.Contains(text, "A: db: ") || !strings.Contains(text, "B: /p: ") || !strings.HasSuffix(text, "\ngave up after 10ms, which COFFER_EXEC_TIMEOUT can change") {
		t.Errorf("%v", err)
	}
}

func TestExecTimeout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": 10 * time.Second, "30s": 30 * time.Second, "24h": 10 * time.Minute, "0s": 10 * time.Second, "x": 10 * time.Second} {
		k := newKitchen(map[string]string{"COFFER_EXEC_TIMEOUT": text})
		if got := k.execTimeout(); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestExecWarnsOfSnapshots(t *testing.T) {
	t.Parallel()
	k := newKitchen(map[string]string{"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
	if _, err := k.environment(t.Context(), wanted, nil); err != nil || !strings.HasPrefix(k.said.String(), "coffer-exec: with SnapStart, ") {
		t.Errorf("%q, %v", &k.said, err)
	}
}

func TestExecAsksTheExtensionFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		want    string // A's value, or the error
		calls   int    // to the source
		certain bool
	}{
		"it answers": {answer: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Aws-Parameters-Secrets-Token") != "token" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			fmt.Fprint(w, `{"SecretString":"from the extension"}`)
		}, want: "A=<from the extension>"},
		"it refuses, and says why": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Error-Code", "AccessDeniedException")
			w.WriteHeader(http.StatusBadRequest)
		}, want: "A: db: AccessDeniedException"},
		"it is AWS's, in INIT": {answer: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "not ready to serve traffic, please wait", http.StatusBadRequest)
		}, want: "A=<s3cret 1>", calls: 1},
		"it hangs":               {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, want: "A=<s3cret 1>", calls: 1},
		"it is not there":        {want: "A=<s3cret 1>", calls: 1},
		"it must be, and is not": {want: "A: db: source unavailable: asking the extension", certain: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.answer)
			defer server.Close()
			if c.answer == nil {
				server.Close()
			}
			_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
			env := map[string]string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port, "AWS_SESSION_TOKEN": "token", "COFFER_EXEC_TIMEOUT": "1m"}
			if c.certain {
				env["COFFER_AGENT"] = server.URL + "/"
			}
			if name == "it hangs" {
				env["COFFER_EXEC_TIMEOUT"] = "2s"
			}
			k := newKitchen(env)
			got, err := k.environment(t.Context(), wanted[:1], nil)
			if err == nil {
				err = fmt.Errorf("%s", got[0])
			}
			if !strings.HasPrefix(err.Error(), c.want) || k.cloud.count() != c.calls {
				t.Errorf("%v, with %d calls to the source; want %s, %d", err, k.cloud.count(), c.want, c.calls)
			}
		})
	}
}

// TestExecWaitsForTheExtension holds that an extension which Lambda has started, and that
// does not listen yet, is waited for.
func TestExecWaitsForTheExtension(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	taken.Close()
	k := newKitchen(map[string]string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port})
	n, err := k.nearest(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	n.until = time.Now().Add(time.Minute)
	got := make(chan string)
	go func() {
		a, err := n.get(t.Context(), cache.Ref{ID: "db"})
		got <- fmt.Sprint(a.Text.RevealString(), err)
	}()
	l, err := net.Listen("tcp4", "127.0.0.1:"+port)
	if err != nil {
		t.Skipf("the port was taken by another program: %v", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"SecretString":"late"}`) })}
	defer server.Close()
	go func() { _ = server.Serve(l) }()
	if text := <-got; text != "late<nil>" {
		t.Errorf("%s", text)
	}
}
