// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

const longest = 20 * time.Second

// waiting is a world in which ListSecrets answers what is at news/a, and waits for it.
type waiting struct {
	*world
	runs atomic.Int64
}

func newWaiting(t *testing.T) *waiting {
	w := &waiting{world: newWorld(t, nil)}
	gate.Read(w.Gate, secretsmanager.ListSecrets, gate.Row[secretsmanager.ListSecretsInput]{
		Access: gate.AccessList, Targets: gate.Everything[secretsmanager.ListSecretsInput],
	}, func(_ context.Context, r kv.Reader, call *gate.Call, _ *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
		w.runs.Add(1)
		news, err := r.Get("news/a")
		if news == nil {
			call.Await("news/", longest)
		}
		return &secretsmanager.ListSecretsOutput{NextToken: new("[" + string(news) + "]")}, err
	})
	return w
}

// begin begins a call, and returns where its answer will be, once the call waits.
func (w *waiting) begin(ctx context.Context) <-chan reply {
	answered := make(chan reply, 1)
	req := w.request("secretsmanager.ListSecrets", `{}`).WithContext(ctx)
	go func() { answered <- w.do(req) }()
	synctest.Wait()
	return answered
}

func (w *waiting) put(key string) {
	if _, err := w.store.Update(context.Background(), func(tx kv.Tx) error { return tx.Put(key, []byte("x")) }); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

func TestACallWaitsForAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting(t)
		answered, begun := w.begin(t.Context()), time.Now()
		w.put("other/a")
		if w.runs.Load() != 1 || len(answered) != 0 {
			t.Error("it was woken by what it does not wait for")
		}
		w.put("news/b") // which is no answer yet
		if w.runs.Load() != 2 || len(answered) != 0 {
			t.Error("it did not look again, or gave up waiting")
		}
		w.put("news/a")
		if got := <-answered; !strings.Contains(got.Body, "[x]") || time.Since(begun) != 0 {
			t.Errorf("after %v it was answered %+v", time.Since(begun), got)
		}
		if got := w.records(); len(got) != 1 || got[0].ErrorCode != "" {
			t.Errorf("recorded %s", show(got))
		}
	})
}

func TestAWaitEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*waiting, context.CancelFunc)
		body string
		want time.Duration
	}{
		"by its time":     {func(*waiting, context.CancelFunc) {}, "[]", longest},
		"with the server": {func(w *waiting, _ context.CancelFunc) { w.EndWaits() }, "[]", 0},
		"with the client": {func(_ *waiting, leave context.CancelFunc) { leave() }, "", 0},
		"with its key": {func(w *waiting, _ context.CancelFunc) {
			w.directory.mu.Lock()
			delete(w.directory.known, keyID)
			w.directory.mu.Unlock()
			w.put("news/a")
		}, "UnrecognizedClientException", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWaiting(t)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				answered, begun := w.begin(ctx), time.Now()
				if len(answered) != 0 {
					t.Fatal("it does not wait")
				}
				c.end(w, leave)
				got := <-answered
				if !strings.Contains(got.Body, c.body) || time.Since(begun) != c.want {
					t.Errorf("after %v it was answered %+v", time.Since(begun), got)
				}
				if strings.Contains(w.log.String(), "level=ERROR") {
					t.Errorf("the log has an error:\n%s", w.log.String())
				}
				if got := w.records(); len(got) != 1 {
					t.Errorf("recorded %s", show(got))
				}
			})
		})
	}
}

func TestWaitsAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting(t)
		var all []<-chan reply
		for range 1000 {
			all = append(all, w.begin(t.Context()))
		}
		if got := <-w.begin(t.Context()); got.Status != 200 {
			t.Errorf("one more was answered %+v", got)
		}
		w.put("news/a")
		for _, answered := range all {
			if got := <-answered; got.Status != 200 {
				t.Errorf("one that waits was answered %+v", got)
			}
		}
	})
}
