// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// running is a server that serves, with an access key of its root.
type running struct {
	*server.Server
	t    *testing.T
	addr string
	key  sigv4.Credentials
	stop func() error // tells it to stop, and returns what Serve returned
}

func start(t *testing.T, c server.Config) *running {
	t.Helper()
	if c.Data == "" {
		c.Data = t.TempDir()
	}
	c.Listen = "127.0.0.1:0"
	s, err := server.Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	key, err := s.DevKey(t.Context(), "", secret.Value{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	r := &running{s, t, l.Addr().String(), sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-served
	}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

const create = `{"Name":"a","SecretString":"hidden","ClientRequestToken":"0123456789abcdef0123456789abcdef"}`

// request is a signed call of Secrets Manager.
func (r *running) request(scheme, operation, body string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, scheme+"://"+r.addr+"/", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "secretsmanager."+operation)
	if err := new(sigv4.Signer).Sign(req, []byte(body), sigv4.Signing{
		Credentials: r.key, Region: "us-east-1", Service: "secretsmanager", Time: time.Now(),
	}); err != nil {
		r.t.Fatal(err)
	}
	return req
}

func do(t *testing.T, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestStopFinishesCalls sends half of a call, tells the server to stop, and sends the
// rest: it must be answered, and new connections refused.
func TestStopFinishesCalls(t *testing.T) {
	t.Parallel()
	r := start(t, server.Config{})
	var raw bytes.Buffer
	if err := r.request("http", "CreateSecret", create).Write(&raw); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	half := raw.Len() - len(create)/2
	if _, err := conn.Write(raw.Bytes()[:half]); err != nil {
		t.Fatal(err)
	}
	// The server has the first half once it answers somebody who came later.
	if resp, _ := do(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, r.request("http", "ListSecrets", `{}`)); resp.StatusCode != 200 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	for {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			break // it stopped listening
		}
		_ = c.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a call under way: %v", err)
	default:
	}
	if _, err := conn.Write(raw.Bytes()[half:]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("the call was answered %v, %v", resp, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// TestStopTimeout holds that a call which never ends does not keep the server.
func TestStopTimeout(t *testing.T) {
	t.Parallel()
	r := start(t, server.Config{StopTimeout: 10 * time.Millisecond})
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
	do(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, r.request("http", "ListSecrets", `{}`))
	if err := r.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// TestHealth holds that a server which can't record calls says so, and that it serves
// again once it can, without a restart.
func TestHealth(t *testing.T) {
	t.Parallel()
	r := start(t, server.Config{})
	get := func() (int, string) {
		t.Helper()
		resp, err := http.Get("http://" + r.addr + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if status, body := get(); status != 200 || !strings.Contains(body, `"status":"ok"`) || !strings.Contains(body, server.Version) {
		t.Errorf("at first %d %s", status, body)
	}
	if err := r.Audit.Close(); err != nil {
		t.Fatal(err)
	}
	if status, body := get(); status != 503 || strings.Contains(body, r.Config.Data) || !strings.Contains(body, "audit") {
		t.Errorf("without a log %d %s", status, body)
	}
	if resp, body := do(t, http.DefaultClient, r.request("http", "CreateSecret", create)); resp.StatusCode != 503 {
		t.Errorf("a call without a log: %d %s", resp.StatusCode, body)
	}
	if err := r.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if status, body := get(); status != 503 || !strings.Contains(body, "store") {
		t.Errorf("without a store %d %s", status, body)
	}
}

// TestMetrics holds that what callers choose is in no label.
func TestMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, server.Config{})
	do(t, http.DefaultClient, r.request("http", "CreateSecret", strings.Replace(create, `"a"`, `"chosen-name"`, 1)))
	do(t, http.DefaultClient, r.request("http", "ChosenOperation", `{}`))
	unserved := r.request("http", "DescribeCustomKeyStores", `{"CustomKeyStoreName":"chosen-name"}`)
	unserved.Header.Set("X-Amz-Target", "TrentService.DescribeCustomKeyStores")
	if err := new(sigv4.Signer).Sign(unserved, []byte(`{"CustomKeyStoreName":"chosen-name"}`), sigv4.Signing{
		Credentials: r.key, Region: "us-east-1", Service: "kms", Time: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	do(t, http.DefaultClient, unserved)
	forged := r.request("http", "GetSecretValue", `{}`)
	forged.Header.Set("Authorization", strings.ReplaceAll(forged.Header.Get("Authorization"), r.key.AccessKeyID, "CHOSENKEY00000000000"))
	do(t, http.DefaultClient, forged)
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`coffer_requests_total{code="",operation="CreateSecret",service="secretsmanager"} 1`,
		`coffer_requests_total{code="UnknownOperationException",operation="unknown",service="unknown"} 1`,
		`coffer_requests_total{code="NotImplemented",operation="unknown",service="unknown"} 1`,
		`coffer_requests_total{code="UnrecognizedClientException",operation="GetSecretValue",service="secretsmanager"} 1`,
		`coffer_request_duration_seconds_count{operation="CreateSecret",service="secretsmanager"} 1`,
		`coffer_audit_unrecorded_total 0`,
		`coffer_audit_deferred_total 0`,
		`coffer_audit_writable 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, chosen := range []string{"chosen", "Chosen", "CHOSEN", "hidden", r.key.AccessKeyID, "us-east-1"} {
		if strings.Contains(text, chosen) {
			t.Errorf("the metrics have %q", chosen)
		}
	}
}

// TestSelfSigned connects as a client that trusts the certificate's file and nothing
// else, over both versions of HTTP.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	r := start(t, server.Config{TLSSelf: true})
	pem, err := os.ReadFile(r.Config.SelfSignedFile())
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		t.Fatal("the file has no certificate")
	}
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: http2}
		defer transport.CloseIdleConnections()
		resp, body := do(t, &http.Client{Transport: transport}, r.request("https", "ListSecrets", `{}`))
		if resp.StatusCode != 200 || (resp.ProtoMajor == 2) != http2 {
			t.Errorf("HTTP/2 %v: %s %s", http2, resp.Proto, body)
		}
		for name, config := range map[string]*tls.Config{
			"trusts nobody":       {RootCAs: x509.NewCertPool()},
			"expects another":     {RootCAs: trusted, ServerName: "elsewhere.example"},
			"speaks TLS 1.1 only": {RootCAs: trusted, MaxVersion: tls.VersionTLS11},
		} {
			transport := &http.Transport{TLSClientConfig: config}
			if resp, err := (&http.Client{Transport: transport}).Do(r.request("https", "ListSecrets", `{}`)); err == nil {
				_ = resp.Body.Close()
				t.Errorf("a client that %s was served", name)
			}
			transport.CloseIdleConnections()
		}
	}
}

// TestActsAreRecorded holds that what the command line does is in the log, without
// what it made.
func TestActsAreRecorded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v, err := server.OpenVault(t.Context(), server.Config{Data: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.DevKey(t.Context(), "", secret.Value{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := v.KeyCount(t.Context()); n != 1 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	again, err := v.DevKey(t.Context(), "", secret.Value{})
	if err != nil || again.ID != key.ID || !again.Secret.Equal(key.Secret) {
		t.Errorf("the development key is not the same again: %v", err)
	}
	if err := v.Audit.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := v.DevKey(t.Context(), "AKIAIOSFODNN7EXAMPLE", secret.FromString("another-secret-of-some-length")); err == nil {
		t.Error("a key was made that could not be recorded")
	}
	if n, err := v.KeyCount(t.Context()); n != 1 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for r, err := range audit.Records(t.Context(), filepath.Join(dir, "audit.log"), audit.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(r.Line))
	}
	text := strings.Join(all, "\n")
	if len(all) != 2 || !strings.Contains(all[0], `"eventName":"CreateAccessKey"`) || !strings.Contains(all[0], key.ID) || strings.Contains(text, key.Secret.RevealString()) {
		t.Errorf("the log has\n%s", text)
	}
}
