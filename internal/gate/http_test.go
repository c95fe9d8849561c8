// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// serve puts the world behind a real listener, and returns its address.
func (w *world) serve() string {
	w.t.Helper()
	server := httptest.NewServer(w)
	w.t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// over sends what a client signed for the world to a listener.
func over(t *testing.T, address string, req *http.Request) reply {
	t.Helper()
	req.RequestURI, req.Host = "", req.URL.Host
	req.URL.Host = address
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return readReply(t, resp)
}

// TestBodies are bodies at and over the limit, told in all ways that HTTP has. The
// connection's next request must be understood, or the connection closed.
func TestBodies(t *testing.T) {
	t.Parallel()
	exact := `{"SecretId":"a","X":"` + strings.Repeat("x", gate.MaxBody-len(`{"SecretId":"a","X":""}`)) + `"}`
	for name, c := range map[string]struct {
		body    string
		chunked bool
		code    string
		status  int
	}{
		"at the limit":            {exact, false, "ResourceNotFoundException", 400},
		"at the limit, chunked":   {exact, true, "ResourceNotFoundException", 400},
		"over the limit":          {exact + " ", false, "RequestEntityTooLargeException", 413},
		"over the limit, chunked": {exact + " ", true, "RequestEntityTooLargeException", 413},
		"far over, chunked":       {exact + exact + exact, true, "RequestEntityTooLargeException", 413},
		"empty":                   {"", false, "SerializationException", 400},
		"empty, chunked":          {"", true, "SerializationException", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			bindSecrets(w)
			address := w.serve()
			req := w.request(get, c.body)
			if c.chunked {
				req.ContentLength, req.Body = -1, io.NopCloser(strings.NewReader(c.body))
				w.sign(req, c.body, "")
			}
			if got := over(t, address, req); got.Code != c.code || got.Status != c.status {
				t.Errorf("answered %d %s %s", got.Status, got.Code, got.Message)
			}
			if got := over(t, address, w.request(get, `{"SecretId":"a"}`)); got.Code != "ResourceNotFoundException" {
				t.Errorf("the next call was answered %+v", got)
			}
			if records := w.records(); len(records) != 2 || records[0].ErrorCode != c.code || records[0].EventName != "GetSecretValue" {
				t.Errorf("recorded %s", show(records))
			}
		})
	}
}

// TestTooLargeForAQuery is answered in XML.
func TestTooLargeForAQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if got := w.do(w.form("Action=GetCallerIdentity&Version=2011-06-15&X=" + strings.Repeat("x", gate.MaxBody))); got.Status != 413 ||
		got.Code != "RequestEntityTooLargeException" || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/xml") {
		t.Errorf("answered %+v", got)
	}
}

// TestDeclaredLength declares what no server should set memory aside for.
func TestDeclaredLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	conn, err := net.Dial("tcp", w.serve())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: coffer.test\r\nX-Amz-Target: %s\r\nContent-Length: %d\r\n\r\n{", put, int64(math.MaxInt64))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := readReply(t, resp); got.Status != 413 {
		t.Errorf("answered %+v", got)
	}
}

// TestShortBody ends a body before the length that was declared.
func TestShortBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	conn, err := net.Dial("tcp", w.serve())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: coffer.test\r\nX-Amz-Target: %s\r\nContent-Length: 100\r\n\r\n{", put)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := readReply(t, resp); got.Code != "RequestAbortedException" {
		t.Errorf("answered %+v", got)
	}
	if records := w.records(); len(records) != 1 || records[0].ErrorCode != "RequestAbortedException" || records[0].EventName != "PutSecretValue" {
		t.Errorf("recorded %s", show(records))
	}
}

// TestKeepAlive makes calls of all kinds over one connection: none leaves bytes of its
// body to be read as the next request.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	conn, err := net.Dial("tcp", w.serve())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	smuggled := "POST / HTTP/1.1\r\nHost: evil.test\r\n\r\n"
	for i, c := range []struct {
		body string
		code string
	}{
		{`{"SecretId":"a","SecretString":"s"}`, ""},
		{smuggled, "SerializationException"},
		{`{"SecretId":"a"}` + smuggled, "SerializationException"},
		{`{"SecretId":"a","SecretString":"t"}`, ""},
	} {
		if err := w.request(put, c.body).Write(conn); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if got := readReply(t, resp); got.Code != c.code || resp.Close {
			t.Errorf("request %d was answered %+v", i, got)
		}
	}
	if records := w.records(); len(records) != 4 {
		t.Errorf("%d records", len(records))
	}
}

// TestHeaders are those of answers and errors.
func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindSecrets(w)
	for what, got := range map[string]reply{
		"an answer": w.call(put, `{"SecretId":"a","SecretString":"s"}`),
		"an error":  w.call(get, `{"SecretId":"b"}`),
	} {
		if ct := got.Header.Get("Content-Type"); ct != "application/x-amz-json-1.1" {
			t.Errorf("%s has the type %q", what, ct)
		}
		if n := got.Header.Get("Content-Length"); n != fmt.Sprint(len(got.Body)) {
			t.Errorf("%s of %d bytes says it has %s", what, len(got.Body), n)
		}
		if id := got.Header.Get("X-Amzn-Requestid"); len(id) != 36 || id[14] != '4' {
			t.Errorf("%s has the request id %q", what, id)
		}
	}
	if got := w.do(w.form("a=b")); !strings.HasPrefix(got.Header.Get("Content-Type"), "text/xml") {
		t.Errorf("an error of the Query protocol has the headers %v", got.Header)
	}
}

// TestTheClientGoesAway holds that a call whose client is gone before its transaction
// has no effect, and is recorded all the same.
func TestTheClientGoesAway(t *testing.T) {
	t.Parallel()
	for _, target := range []string{get, put} {
		w := newWorld(t, nil)
		bindSecrets(w)
		ctx, cancel := context.WithCancel(t.Context())
		if target == get { // its one snapshot is its transaction
			cancel()
		}
		w.directory.seen = func(look int, known *gate.Credential) (*gate.Credential, error) {
			cancel()
			return known, nil
		}
		got := w.do(w.request(target, `{"SecretId":"a","SecretString":"s"}`).WithContext(ctx))
		if got.Status != 503 || w.value("text/a") != "" {
			t.Errorf("%s: %+v", target, got)
		}
		if records := w.records(); len(records) != 1 || records[0].ErrorCode != "ServiceUnavailable" {
			t.Errorf("%s: recorded %s", target, show(records))
		}
	}
}

// TestBodiesAreWiped holds that the bytes of a request are cleared, and that what was
// decoded from them stays what it was.
func TestBodiesAreWiped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var kept *putIn
	gate.Write(w.Gate, secretsmanager.PutSecretValue, namedPut(), func(_ context.Context, _ kv.Tx, _ *gate.Call, in *putIn) (*putOut, error) {
		kept = in
		return &putOut{}, nil
	})
	body := `{"SecretId":"a","SecretString":"hidden","VersionStages":["AWSCURRENT"]}`
	spy := &spyBody{Reader: bytes.NewReader([]byte(body))}
	req := w.request(put, body)
	req.Body = spy
	if got := w.do(req); got.Status != 200 {
		t.Fatalf("answered %+v", got)
	}
	for _, buffer := range spy.buffers {
		if len(bytes.Trim(buffer, "\x00")) > 0 {
			t.Errorf("left in memory: %q", buffer)
		}
	}
	if len(spy.buffers) == 0 || *kept.SecretId != "a" || kept.SecretString.RevealString() != "hidden" || kept.VersionStages[0] != "AWSCURRENT" {
		t.Errorf("decoded %v", kept)
	}
}

// spyBody remembers where it was read to.
type spyBody struct {
	*bytes.Reader
	buffers [][]byte
}

// Read implements io.Reader.
func (s *spyBody) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.buffers = append(s.buffers, p[:n])
	return n, err
}

// Close implements io.Closer.
func (s *spyBody) Close() error { return nil }

// TestConcurrentCalls is for the race detector: many of all kinds at once.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	const callers, rounds = 8, 20
	w := newWorld(t, nil)
	bindSecrets(w)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for round := range rounds {
				id := fmt.Sprintf("%d-%d", caller, round)
				if got := w.call(put, `{"SecretId":"`+id+`","SecretString":"`+id+`"}`); got.Status != 200 {
					t.Errorf("putting %s: %+v", id, got)
				}
				if got := w.call(get, `{"SecretId":"`+id+`"}`); !strings.Contains(got.Body, `"SecretString":"`+id+`"`) {
					t.Errorf("getting %s: %+v", id, got)
				}
				if got := w.call(get, `{`); got.Code != "SerializationException" {
					t.Errorf("%+v", got)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, r := range w.records() {
		if seen[r.EventID] {
			t.Errorf("event %s is there twice", r.EventID)
		}
		seen[r.EventID] = true
	}
	if len(seen) != callers*rounds*3 {
		t.Errorf("%d records of %d calls", len(seen), callers*rounds*3)
	}
}
