// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/kv/overlay"
)

// A mutant is a store in memory of which some methods are wrong. Those that are nil are
// the right store's.
type mutant struct {
	*memkv.Store
	view   func(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error)
	update func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error)
	watch  func(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error]
	close  func() error
}

func (m *mutant) View(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
	if m.view != nil {
		return m.view(ctx, fn)
	}
	return m.Store.View(ctx, fn)
}

func (m *mutant) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	if m.update != nil {
		return m.update(ctx, fn)
	}
	return m.Store.Update(ctx, fn)
}

func (m *mutant) Watch(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
	if m.watch != nil {
		return m.watch(ctx, prefix, after)
	}
	return m.Store.Watch(ctx, prefix, after)
}

func (m *mutant) Close() error {
	if m.close != nil {
		return m.close()
	}
	return m.Store.Close()
}

// tx is a transaction of which some methods are wrong.
type tx struct {
	kv.Tx
	get    func(key string) ([]byte, error)
	scan   func(r kv.Range) iter.Seq2[kv.Pair, error]
	put    func(key string, value []byte) error
	delete func(key string) error
}

func (t tx) Get(key string) ([]byte, error) {
	if t.get != nil {
		return t.get(key)
	}
	return t.Tx.Get(key)
}

func (t tx) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	if t.scan != nil {
		return t.scan(r)
	}
	return t.Tx.Scan(r)
}

func (t tx) Put(key string, value []byte) error {
	if t.put != nil {
		return t.put(key, value)
	}
	return t.Tx.Put(key, value)
}

func (t tx) Delete(key string) error {
	if t.delete != nil {
		return t.delete(key)
	}
	return t.Tx.Delete(key)
}

// readOnly makes a transaction of a reader.
type readOnly struct{ kv.Reader }

func (readOnly) Put(string, []byte) error { panic("a view writes") }
func (readOnly) Delete(string) error      { panic("a view writes") }

// wrongTx lets each transaction go through wrong.
func wrongTx(wrong func(kv.Tx) kv.Tx) func(*mutant) {
	return func(m *mutant) {
		m.view = func(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
			return m.Store.View(ctx, func(r kv.Reader) error { return fn(wrong(readOnly{r})) })
		}
		m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
			return m.Store.Update(ctx, func(t kv.Tx) error { return fn(wrong(t)) })
		}
	}
}

// wrongRange lets each scan have another range than it asked for.
func wrongRange(wrong func(kv.Range) kv.Range) func(*mutant) {
	return wrongTx(func(t kv.Tx) kv.Tx {
		return tx{Tx: t, scan: func(r kv.Range) iter.Seq2[kv.Pair, error] { return t.Scan(wrong(r)) }}
	})
}

// wrongEvents lets each watch yield what wrong makes of the events.
func wrongEvents(wrong func(kv.Event) []kv.Event) func(*mutant) {
	return func(m *mutant) {
		m.watch = func(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
			return func(yield func(kv.Event, error) bool) {
				for e, err := range m.Store.Watch(ctx, prefix, after) {
					events := []kv.Event{e}
					if err == nil {
						events = wrong(e)
					}
					for _, e := range events {
						if !yield(e, err) {
							return
						}
					}
				}
			}
		}
	}
}

// optimistic runs fn on a snapshot, and its writes when valid, called in the transaction
// that writes, does not object; otherwise it begins again.
func optimistic(m *mutant, valid func(now kv.Reader, seen *reads, t *overlay.Tx) bool) {
	errAgain := errors.New("again")
	m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
		for {
			var t *overlay.Tx
			seen := &reads{}
			rev, err := m.Store.View(ctx, func(r kv.Reader) error {
				seen.Reader = r
				t = overlay.New(seen)
				return fn(t)
			})
			if err != nil {
				return rev, err
			}
			runtime.Gosched()
			rev, err = m.Store.Update(ctx, func(real kv.Tx) error {
				if !valid(real, seen, t) {
					return errAgain
				}
				return write(real, t)
			})
			if !errors.Is(err, errAgain) {
				t.End()
				return rev, err
			}
		}
	}
}

// write does in to what t did.
func write(to kv.Tx, t *overlay.Tx) error {
	for key, value := range t.Writes() {
		var err error
		if value == nil {
			err = to.Delete(key)
		} else {
			err = to.Put(key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reads takes note of what was read.
type reads struct {
	kv.Reader
	got []kv.Pair
}

func (r *reads) Get(key string) ([]byte, error) {
	value, err := r.Reader.Get(key)
	r.got = append(r.got, kv.Pair{Key: key, Value: value})
	return value, err
}

func (r *reads) Scan(in kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		for p, err := range r.Reader.Scan(in) {
			r.got = append(r.got, p)
			if !yield(p, err) {
				return
			}
		}
	}
}

// current reports whether each key that was read has the same value now.
func (r *reads) current(now kv.Reader) bool {
	return !slices.ContainsFunc(r.got, func(p kv.Pair) bool {
		value, _ := now.Get(p.Key)
		return string(value) != string(p.Value) || (value == nil) != (p.Value == nil)
	})
}

// latest reads each time what is there at that time.
type latest struct {
	ctx context.Context
	s   kv.Store
}

func (l latest) Get(key string) (value []byte, err error) {
	_, err = l.s.View(l.ctx, func(r kv.Reader) error {
		value, err = r.Get(key)
		return err
	})
	return value, err
}

func (l latest) Scan(in kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		_, _ = l.s.View(l.ctx, func(r kv.Reader) error {
			for p, err := range r.Scan(in) {
				if !yield(p, err) {
					break
				}
			}
			return nil
		})
	}
}

// locked makes runs of fn one after another.
func locked(m *mutant) {
	var mu sync.Mutex
	inner := m.update
	m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
		mu.Lock()
		defer mu.Unlock()
		return inner(ctx, fn)
	}
}
