// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// events makes n changes of one revision.
func events(rev kv.Rev, n int) []kv.Event {
	var list []kv.Event
	for i := range n {
		list = append(list, kv.Event{Rev: rev, Key: fmt.Sprintf("%d-%04d", rev, i), Value: []byte{}})
	}
	return list
}

// first returns the revision of the first change after a revision, or the error.
func first(ctx context.Context, f *feed.Feed, after kv.Rev) (kv.Rev, error) {
	for e, err := range f.Watch(ctx, "", after) {
		return e.Rev, err
	}
	return 0, errors.New("the watch ended without an error")
}

// TestLargeRevision watches a revision of more changes than a watcher takes at once, and
// more than the feed keeps of several.
func TestLargeRevision(t *testing.T) {
	t.Parallel()
	f := feed.New(0, 100)
	want := append(events(1, 1), events(2, 1000)...)
	f.Publish(events(1, 1))
	watch := f.Watch(t.Context(), "", 0)
	got := 0
	for e, err := range watch {
		if err != nil {
			t.Fatal(err)
		}
		if e.Key != want[got].Key {
			t.Fatalf("change %d is %q, want %q", got, e.Key, want[got].Key)
		}
		got++
		if got == 1 {
			f.Publish(want[1:]) // drops revision 1, which has been told
		}
		if got == len(want) {
			break
		}
	}
	if _, err := first(t.Context(), f, 0); !errors.Is(err, kv.ErrCompacted) {
		t.Errorf("after revision 0: %v, want %v", err, kv.ErrCompacted)
	}
	if rev, err := first(t.Context(), f, 1); err != nil || rev != 2 {
		t.Errorf("after revision 1: %d, %v; want 2", rev, err)
	}
}

// TestSlowWatcher falls behind in the middle of a large revision.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	f := feed.New(0, 10)
	f.Publish(events(1, 1000))
	var last error
	seen := 0
	for _, err := range f.Watch(t.Context(), "", 0) {
		last = err
		if err != nil {
			break
		}
		if seen++; seen == 1 {
			f.Publish(events(2, 10))
		}
	}
	if !errors.Is(last, kv.ErrCompacted) || seen >= 1000 {
		t.Errorf("after %d changes it ends with %v, want %v", seen, last, kv.ErrCompacted)
	}
}

// TestBytes publishes values that together are more than the feed keeps.
func TestBytes(t *testing.T) {
	t.Parallel()
	f := feed.New(0, 0)
	const revisions = 20
	for rev := range kv.Rev(revisions) {
		f.Publish([]kv.Event{{Rev: rev + 1, Key: "k", Value: make([]byte, 1<<20)}})
	}
	kept := feed.MaxBytes>>20 - 1 // the keys count too
	if _, err := first(t.Context(), f, kv.Rev(revisions-kept-1)); !errors.Is(err, kv.ErrCompacted) {
		t.Errorf("more than %d bytes are kept: %v", feed.MaxBytes, err)
	}
	if rev, err := first(t.Context(), f, kv.Rev(revisions-kept)); err != nil || rev != kv.Rev(revisions-kept+1) {
		t.Errorf("less than %d revisions are kept: %d, %v", kept, rev, err)
	}
}

// TestWakes holds that watchers wait without work, and that all are woken.
func TestWakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(7, 0)
		var told [3][]kv.Rev
		for i := range told {
			go func() {
				for e, err := range f.Watch(t.Context(), "", 7) {
					if err != nil {
						if !errors.Is(err, kv.ErrClosed) {
							t.Errorf("it ends with %v, want %v", err, kv.ErrClosed)
						}
						return
					}
					told[i] = append(told[i], e.Rev)
				}
			}()
		}
		for rev := kv.Rev(8); rev < 11; rev++ {
			synctest.Wait()
			f.Publish(events(rev, 1))
		}
		synctest.Wait()
		f.Close()
		f.Publish(events(11, 1))
		synctest.Wait()
		for i, revs := range told {
			if want := []kv.Rev{8, 9, 10}; !slices.Equal(revs, want) {
				t.Errorf("watcher %d was told %v, want %v", i, revs, want)
			}
		}
	})
}
