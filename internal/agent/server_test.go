// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
)

func TestServeAndStop(t *testing.T) {
	t.Parallel()
	l, err := agent.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	began, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	s := agent.Serve(l, handler, slog.New(slog.DiscardHandler))
	got := make(chan string, 1)
	go func() {
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + l.Addr().String())
		if err != nil {
			got <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		got <- string(b)
	}()
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	<-s.Done() // serving has stopped: what is under way has not
	close(release)
	if answer := <-got; answer != "done" {
		t.Errorf("the request under way got %q", answer)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	l, err := agent.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	s := agent.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}), slog.New(slog.DiscardHandler))
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	l, err := agent.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = agent.Listen(l.Addr().(*net.TCPAddr).Port)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") {
		t.Errorf("%v", err)
	}
}

// filler tells one error after the other.
type filler []error

func (f filler) Fill(_ context.Context, refs []cache.Ref, told func(cache.Ref, error)) {
	for i, ref := range refs {
		told(ref, f[i])
	}
}

func TestPrefetchTellsOfFailures(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	refs := []cache.Ref{{ID: "x"}, {ID: "y"}}
	agent.Prefetch(t.Context(), filler{nil, errors.New("down")}, refs, slog.New(slog.NewTextHandler(&log, nil)))
	if got := log.String(); !strings.Contains(got, `msg="prefetching failed" id=y code=InternalFailure`) || strings.Contains(got, "id=x") {
		t.Errorf("logged %q", got)
	}
}

func FuzzRequestLine(f *testing.F) {
	for _, seed := range []string{
		sm + "?secretId=prod/db", ssm + "?name=%2Fa&label=x&version=1&withDecryption=true", sm + "?secretId=" + arn + "&refreshNow=1",
		"/coffer/v1/failed?secretId=a&versionId=b", "/ping", "/?&&=%zz;", sm + "?secretId=%00%ff",
		"/v1/prod/db?versionId=x&refreshNow=0&roleArn=" + role, "/v1/../x", "/v1/?a", sm + "?secretId=a&field=password&failedVersion=1",
		"/coffer/v1/batch?secretId=a&name=b&withDecryption=true", "/coffer/v1/changes?since=x.1&wait=0s&secretId=a", "/metrics",
	} {
		f.Add("GET", seed)
	}
	a := newAgent(f, &store{answer: secretAnswer()}, io.Discard, func(c *agent.Config) {
		c.Changes = func(string) (cache.News, error) { return cache.News{Cursor: "c", Reset: true}, nil }
	})
	f.Fuzz(func(t *testing.T, method, target string) {
		path, query, _ := strings.Cut(target, "?")
		req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:2773/", nil)
		req.Method, req.URL.Path, req.URL.RawQuery = method, path, query
		req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, req)
		switch w.Code {
		case 200:
			if w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
				t.Errorf("not JSON: %s", w.Body)
			}
		case 400, 404, 405, 503:
		default:
			t.Errorf("%d", w.Code)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add([]byte("\x00\"\\\xff\u2028é"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a := secretAnswer()
		a.Text = a.Text.Clone()
		a.Stages, a.Name = []string{string(text)}, string(text)
		w := do(t, newAgent(t, &store{answer: a}, io.Discard), "GET", sm+"?secretId=x", nil)
		var got struct{ Name string }
		want := string([]rune(string(text))) // each byte that is not UTF-8 is one U+FFFD
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Name != want {
			t.Errorf("%q came back as %q, %v", text, got.Name, err)
		}
	})
}

// BenchmarkCachedRead is a read over loopback, beside a handler that does nothing.
func BenchmarkCachedRead(b *testing.B) {
	held, err := cache.New(cache.Config{Source: fixed{}})
	if err != nil {
		b.Fatal(err)
	}
	defer held.Close()
	body := bytes.Repeat([]byte("x"), 400)
	handlers := []struct {
		name string
		http.Handler
	}{
		{"constant", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })},
		{"agent", newAgent(b, held, io.Discard, func(c *agent.Config) {
			c.Limited, c.Budget = func(b cache.Budget) agent.Store { return held.For(b) }, agent.DefaultBudget
		})},
	}
	for _, conns := range []int{1, 16, 64} {
		for _, h := range handlers {
			b.Run(fmt.Sprintf("connections=%d/%s", conns, h.name), func(b *testing.B) {
				l, err := agent.Listen(0)
				if err != nil {
					b.Fatal(err)
				}
				s := agent.Serve(l, h, slog.New(slog.DiscardHandler))
				defer func() { _ = s.Stop(context.Background()) }()
				b.ReportAllocs()
				read(b, "http://"+l.Addr().String()+sm+"?secretId=prod/db", conns)
			})
		}
	}
}

// read asks b.N times for a URL over so many connections.
func read(b *testing.B, url string, conns int) {
	tr := &http.Transport{MaxIdleConnsPerHost: conns}
	defer tr.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range conns {
		wg.Go(func() {
			req, _ := http.NewRequest(http.MethodGet, url, nil)
			req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
			for left.Add(-1) >= 0 {
				res, err := tr.RoundTrip(req)
				if err != nil || res.StatusCode != 200 {
					b.Errorf("%v, %v", res, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
}

// BenchmarkHandler is what of a cached read is the agent's own.
func BenchmarkHandler(b *testing.B) {
	held, err := cache.New(cache.Config{Source: fixed{}})
	if err != nil {
		b.Fatal(err)
	}
	defer held.Close()
	a := newAgent(b, held, io.Discard)
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:2773"+sm+"?secretId=prod/db", nil)
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	b.ReportAllocs()
	for b.Loop() {
		a.ServeHTTP(sink{}, req)
	}
}

// sink is a ResponseWriter that keeps nothing.
type sink struct{}

func (sink) Header() http.Header         { return http.Header{} }
func (sink) Write(b []byte) (int, error) { return len(b), nil }
func (sink) WriteHeader(int)             {}

type fixed struct{}

func (fixed) Fetch(context.Context, cache.Ref) (cache.Value, error) {
	v := secretAnswer().Value
	v.Created = time.Now()
	return v, nil
}
