// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/functions"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

const (
	functionRole = "role-function" // an argument of this binary
	functionARN  = "arn:aws:lambda:us-east-1:000000000000:function:reader"
)

// TestMain is also the main function of the function that tests configure.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == functionRole {
		os.Exit(lambdahost.RunMain(lambdahost.Serve(readSecret)))
	}
	os.Exit(m.Run())
}

// readSecret is a function that reads the secret that its event names.
func readSecret(ctx context.Context, event []byte) ([]byte, error) {
	var in struct{ Secret string }
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{})
	if err != nil {
		return nil, err
	}
	_, err = awsjson.Do(ctx, c, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: &in.Secret})
	return nil, err
}

// reader is a configuration with the function, and with the role that it runs as.
func reader(t *testing.T) server.Config {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs process groups and signals")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
principals:
  - role: reader
    policies:
      read-a:
        Version: "2012-10-17"
        Statement: {Effect: Allow, Action: "secretsmanager:GetSecretValue", Resource: "arn:aws:secretsmanager:us-east-1:000000000000:secret:a-??????"}
functions:
  - name: reader
    command: [%q, %s]
    role: reader
    timeout: 1m
`, self, functionRole)
	path := filepath.Join(t.TempDir(), "coffer.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var c server.Config
	if err := server.LoadFile(path, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// sessions are the access keys of roles.
func sessions(t *testing.T, v *server.Vault) (all []*identity.AccessKey) {
	t.Helper()
	if _, err := v.Store.View(t.Context(), func(r kv.Reader) error {
		keys, err := v.Directory.Keys(r, "", "", "")
		for _, k := range keys {
			if k.Kind == identity.Role {
				all = append(all, k)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAFunctionCallsBack runs a program that reads a secret of the server, with and
// without TLS, under its role and no more.
func TestAFunctionCallsBack(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", tls), func(t *testing.T) {
			t.Parallel()
			c := reader(t)
			c.TLSSelf = tls
			r := start(t, c)
			if !r.Functions().Known(functionARN) {
				t.Fatalf("the server knows %q", r.Functions().ARNs())
			}
			err := r.Functions().Invoke(t.Context(), functionARN, []byte(`{"secret":"a"}`))
			failed, ok := errors.AsType[*functions.FunctionError](err)
			if !ok || !strings.Contains(failed.Message, "ResourceNotFoundException") && !strings.Contains(failed.Message, "AccessDeniedException") {
				t.Fatalf("before there is a secret: %v: %+v", err, failed)
			}
			if !tls {
				do(t, http.DefaultClient, r.request("http", "CreateSecret", create))
				if err := r.Functions().Invoke(t.Context(), functionARN, []byte(`{"secret":"a"}`)); err != nil {
					t.Errorf("the function could not read what its role may: %v", err)
				}
				err = r.Functions().Invoke(t.Context(), functionARN, []byte(`{"secret":"b"}`))
				if failed, ok = errors.AsType[*functions.FunctionError](err); !ok || !strings.Contains(failed.Message, "assumed-role/reader/function.reader is not authorized") {
					t.Errorf("another secret: %v: %+v", err, failed)
				}
			}
			if got := sessions(t, r.Vault); len(got) != 1 || got[0].Session != "function.reader" {
				t.Errorf("sessions %v", got)
			}
		})
	}
}

// TestNoSessionOutlivesItsFunction holds that a session ends with the server that made it,
// and one that a crash left with the start of the next, each with a record; and that
// sessions of others stay.
func TestNoSessionOutlivesItsFunction(t *testing.T) {
	t.Parallel()
	c := reader(t)
	c.Data = t.TempDir()
	left := map[string]bool{}
	func() {
		r := start(t, c)
		_ = r.Functions().Invoke(t.Context(), functionARN, []byte(`{"secret":"a"}`)) // which there is not
		if len(sessions(t, r.Vault)) != 1 {
			t.Fatal("the function has no session")
		}
		if err := errors.Join(r.stop(), r.Functions().Close()); err != nil {
			t.Fatal(err)
		}
		if got := sessions(t, r.Vault); len(got) != 0 {
			t.Errorf("sessions %v outlive the function", got)
		}
		for _, name := range []string{"function.reader", "somebody"} {
			if err := r.Do(t.Context(), &server.Act{Name: "AssumeRole", By: "test"}, func(tx kv.Tx) error {
				key, err := r.Directory.CreateKey(tx, identity.NewKey{
					Account: "000000000000", Kind: identity.Role, Name: "reader", Session: name, Duration: time.Hour,
				}, time.Now())
				if err == nil {
					left[key.ID] = name == "somebody"
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	s, err := server.Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range sessions(t, s.Vault) {
		if !left[k.ID] {
			t.Errorf("session %s of %s is left", k.ID, k.Session)
		}
		delete(left, k.ID)
	}
	if len(left) != 1 {
		t.Errorf("after the start one session of two should be gone, and are: %v", left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	acts := map[string]int{}
	for record, err := range audit.Records(t.Context(), s.Config.AuditFile, audit.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if record.UserIdentity.InvokedBy == "coffer functions" {
			acts[record.EventName]++
		}
	}
	if diff := cmp.Diff(map[string]int{"AssumeRole": 1, "DeleteAccessKey": 2}, acts); diff != "" {
		t.Errorf("the audit log tells something else (-want +got):\n%s", diff)
	}
}

func TestFunctionsThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{command: [x], role: reader}`:                                       "entry 1: give either arn or name",
		`{name: a, arn: "arn:aws:lambda:us-east-1:000000000000:function:a"}`: "entry 1: give either arn or name",
		`{name: a}`:                             "entry 1: give either command and role, or endpoint",
		`{name: a, role: reader}`:               "function:a: the command is empty",
		`{name: a, command: [x]}`:               "function:a: give the role",
		`{name: a, command: [x], role: nobody}`: "function:a: there is no role nobody in account 000000000000",
		`{name: a, command: [x], role: reader, endpoint: "https://a"}`:                          "entry 1: give either command and role, or endpoint",
		`{name: a, command: [x], role: reader, sign: true}`:                                     "entry 1: give either command and role, or endpoint",
		`{name: a, endpoint: "http://lambda.internal"}`:                                         "function:a: endpoint http://lambda.internal: without TLS",
		`{name: a, endpoint: "https://a", timeout: 16m}`:                                        "function:a: timeout 16m0s",
		`{name: "a b", endpoint: "https://a"}`:                                                  "want arn:",
		`{arn: "arn:aws:lambda:us-east-1:111122223333:function:a", command: [x], role: reader}`: "no role reader in account 111122223333",
	} {
		c := reader(t)
		c.Data = t.TempDir()
		c.Functions = nil
		if err := yaml.Unmarshal([]byte("functions: ["+text+"]"), &c); err != nil {
			t.Fatal(err)
		}
		s, err := server.Open(t.Context(), c, slog.New(slog.DiscardHandler))
		if err == nil {
			err = s.Close()
			t.Errorf("%s is taken", text)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error is %v, want one of %q", text, err, says)
		}
	}
}

// TestDocumentedFunctions opens a server with the example of docs/server.md.
func TestDocumentedFunctions(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/server.md")
	if err != nil {
		t.Fatal(err)
	}
	var c server.Config
	for block := range strings.SplitSeq(string(page), "```yaml\n") {
		if text, _, _ := strings.Cut(block, "```"); strings.Contains(text, "\nfunctions:\n") {
			path := filepath.Join(t.TempDir(), "coffer.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := server.LoadFile(path, &c); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := start(t, c)
	want := []string{
		"arn:aws:lambda:eu-west-1:111122223333:function:rotate-payroll",
		"arn:aws:lambda:us-east-1:000000000000:function:rotate-orders",
	}
	if diff := cmp.Diff(want, r.Functions().ARNs()); diff != "" {
		t.Error(diff)
	}
}

func TestRelativeCommands(t *testing.T) {
	t.Parallel()
	c := reader(t)
	c.Data = t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if c.Functions[0].Command[0], err = filepath.Rel(here, c.Functions[0].Command[0]); err != nil {
		t.Fatal(err)
	}
	c.Functions[0].Directory = t.TempDir()
	r := start(t, c)
	err = r.Functions().Invoke(t.Context(), functionARN, []byte(`{"secret":"a"}`))
	if failed, ok := errors.AsType[*functions.FunctionError](err); !ok || failed.Type != "Error" {
		t.Errorf("the program was not run: %v", err)
	}
}
