// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/limits"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "123456789012"
	region  = "eu-west-1"
	keyID   = "AKIAIOSFODNN7EXAMPLE"
	keyText = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var start = time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC)

// world is a gate with all around it that a test may look at.
type world struct {
	*gate.Gate
	t         testing.TB
	store     kv.Store // as the gate has it
	audit     *audit.Log
	path      string // of the audit log
	directory *directory
	log       lockedBuffer
	now       func() time.Time

	mu       sync.Mutex
	observed []gate.Observation
}

// newWorld makes a gate over a store in memory, of which the gate sees what wrap
// returns. Its one access key is root's.
func newWorld(t testing.TB, wrap func(kv.Store) kv.Store) *world {
	t.Helper()
	return newLimited(t, wrap, limits.Limits{})
}

// newLimited is newWorld with limits.
func newLimited(t testing.TB, wrap func(kv.Store) kv.Store, l limits.Limits) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "audit.log"), directory: newDirectory(), now: func() time.Time { return start }}
	memory := memkv.New()
	w.store = memory
	if wrap != nil {
		w.store = wrap(memory)
	}
	var err error
	w.audit, err = audit.Open(t.Context(), audit.Options{Path: w.path, Store: memory})
	if err != nil {
		t.Fatal(err)
	}
	published, err := events.Open(t.Context(), events.Config{Store: w.store, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.Gate, err = gate.New(gate.Config{
		Store: w.store, Audit: w.audit, Directory: w.directory, Events: published, Limits: l, Now: func() time.Time { return w.now() },
		Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Observe: w.observe,
	}, secretsmanager.Service, kms.Service, sts.Service)
	if err != nil {
		t.Fatal(err)
	}
	opened, log := w.Gate, w.audit
	t.Cleanup(func() {
		_ = opened.Close()
		_ = log.Close()
		_ = memory.Close()
	})
	return w
}

func (w *world) observe(o gate.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observed = append(w.observed, o)
}

// records closes the log, and returns what is in it.
func (w *world) records() (all []audit.Record) {
	w.t.Helper()
	if err := w.audit.Close(); err != nil {
		w.t.Fatal(err)
	}
	for r, err := range audit.Records(context.Background(), w.path, audit.ReadOptions{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// show is records as they are in the file, for a message.
func show(records []audit.Record) string {
	var b strings.Builder
	for _, r := range records {
		b.WriteByte('\n')
		b.Write(r.Line)
	}
	return b.String()
}

// value returns what the store has under a key, or nothing.
func (w *world) value(key string) (value string) {
	w.t.Helper()
	if _, err := w.store.View(context.Background(), func(r kv.Reader) error {
		data, err := r.Get(key)
		value = string(data)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return value
}

// request is a call of the JSON protocol, signed by root at the world's time.
func (w *world) request(target, body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "http://coffer.test/", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	w.sign(req, body, "")
	return req
}

// form is a call of the Query protocol, signed likewise.
func (w *world) form(body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "http://coffer.test/", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	w.sign(req, body, "")
	return req
}

func (w *world) sign(req *http.Request, body, token string) {
	w.t.Helper()
	service := "sts"
	if target := req.Header.Get("X-Amz-Target"); target != "" {
		service = map[string]string{"secretsmanager": "secretsmanager", "TrentService": "kms"}[strings.Split(target, ".")[0]]
	}
	if service == "" {
		service = "anything"
	}
	if err := new(sigv4.Signer).Sign(req, []byte(body), sigv4.Signing{
		Credentials: sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret.FromString(keyText), SessionToken: token},
		Region:      region, Service: service, Time: w.now(),
	}); err != nil {
		w.t.Fatal(err)
	}
}

// reply is what came back.
type reply struct {
	Status  int
	Code    string // of an error
	Message string
	Body    string
	Header  http.Header
}

func (w *world) do(req *http.Request) reply {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, req)
	return readReply(w.t, recorder.Result())
}

// call does a call of the JSON protocol.
func (w *world) call(target, body string) reply {
	w.t.Helper()
	return w.do(w.request(target, body))
}

func readReply(t testing.TB, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{Status: resp.StatusCode, Body: string(body), Header: resp.Header}
	if resp.StatusCode/100 == 2 {
		return r
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/xml") {
		r.Code, r.Message = between(r.Body, "Code"), between(r.Body, "Message")
		return r
	}
	var fault map[string]string
	if err := json.Unmarshal(body, &fault); err != nil {
		t.Fatalf("the error is not JSON: %q", body)
	}
	r.Code, r.Message = fault["__type"], fault["message"]+fault["Message"]
	return r
}

func between(text, element string) string {
	_, text, _ = strings.Cut(text, "<"+element+">")
	text, _, _ = strings.Cut(text, "</"+element+">")
	return text
}

// directory is a gate.Directory that a test changes at will.
type directory struct {
	mu    sync.Mutex
	known map[string]*gate.Credential
	// seen, if set, is asked instead for each look, counted from 1.
	seen  func(look int, known *gate.Credential) (*gate.Credential, error)
	looks int
}

func newDirectory() *directory {
	return &directory{known: map[string]*gate.Credential{keyID: {
		AccessKeyID: keyID, Secret: secret.FromString(keyText),
		Principal: principal(policy.Root),
	}}}
}

// Credential implements gate.Directory.
func (d *directory) Credential(_ kv.Reader, id, _ string) (*gate.Credential, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks++
	if d.seen != nil {
		return d.seen(d.looks, d.known[id])
	}
	return d.known[id], nil
}

// as makes the access key that of a user with these policies.
func (d *directory) as(t testing.TB, policies ...string) {
	t.Helper()
	p := principal(policy.User)
	for _, document := range policies {
		compiled, err := policy.Parse([]byte(document), policy.KindIdentity)
		if err != nil {
			t.Fatal(err)
		}
		p.Policies.Identity = append(p.Policies.Identity, policy.Attached{Name: "p", Policy: compiled})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[keyID].Principal = p
}

func principal(kind policy.PrincipalType) *gate.Principal {
	p := &gate.Principal{Policies: &policy.Set{}, Principal: policy.Principal{
		Type: kind, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account,
	}}
	if kind == policy.User {
		p.ARN, p.UserID, p.UserName = "arn:aws:iam::"+account+":user/ada", "AIDAEXAMPLE", "ada"
	}
	return p
}

// lockedBuffer is a buffer for concurrent use.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was written so far.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
