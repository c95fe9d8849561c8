// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "123456789012"
	region  = "eu-west-1"
)

var start = time.Date(2026, time.March, 14, 9, 26, 53, 589e6, time.UTC)

// world is a log over a store in memory, at a time of the test's.
type world struct {
	tb    testing.TB
	store kv.Store
	log   *events.Log
	mu    sync.Mutex
	time  time.Time
}

func newWorld(tb testing.TB, c events.Config) *world {
	w := &world{tb: tb, store: memkv.New(), time: start}
	tb.Cleanup(func() { w.store.Close() })
	w.open(c)
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

// open opens the log, as a server that starts does.
func (w *world) open(c events.Config) {
	w.tb.Helper()
	c.Store, c.Now = w.store, w.now
	log, err := events.Open(context.Background(), c)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.log = log
}

// publish publishes events in a transaction each.
func (w *world) publish(ids ...string) {
	w.tb.Helper()
	for _, id := range ids {
		w.publishAt(region, id, w.now())
	}
}

func (w *world) publishAt(region, id string, at time.Time) {
	w.tb.Helper()
	if _, err := w.store.Update(context.Background(), func(tx kv.Tx) error {
		return w.log.Publish(tx, event(region, id, at))
	}); err != nil {
		w.tb.Fatal(err)
	}
}

func event(region, id string, at time.Time) events.Event {
	return events.Event{
		ID: id, DetailType: "Something", Source: "aws.test", Account: account, Region: region, Time: at,
		Resources: []string{"arn:a"}, Detail: []byte(`{"n":"` + id + `"}`),
	}
}

// read returns the ids after a place, and the place after the last.
func (w *world) read(region string, after events.Cursor) (ids []string, last events.Cursor) {
	w.tb.Helper()
	last = after
	if _, err := w.store.View(context.Background(), func(r kv.Reader) error {
		for entry, err := range events.Read(r, account, region, after) {
			if err != nil {
				return err
			}
			ids, last = append(ids, entry.ID), entry.Cursor
		}
		return nil
	}); err != nil {
		w.tb.Fatal(err)
	}
	return ids, last
}

func (w *world) want(after events.Cursor, want ...string) events.Cursor {
	w.tb.Helper()
	got, last := w.read(region, after)
	if diff := cmp.Diff(want, got); diff != "" {
		w.tb.Errorf("events (-want +got):\n%s", diff)
	}
	return last
}

func TestAnEventIsReadAsItWasPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{})
	w.publish("a")
	var got events.Event
	if _, err := w.store.View(t.Context(), func(r kv.Reader) error {
		for entry, err := range events.Read(r, account, region, "") {
			got = entry.Event
			return err
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := event(region, "a", start.Truncate(time.Second))
	want.Version = "0"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOrderIsThatOfCommitsWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{})
	w.publish("a", "b")
	at := w.want("", "a", "b")
	w.advance(-time.Hour)
	w.publish("c")
	w.open(events.Config{}) // the clock is still back
	w.publish("d")
	w.advance(2 * time.Hour)
	w.publish("e")
	w.want("", "a", "b", "c", "d", "e")
	if w.want(at, "c", "d", "e") == at {
		t.Error("the cursor stands still")
	}
	w.want(events.At(start.Add(time.Minute)), "e")
	w.want(events.At(start), "a", "b", "c", "d", "e")
}

func TestRegionsAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{})
	w.publish("a")
	w.publishAt("eu-west-2", "b", start)
	w.publishAt("eu-west", "c", start)
	w.want("", "a")
	w.open(events.Config{})
	w.advance(-time.Hour)
	w.publishAt("eu-west", "d", w.now())
	if got, _ := w.read("eu-west", ""); !cmp.Equal(got, []string{"c", "d"}) {
		t.Errorf("another region has %v", got)
	}
}

func TestWhatDoesNotHappenHasNoEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{})
	undone := errors.New("undone")
	if _, err := w.store.Update(t.Context(), func(tx kv.Tx) error {
		if err := w.log.Publish(tx, event(region, "a", start)); err != nil {
			return err
		}
		return undone
	}); !errors.Is(err, undone) {
		t.Fatal(err)
	}
	w.want("")
	w.publish("b") // which has to see to its own erasing
	w.want("", "b")
	w.settleAt(start.Add(26 * time.Hour))
	w.want("")
}

func TestANilLogPublishesNothing(t *testing.T) {
	t.Parallel()
	if err := (*events.Log)(nil).Publish(nil, events.Event{}); err != nil {
		t.Error(err)
	}
}

// Readers who keep their place see each event once, in order, while others publish.
func TestAFollowerMissesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const publishers, each = 8, 50
		w := newWorld(t, events.Config{})
		var publishing sync.WaitGroup
		for p := range publishers {
			publishing.Go(func() {
				for n := range each {
					// Clocks of calls that began at other times.
					w.publishAt(region, fmt.Sprint(p, "-", n), start.Add(time.Duration((p*7+n*13)%5)*time.Second))
				}
			})
		}
		seen := map[string]int{}
		at := events.Cursor("")
		for len(seen) < publishers*each {
			rev, err := w.store.View(t.Context(), func(r kv.Reader) error {
				for entry, err := range events.Read(r, account, region, at) {
					if err != nil {
						return err
					}
					seen[entry.ID]++
					at = entry.Cursor
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(seen) < publishers*each {
				for _, err := range w.store.Watch(t.Context(), events.Prefix(account, region), rev) {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
			}
		}
		publishing.Wait()
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was seen %d times", id, n)
			}
		}
	})
}
