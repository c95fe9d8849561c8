// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// lastKey is the key of the change that ends a check's watch; it sorts behind all.
const lastKey = "\xff"

// watched returns the changes after a revision, up to that of lastKey.
func watched(ctx context.Context, s kv.Store, prefix string, after kv.Rev) ([]kv.Event, error) {
	var events []kv.Event
	for e, err := range s.Watch(ctx, prefix, after) {
		if err != nil {
			return nil, fmt.Errorf("Watch(%q, %d) after %d events: %w", prefix, after, len(events), err)
		}
		if strings.HasSuffix(e.Key, lastKey) {
			break
		}
		events = append(events, e)
	}
	return events, nil
}

func describe(events []kv.Event) []string {
	var lines []string
	for _, e := range events {
		if e.Value == nil {
			lines = append(lines, fmt.Sprintf("%d -%s", e.Rev, e.Key))
		} else {
			lines = append(lines, fmt.Sprintf("%d %s=%s", e.Rev, e.Key, e.Value))
		}
	}
	return lines
}

// watchAfter makes changes and watches them from each revision on.
func watchAfter(ctx context.Context, s kv.Store) error {
	revs, want := []kv.Rev{0}, []string(nil)
	perRev := []int{0} // how many changes there are up to revs[i]
	update := func(fn func(kv.Tx) error, changes ...string) error {
		rev, err := s.Update(ctx, fn)
		for _, c := range changes {
			want = append(want, fmt.Sprintf("%d %s", rev, c))
		}
		revs, perRev = append(revs, rev), append(perRev, len(want))
		return err
	}
	err := errors.Join(
		update(func(tx kv.Tx) error {
			return errors.Join(tx.Put("c", []byte("1")), tx.Put("a", []byte("1")), tx.Put("b", nil))
		}, "a=1", "b=", "c=1"),
		update(func(tx kv.Tx) error { return errors.Join(tx.Put("a", []byte("2")), tx.Put("a", []byte("3"))) }, "a=3"),
		update(func(tx kv.Tx) error { return errors.Join(tx.Delete("b"), tx.Delete("z")) }, "-b"),
		update(func(tx kv.Tx) error { return errors.Join(tx.Delete("a"), tx.Put("a", []byte("4"))) }, "a=4"),
		update(func(tx kv.Tx) error { return tx.Put(lastKey, nil) }),
	)
	if err != nil {
		return err
	}
	for i, after := range revs[:len(revs)-1] {
		events, err := watched(ctx, s, "", after)
		if got := describe(events); err != nil || !slices.Equal(got, want[perRev[i]:]) {
			return fmt.Errorf("a Watch after %d tells %q, %v; want %q", after, got, err, want[perRev[i]:])
		}
	}
	return nil
}

func watchPrefix(ctx context.Context, s kv.Store) error {
	for _, key := range []string{"a", "a/", "a/x", "a/y/z", "a0", "b/x", "a/" + lastKey} {
		if _, err := put(ctx, s, key, ""); err != nil {
			return err
		}
	}
	events, err := watched(ctx, s, "a/", 0)
	var keys []string
	for _, e := range events {
		keys = append(keys, e.Key)
	}
	if want := []string{"a/", "a/x", "a/y/z"}; err != nil || !slices.Equal(keys, want) {
		return fmt.Errorf("it tells of %q, %v; want %q", keys, err, want)
	}
	return nil
}

// watchConcurrent has watchers follow a busy store, one from the beginning and the others
// from a snapshot that they took on the way, and compares what they come to.
func watchConcurrent(ctx context.Context, s kv.Store) error {
	const writers, watchers, each = 4, 3, 40
	finals := make([]map[string]string, watchers)
	done := make(chan struct{})
	follow := start(func() error {
		return together(watchers, func(i int) (err error) {
			if i == 0 {
				finals[i] = make(map[string]string)
				return apply(ctx, s, finals[i], 0)
			}
			finals[i], err = follow(ctx, s, kv.Rev(i*each))
			return err
		})
	})
	write := start(func() error {
		defer close(done)
		return together(writers, func(i int) error { return count(ctx, s, fmt.Sprint("w", i), each) })
	})
	<-done
	if _, err := put(ctx, s, lastKey, ""); err != nil {
		return err
	}
	if err := errors.Join(<-write, <-follow); err != nil {
		return err
	}
	for i, final := range finals {
		if !maps.Equal(final, finals[0]) || final["w0"] != strconv.Itoa(each-1) {
			return fmt.Errorf("watcher %d came to %v, watcher 0 to %v", i, final, finals[0])
		}
	}
	return nil
}

// count sets key to 0 to n-1, one after another, and lets another key come and go.
func count(ctx context.Context, s kv.Store, key string, n int) error {
	for i := range n {
		_, err := s.Update(ctx, func(tx kv.Tx) error {
			if i%2 == 0 {
				return errors.Join(setNumber(tx, key, i), tx.Put(key+"/odd", nil))
			}
			return errors.Join(setNumber(tx, key, i), tx.Delete(key+"/odd"))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// follow waits until the store has got to revision from, takes a snapshot, and brings it
// up to date by watching until lastKey.
func follow(ctx context.Context, s kv.Store, from kv.Rev) (map[string]string, error) {
	state := make(map[string]string)
	var rev kv.Rev
	for first := true; first || rev < from; first = false {
		var err error
		rev, err = s.View(ctx, func(r kv.Reader) error {
			clear(state)
			for p, err := range r.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
				state[p.Key] = string(p.Value)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if _, over := state[lastKey]; over {
		delete(state, lastKey)
		return state, nil
	}
	// Some change comes between the snapshot and the watch: lastKey at the latest.
	for now := rev; now == rev; {
		var err error
		if now, err = s.View(ctx, func(kv.Reader) error { return nil }); err != nil {
			return nil, err
		}
	}
	return state, apply(ctx, s, state, rev)
}

// apply applies the changes after rev to state, and holds that none is missing, out of
// order, or told twice: the numbers go up by one.
func apply(ctx context.Context, s kv.Store, state map[string]string, rev kv.Rev) error {
	for e, err := range s.Watch(ctx, "", rev) {
		switch {
		case err != nil:
			return err
		case e.Rev < rev || e.Rev == 0:
			return fmt.Errorf("revision %d comes after %d", e.Rev, rev)
		case e.Key == lastKey:
			return nil
		case e.Value == nil:
			delete(state, e.Key)
		default:
			if n, err := strconv.Atoi(string(e.Value)); err == nil && n > 0 && state[e.Key] != strconv.Itoa(n-1) {
				return fmt.Errorf("%s goes from %q to %d", e.Key, state[e.Key], n)
			}
			state[e.Key] = string(e.Value)
		}
		rev = e.Rev
	}
	return errors.New("the watch ended without an error")
}

// lastError runs a watch until it ends and returns the error it ends with.
func lastError(ctx context.Context, s kv.Store, started chan<- struct{}) error {
	last := errors.New("the watch ended without an error")
	failed := false
	for e, err := range s.Watch(ctx, "", 0) {
		if failed {
			return errors.New("the watch goes on after an error")
		}
		if err != nil {
			last, failed = err, true
			if e.Key != "" || e.Value != nil || e.Rev != 0 {
				return fmt.Errorf("an event with the error %w", err)
			}
			continue
		}
		close(started)
	}
	return last
}

func watchContext(ctx context.Context, s kv.Store) error {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan struct{})
	last := start(func() error { return lastError(watching, s, started) })
	if _, err := put(ctx, s, "a", ""); err != nil {
		return err
	}
	<-started
	cancel()
	if err := <-last; !errors.Is(err, context.Canceled) {
		return fmt.Errorf("it ends with %v, want %v", err, context.Canceled)
	}
	return view(ctx, s, has("a", ""))
}

func watchClose(ctx context.Context, s kv.Store) error {
	started := make(chan struct{})
	last := start(func() error { return lastError(ctx, s, started) })
	if _, err := put(ctx, s, "a", ""); err != nil {
		return err
	}
	<-started
	if err := s.Close(); err != nil {
		return err
	}
	if err := <-last; !errors.Is(err, kv.ErrClosed) {
		return fmt.Errorf("it ends with %v, want %v", err, kv.ErrClosed)
	}
	return nil
}
