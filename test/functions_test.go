// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/runtimes"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

var extension = build("coffer-extension")

// reader is a function that reads prod/db, and maybe the parameter /prod/key.
type reader struct {
	needs   []string // programs
	path    string
	handler string
	event   string
	// direct says that it calls the server and not the extension: nothing is kept then,
	// and the function fails when the server is gone.
	direct bool
	// told says that its answers tell how the extension came by the value.
	told bool
}

// TestFunctions runs functions in a local Lambda environment with the extension that is
// built, against a server: a cold read, a warm one, a rotation, and an outage.
func TestFunctions(t *testing.T) {
	t.Parallel()
	const js, python = "js/functions/reads.mjs", "python/functions/reads.py"
	for name, r := range map[string]reader{
		"Go":                                   {needs: []string{"go"}, path: "../internal/demo/function", event: `{"secret": "prod/db", "parameter": "/prod/key"}`, told: true},
		"Node.js, fetch":                       {needs: []string{"node"}, path: js, handler: "reads.plain", told: true},
		"Node.js, middy through the extension": {needs: []string{"node"}, path: js, handler: "reads.middyThroughExtension"},
		"Node.js, middy through the server":    {needs: []string{"node"}, path: js, handler: "reads.middyThroughServer", direct: true},
		"Node.js, Powertools through the extension": {needs: []string{"node"}, path: js, handler: "reads.powertoolsThroughExtension"},
		"Node.js, Powertools through the server":    {needs: []string{"node"}, path: js, handler: "reads.powertoolsThroughServer", direct: true},
		"Python, urllib":                            {needs: []string{"python3"}, path: python, handler: "reads.plain", told: true},
		"Python, boto3 through the server":          {needs: []string{"python3"}, path: python, handler: "reads.sdk", direct: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.need(t)
			r.run(t)
		})
	}
}

func (r reader) need(t *testing.T) {
	for _, program := range r.needs {
		testneed.Program(t, program)
	}
	if _, err := os.Stat("js/node_modules"); err != nil && r.needs[0] == "node" {
		testneed.Missing(t, "the packages of test/js (npm ci)")
	}
	if r.direct && r.needs[0] == "python3" && runProgram(t, nil, testneed.Program(t, "python3"), "-c", "import boto3").Code != 0 {
		testneed.Missing(t, "Python's boto3 (Debian: python3-boto3)")
	}
}

// readPolicy is what the functions' role may do, and no more.
const readPolicy = `{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "arn:aws:secretsmanager:*:*:secret:prod/db-??????"},
  {"Effect": "Allow", "Action": ["ssm:GetParameter", "ssm:GetParameters"], "Resource": "arn:aws:ssm:*:*:parameter/prod/key"}
]}`

func (r reader) run(t *testing.T) {
	dir := t.TempDir()
	data, policy := filepath.Join(dir, "data"), filepath.Join(dir, "policy.json")
	writeFile(t, policy, []byte(readPolicy))
	var role struct {
		AccessKeyID, SecretAccessKey, SessionToken string
	}
	made := mustRun(t, "key", "create", "--role", "reader", "--policy", policy, "--json", "--data", data)
	if err := json.Unmarshal([]byte(made), &role); err != nil {
		t.Fatal(err)
	}
	h := newHouseIn(t, data)
	h.must("secretsmanager.CreateSecret", `{"Name": "prod/db", "SecretString": "correct-horse", "ClientRequestToken": "`+token("first", 1)+`"}`)
	h.must("AmazonSSM.PutParameter", `{"Name": "/prod/key", "Value": "k-2f9a", "Type": "SecureString"}`)
	f := r.host(t, h.URL, lambdahost.Credentials{
		AccessKeyID: role.AccessKeyID, SecretAccessKey: secret.NewText(role.SecretAccessKey), SessionToken: secret.NewText(role.SessionToken),
	})

	if a := f.invoke("cold"); a.Value != "correct-horse" || r.told && a.Cache != "MISS" {
		t.Fatalf("cold: %+v", a)
	}
	f.comesTo("warm", func(a read) bool { return a.Cache == "HIT" || !r.told }, "correct-horse")
	h.must("secretsmanager.PutSecretValue", `{"SecretId": "prod/db", "SecretString": "battery-staple", "ClientRequestToken": "`+token("second", 2)+`"}`)
	f.comesTo("after the rotation", func(a read) bool { return a.Value == "battery-staple" }, "correct-horse", "battery-staple")
	h.stop(t)
	if r.direct {
		f.fails()
		return
	}
	began := time.Now()
	f.comesTo("in the outage", func(a read) bool {
		return a.Cache == "STALE" || !r.told && time.Since(began) > 2*ttl
	}, "battery-staple")
}

// hosted is a function in its environment.
type hosted struct {
	reader
	t    *testing.T
	host *lambdahost.Host

	mu  sync.Mutex
	log []string
}

// ttl is how long the extension takes a value for fresh here.
const ttl = time.Second

func (r reader) host(t *testing.T, url string, role lambdahost.Credentials) *hosted {
	t.Helper()
	p, err := runtimes.Function{Path: r.path, Handler: r.handler}.Prepare(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &hosted{reader: r, t: t}
	seconds := strconv.Itoa(int(ttl.Seconds()))
	f.host, err = lambdahost.New(lambdahost.Config{
		Function: p.Process, Handler: p.Handler, Credentials: role, Timeout: patience, InitTimeout: patience,
		Extensions: []lambdahost.Extension{{Process: lambdahost.Process{Command: []string{program(t, extension)}}}},
		Env: map[string]string{
			"AWS_ENDPOINT_URL": url, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": strconv.Itoa(freePort(t)),
			"SECRETS_MANAGER_TTL": seconds, "SSM_PARAMETER_STORE_TTL": seconds, "AWS_MAX_ATTEMPTS": "1",
		},
		Output: func(source, line string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.log = append(f.log, source+": "+line)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.host.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, line := range f.log {
				t.Log(line)
			}
		}
	})
	return f
}

// freePort returns a port that nobody listens on, below those that systems give to
// connections: nobody takes one of these by chance until it is used.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		if l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// read is what the functions answer.
type read struct{ Value, Parameter, Cache string }

// invoke wants an answer.
func (f *hosted) invoke(when string) (a read) {
	f.t.Helper()
	event := f.event
	if event == "" {
		event = "{}"
	}
	result, err := f.host.Invoke(f.t.Context(), []byte(event))
	if err != nil {
		f.t.Fatalf("%s: %v", when, err)
	}
	if result.FunctionError != "" {
		f.t.Fatalf("%s: %s", when, result.Payload)
	}
	if err := json.Unmarshal(result.Payload, &a); err != nil {
		f.t.Fatalf("%s: %s: %v", when, result.Payload, err)
	}
	if a.Parameter != "" && a.Parameter != "k-2f9a" {
		f.t.Fatalf("%s: the parameter is %q", when, a.Parameter)
	}
	return a
}

// comesTo invokes until the answer is what is waited for. Until then it has one of the values.
func (f *hosted) comesTo(when string, enough func(read) bool, values ...string) {
	f.t.Helper()
	began := time.Now()
	for time.Since(began) < patience {
		a := f.invoke(when)
		known := false
		for _, v := range values {
			known = known || a.Value == v
		}
		if !known {
			f.t.Fatalf("%s: %+v", when, a)
		}
		if enough(a) {
			return
		}
	}
	f.t.Fatalf("%s: not within %v", when, patience)
}

// fails invokes until the function fails, which may go on for a moment by what its library
// has kept.
func (f *hosted) fails() {
	f.t.Helper()
	began := time.Now()
	for time.Since(began) < patience {
		result, err := f.host.Invoke(f.t.Context(), []byte("{}"))
		if err != nil {
			f.t.Fatal(err)
		}
		if result.FunctionError != "" {
			return
		}
	}
	f.t.Fatal(fmt.Sprint("without its server it goes on for ", patience))
}
