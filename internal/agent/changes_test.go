// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
)

const changes = "/coffer/v1/changes"

// told is an answer to a request for changes.
type told struct {
	Cursor  string
	Reset   bool
	Changes []struct{ ID, VersionID, ARN string }
}

// versions are the changes in short.
func (n told) versions() string {
	var all []string
	for _, c := range n.Changes {
		all = append(all, c.ID+" "+c.VersionID)
	}
	return strings.Join(all, ", ")
}

func (w *whole) changes(t testing.TB, query string) told {
	t.Helper()
	r := w.get(t, changes+"?"+query)
	var n told
	if err := json.Unmarshal(r.Body.Bytes(), &n); err != nil || r.Code != 200 || n.Cursor == "" || strings.Contains(r.Body.String(), "password") {
		t.Fatalf("%d %s %v", r.Code, r.Body, err)
	}
	return n
}

// rotate makes a new version known.
func (w *whole) rotate(t testing.TB, id string) {
	t.Helper()
	w.b.set(func(b *backend) { b.version++ })
	if r := w.get(t, sm+"?secretId="+id+"&refreshNow=1"); r.Code != 200 {
		t.Fatalf("%d %s", r.Code, r.Body)
	}
}

func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		w.get(t, sm+"?secretId=db")
		w.get(t, sm+"?secretId=other")
		start := w.changes(t, "wait=30s") // now, whatever there is to wait
		w.rotate(t, "db")
		w.rotate(t, "other")
		w.rotate(t, "db")
		for query, want := range map[string]string{
			"":                               "db v2, other v3, db v4",
			"&secretId=db":                   "db v2, db v4",
			"&secretId=db&wait=60s":          "db v2, db v4",
			"&name=db":                       "",
			"&secretId=third&secretId=other": "other v3",
		} {
			if got := w.changes(t, "since="+start.Cursor+query); got.versions() != want || got.Reset {
				t.Errorf("%q: %+v", query, got)
			}
		}
		if got := w.changes(t, "since=x.9&wait=60s"); !got.Reset || len(got.Changes) != 0 {
			t.Errorf("a cursor of nobody: %+v", got)
		}
		if diff := cmp.Diff("", w.changes(t, "since="+w.changes(t, "").Cursor).versions()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestALongPollWaitsForAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		w.get(t, sm+"?secretId=db")
		w.get(t, sm+"?secretId=other")
		cursor := w.changes(t, "").Cursor
		began := time.Now()
		if got := w.changes(t, "wait=10s&since="+cursor); len(got.Changes) != 0 || time.Since(began) != 10*time.Second {
			t.Errorf("%+v after %v", got, time.Since(began))
		}
		began = time.Now()
		if w.changes(t, "wait=1h&since="+cursor); time.Since(began) != time.Minute {
			t.Errorf("waited %v", time.Since(began))
		}
		got := make(chan told)
		began = time.Now()
		go func() { got <- w.changes(t, "wait=60s&secretId=db&since="+cursor) }()
		time.Sleep(5 * time.Second)
		w.rotate(t, "other") // wakes it for nothing
		time.Sleep(5 * time.Second)
		w.rotate(t, "db")
		if n := <-got; n.versions() != "db v3" || time.Since(began) > 11*time.Second {
			t.Errorf("%+v after %v", n, time.Since(began))
		}
	})
}

// TestToWaitForASecretIsToUseIt has nobody read the secret: it is refreshed all the same.
func TestToWaitForASecretIsToUseIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		cursor := w.changes(t, "secretId=db").Cursor
		w.b.set(func(b *backend) { b.version++ })
		for range 1 + int(cache.DefaultTTL/time.Minute) {
			n := w.changes(t, "wait=60s&secretId=db&since="+cursor)
			if cursor = n.Cursor; n.versions() == "db v2" {
				return
			}
		}
		t.Error("nobody was told, though the TTL is over")
	})
}

func TestLongPollsEndAtOnce(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*whole, context.CancelFunc){
		"at shutdown":              func(w *whole, _ context.CancelFunc) { w.Drain(); w.Drain() },
		"with who asks":            func(_ *whole, cancel context.CancelFunc) { cancel() },
		"with the cache's content": func(w *whole, _ context.CancelFunc) { w.held.Clear() },
		"with the cache":           func(w *whole, _ context.CancelFunc) { w.held.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWhole(t)
				cursor := w.changes(t, "").Cursor
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began := time.Now()
				done := make(chan *httptest.ResponseRecorder)
				go func() {
					req := httptest.NewRequestWithContext(ctx, "GET", "http://localhost"+changes+"?wait=60s&since="+cursor, nil)
					req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
					r := httptest.NewRecorder()
					w.ServeHTTP(r, req)
					done <- r
				}()
				synctest.Wait()
				end(w, cancel)
				if <-done; time.Since(began) != 0 {
					t.Errorf("after %v", time.Since(began))
				}
			})
		})
	}
}

func TestALongPollThatWaitsForTheSourceEndsAtOnceToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		w.b.takes = time.Second
		began := time.Now()
		done := make(chan *httptest.ResponseRecorder)
		go func() { done <- w.get(t, changes+"?wait=60s&secretId=cold") }()
		synctest.Wait()
		w.Drain()
		if r := <-done; r.Code != 200 || time.Since(began) != 0 {
			t.Errorf("%d after %v", r.Code, time.Since(began))
		}
	})
}

func TestLongPollsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		cursor := w.changes(t, "").Cursor
		got := w.storm(t, 100, always(changes+"?wait=5s&since="+cursor))
		if got["200 "] != 64 || got["429 "] != 36 {
			t.Errorf("%v", got)
		}
		if n := w.changes(t, "since="+cursor); len(n.Changes) != 0 {
			t.Errorf("%+v", n)
		}
	})
}

func TestRequestsForChangesThatAreNone(t *testing.T) {
	t.Parallel()
	perform(t, []exchange{
		{name: "a wait without a unit", target: changes + "?wait=30", status: 400, body: "invalid wait value", code: invalid},
		{name: "a wait of the past", target: changes + "?wait=-1s", status: 400, body: "invalid wait value", code: invalid},
		{name: "an empty id", target: changes + "?secretId=", status: 400, body: "missing parameter secretId or name", code: invalid},
		{name: "too many ids", target: changes + "?" + strings.Repeat("name=x&", 101), status: 400, body: "too many parameters", code: invalid},
		{name: "another method", target: "POST " + changes, status: 405, body: "Not allowed"},
		{name: "no token", target: changes, header: tokenless, status: 401, body: badToken},
		{name: "a cache that is closed", target: changes, status: 400, body: failed, code: "Canceled"},
	}, func(c *agent.Config) {
		c.Changes = func(string) (cache.News, error) { return cache.News{}, cache.ErrClosed }
	})
}
