// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// inCall runs fn as the handler of a read.
func (w *world) inCall(g *gate.Gate, fn func(*gate.Call)) {
	w.t.Helper()
	gate.Read(g, secretsmanager.GetSecretValue, gate.Row[getIn]{Access: gate.AccessRead, Open: true},
		func(_ context.Context, _ kv.Reader, call *gate.Call, _ *getIn) (*getOut, error) {
			fn(call)
			return &getOut{}, nil
		})
	old := w.Gate
	defer func() { w.Gate = old }()
	w.Gate = g
	if got := w.call(get, `{"SecretId":"a"}`); got.Status != 200 {
		w.t.Fatalf("answered %+v", got)
	}
}

// TestPageTokens holds that a token opens in the call that it was made for, and in no
// other.
func TestPageTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const cursor = "prod/db/a-secret-name"
	w.inCall(w.Gate, func(call *gate.Call) {
		token := call.PageToken(cursor, "filter", "desc")
		if strings.Contains(token, "prod") || token == call.PageToken(cursor, "filter", "desc") {
			t.Errorf("the token %q tells or repeats itself", token)
		}
		if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || strings.Contains(string(raw), "prod") {
			t.Errorf("the token tells %q", raw)
		}
		if got, ok := call.Cursor(token, "filter", "desc"); !ok || got != cursor {
			t.Errorf("the token opens to %q, %v", got, ok)
		}
		for name, open := range map[string]func() (string, bool){
			"another order":      func() (string, bool) { return call.Cursor(token, "filter", "asc") },
			"a scope cut short":  func() (string, bool) { return call.Cursor(token, "filter") },
			"a scope run into 1": func() (string, bool) { return call.Cursor(token, "filterdesc") },
			"no scope":           func() (string, bool) { return call.Cursor(token) },
			"cut short":          func() (string, bool) { return call.Cursor(token[:len(token)-1], "filter", "desc") },
			"lengthened":         func() (string, bool) { return call.Cursor(token+"AAAA", "filter", "desc") },
			"empty":              func() (string, bool) { return call.Cursor("", "filter", "desc") },
			"not base64":         func() (string, bool) { return call.Cursor("***", "filter", "desc") },
			"too long":           func() (string, bool) { return call.Cursor(strings.Repeat("A", 4097), "filter", "desc") },
			"another region":     func() (string, bool) { c := *call; c.Region = "us-east-1"; return c.Cursor(token, "filter", "desc") },
			"another account": func() (string, bool) {
				c := *call
				c.Account = "999999999999"
				return c.Cursor(token, "filter", "desc")
			},
		} {
			if got, ok := open(); ok {
				t.Errorf("%s: opened to %q", name, got)
			}
		}
		if got, ok := call.Cursor(call.PageToken(strings.Repeat("x", 4096))); ok {
			t.Errorf("a token longer than AWS allows opened to %d bytes", len(got))
		}
		for i := range len(token) {
			changed := []byte(token)
			if changed[i]++; changed[i] == '`' || changed[i] == '{' || changed[i] == '[' || changed[i] == ':' {
				changed[i] = 'A'
			}
			if got, ok := call.Cursor(string(changed), "filter", "desc"); ok && i < len(token)-1 {
				t.Errorf("with character %d changed it opened to %q", i, got)
			}
		}
		for key, opens := range map[byte]bool{0: true, 1: false} { // newWorld's key is all zeros
			g, err := gate.New(gate.Config{
				Store: w.store, Audit: w.audit, Directory: w.directory, Now: w.now, TokenKey: [32]byte{key},
			}, secretsmanager.Service)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			w.inCall(g, func(call *gate.Call) {
				if _, ok := call.Cursor(token, "filter", "desc"); ok != opens {
					t.Errorf("a gate with key %d opened it: %v", key, ok)
				}
			})
		}
	})
}

// TestCallNames are the names that a call gives to its resources.
func TestCallNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.inCall(w.Gate, func(call *gate.Call) {
		if call.Action() != "secretsmanager:GetSecretValue" || call.Secure || call.Via != "" || call.Account != account {
			t.Errorf("the call is %+v", call)
		}
		for region, partition := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
			c := *call
			c.Region = region
			if got, want := c.ARN("kms", "key/1"), "arn:"+partition+":kms:"+region+":"+account+":key/1"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

// bindLater binds a read that leaves as many things for later as its secret's name
// has characters, under the keys that these are.
func bindLater(w *world, do func(key string, tx kv.Tx) error) {
	gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(_ context.Context, _ kv.Reader, call *gate.Call, in *getIn) (*getOut, error) {
		for _, key := range strings.Split(*in.SecretId, ",") {
			call.Later(key, func(tx kv.Tx) error { return do(key, tx) })
		}
		if in.VersionStage != nil {
			return nil, errors.New("no")
		}
		return &getOut{}, nil
	})
}

// TestLater holds that what is left for later is done, by the end of Close at the
// latest; that one of several with one key is; and that failures do no harm.
func TestLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	begun, goOn := make(chan struct{}), make(chan struct{})
	bindLater(w, func(key string, tx kv.Tx) error {
		switch key {
		case "block":
			close(begun)
			<-goOn
		case "fail":
			return errors.New("not today")
		case "panic":
			panic("at the disco")
		}
		old, err := tx.Get("later/" + key)
		return errors.Join(err, tx.Put("later/"+key, append(old, 'x')))
	})
	w.call(get, `{"SecretId":"block"}`)
	<-begun // from now on the worker is busy
	w.call(get, `{"SecretId":"fail,panic,a,b"}`)
	w.call(get, `{"SecretId":"a"}`)
	w.call(get, `{"SecretId":"refused","VersionStage":"x"}`)
	w.directory.known[keyID].Principal = principal(policy.User)
	w.call(get, `{"SecretId":"denied"}`)
	close(goOn)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	for key, want := range map[string]string{"block": "x", "a": "x", "b": "x", "fail": "", "panic": "", "refused": "", "denied": ""} {
		if got := w.value("later/" + key); got != want {
			t.Errorf("%s was done %q, want %q", key, got, want)
		}
	}
	if log := w.log.String(); strings.Count(log, "work left for later failed") != 2 {
		t.Errorf("the log says %s", log)
	}
	w.directory.known[keyID].Principal = principal(policy.Root)
	if got := w.call(get, `{"SecretId":"late"}`); got.Status != 200 || w.value("later/late") != "" {
		t.Errorf("a call after the end: %+v", got)
	}
}

// TestLaterIsBounded leaves more than may wait while the worker is busy.
func TestLaterIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	begun, goOn := make(chan struct{}), make(chan struct{})
	done := 0
	bindLater(w, func(key string, tx kv.Tx) error {
		if key == "block" {
			close(begun)
			<-goOn
			return nil
		}
		done++
		return nil
	})
	w.call(get, `{"SecretId":"block"}`)
	<-begun
	const calls, each = 10, 300
	for i := range calls {
		keys := make([]string, each)
		for j := range keys {
			keys[j] = fmt.Sprint(i*each + j)
		}
		if got := w.call(get, `{"SecretId":"`+strings.Join(keys, ",")+`"}`); got.Status != 200 {
			t.Fatalf("answered %+v", got)
		}
	}
	close(goOn)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if done == 0 || done >= calls*each {
		t.Errorf("%d of %d were done", done, calls*each)
	}
}

// TestNothingIsLeftByAnUnrecordedCall holds that a read which could not be recorded
// leaves nothing for later either.
func TestNothingIsLeftByAnUnrecordedCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(_ context.Context, _ kv.Reader, call *gate.Call, _ *getIn) (*getOut, error) {
		call.Later("a", func(tx kv.Tx) error { return tx.Put("later/a", nil) })
		return &getOut{}, w.audit.Close()
	})
	if got := w.call(get, `{"SecretId":"a"}`); got.Status != 503 {
		t.Errorf("answered %+v", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, w.store, "later/"); n != 0 || !errors.Is(w.audit.Ready(), audit.ErrClosed) {
		t.Errorf("%d keys were left", n)
	}
}
