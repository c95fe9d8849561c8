// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// settleAt moves the clock there, and does what is due, one job after the other.
func (w *world) settleAt(at time.Time) {
	w.tb.Helper()
	w.advance(at.Sub(w.now()))
	w.settle()
}

func (w *world) settle() {
	w.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		n := 0
		rev, err := w.store.View(ctx, func(r kv.Reader) (err error) {
			n, err = jobs.Due(r, w.now())
			return err
		})
		if err != nil {
			w.tb.Fatal(err)
		}
		if n == 0 {
			return
		}
		worker := jobs.Start(jobs.Config{Store: w.store, Now: w.now, Handlers: map[string]jobs.Handler{events.KindTrim: w.log.Trimmer()}})
		for event, err := range w.store.Watch(ctx, kv.Prefix("jobs"), rev) {
			if err != nil {
				w.tb.Fatalf("a job was not done: %v", err)
			}
			if event.Value == nil {
				break
			}
		}
		if err := worker.Close(); err != nil {
			w.tb.Fatal(err)
		}
	}
}

// jobs is how many jobs there are, due or not.
func (w *world) jobs() (n int) {
	w.tb.Helper()
	if _, err := w.store.View(context.Background(), func(r kv.Reader) (err error) {
		n, err = jobs.Due(r, w.now().Add(1000*time.Hour))
		return err
	}); err != nil {
		w.tb.Fatal(err)
	}
	return n
}

func TestEventsAreErasedWhenTheyAreOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{Retention: 24 * time.Hour})
	w.publish("a", "b", "c")
	w.publishAt("eu-west-2", "x", start)
	if got := w.jobs(); got != 2 {
		t.Errorf("%d jobs are to erase the events of one span in two regions", got)
	}
	w.advance(2 * time.Hour)
	w.publish("d")
	w.settleAt(start.Add(24 * time.Hour))
	w.want("", "a", "b", "c", "d")
	w.settleAt(start.Add(25 * time.Hour))
	w.want("", "d")
	w.settleAt(start.Add(27 * time.Hour))
	w.want("")
	if got := w.jobs(); got != 0 {
		t.Errorf("%d jobs are left", got)
	}
}

func TestALongerRetentionHoldsForWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{Retention: time.Hour})
	w.publish("a")
	w.open(events.Config{Retention: 24 * time.Hour})
	w.settleAt(start.Add(2 * time.Hour))
	w.want("", "a")
	w.settleAt(start.Add(26 * time.Hour))
	w.want("")
	if got := w.jobs(); got != 0 {
		t.Errorf("%d jobs are left", got)
	}
}

func TestAShorterRetentionHoldsFromTheNextJobOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{})
	w.publish("a")
	w.open(events.Config{Retention: time.Hour})
	w.advance(2 * time.Hour)
	w.publish("b")
	w.settleAt(start.Add(3*time.Hour + 5*time.Minute))
	w.want("")
}

func TestTheOldestOfTooManyAreErased(t *testing.T) {
	t.Parallel()
	const kept = 250
	w := newWorld(t, events.Config{Kept: kept})
	w.publishAt("eu-west-2", "x", start)
	for n := range 3*kept + 1 {
		w.publish(fmt.Sprint(n))
	}
	w.settle()
	got, _ := w.read(region, "")
	if len(got) < kept || len(got) > kept+kept/100 || got[len(got)-1] != fmt.Sprint(3*kept) {
		t.Errorf("%d events are kept, up to %v", len(got), got[len(got)-1])
	}
	if others, _ := w.read("eu-west-2", ""); len(others) != 1 {
		t.Errorf("another region has %v", others)
	}
}

func TestAPayloadThatIsNoneFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{})
	for _, payload := range []string{"", "a", "a/b/zz", "a/b/1/2"} {
		if err := w.log.Trimmer().Do(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%q was taken", payload)
		}
	}
}
