// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"context"
	"testing"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// place returns the place of the last event, and whether the event at another is kept.
func (w *world) place(of events.Cursor) (last events.Cursor, kept bool) {
	w.tb.Helper()
	if _, err := w.store.View(context.Background(), func(r kv.Reader) (err error) {
		if last, err = events.Last(r, account, region); err != nil {
			return err
		}
		kept, err = events.Kept(r, account, region, of)
		return err
	}); err != nil {
		w.tb.Fatal(err)
	}
	return last, kept
}

func TestThePlaceOfTheLastEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, events.Config{})
	if last, kept := w.place("x"); last != "" || kept {
		t.Errorf("of no events the last is at %q", last)
	}
	w.publishAt("eu-west-2", "elsewhere", w.now())
	w.publish("a", "b")
	after := w.want("", "a", "b")
	if last, kept := w.place(after); last != after || !kept {
		t.Errorf("the last is at %q, want %q; kept %t", last, after, kept)
	}
	w.publish("c")
	if last, kept := w.place(after); last == after || !kept {
		t.Errorf("the last is at %q; kept %t", last, kept)
	}
	w.want(after, "c")
	if at, ok := events.At(start).Time(); !ok || !at.Equal(start) {
		t.Errorf("%v, %t", at, ok)
	}
	if _, ok := after.Time(); ok {
		t.Error("the place of an event is taken for a time")
	}
}
