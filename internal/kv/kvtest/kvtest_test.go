// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/kvtest"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/kv/overlay"
)

// A defect is what may be wrong with a store, and the name of the check that must find it.
type defect struct {
	name, caught string
	mutate       func(*mutant)
}

func defects() []defect {
	return []defect{
		{"a view reads the latest", "a view is a snapshot", func(m *mutant) {
			m.view = func(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
				rev, err := m.Store.View(ctx, func(kv.Reader) error { return nil })
				if err != nil {
					return rev, err
				}
				return rev, fn(latest{ctx, m.Store})
			}
		}},
		{"an update is applied in two steps", "a view sees whole updates", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				var t *overlay.Tx
				_, err := m.Store.View(ctx, func(r kv.Reader) error { t = overlay.New(r); return fn(t) })
				if err != nil {
					return 0, err
				}
				var rev kv.Rev
				for key, value := range t.Writes() {
					rev, err = m.Store.Update(ctx, func(t kv.Tx) error { return t.Put(key, value) })
					for range 20 {
						runtime.Gosched() // let others see it half done
					}
				}
				return rev, err
			}
			locked(m)
		}},
		{"nothing that was read is validated", "no update is lost", func(m *mutant) {
			optimistic(m, func(kv.Reader, *reads, *overlay.Tx) bool { return true })
		}},
		{"only what is written is validated", "no write skew", func(m *mutant) {
			optimistic(m, func(now kv.Reader, seen *reads, t *overlay.Tx) bool {
				written := maps.Collect(t.Writes())
				seen.got = slices.DeleteFunc(seen.got, func(p kv.Pair) bool {
					_, ok := written[p.Key]
					return !ok
				})
				return seen.current(now)
			})
		}},
		{"only keys that were found are validated", "no phantoms", func(m *mutant) {
			optimistic(m, func(now kv.Reader, seen *reads, _ *overlay.Tx) bool { return seen.current(now) })
		}},
		{"an error commits", "an error rolls back", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				var refusal error
				rev, err := m.Store.Update(ctx, func(t kv.Tx) error { refusal = fn(t); return nil })
				return rev, errors.Join(refusal, err)
			}
		}},
		{"a panic commits", "a panic rolls back and is passed on", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				var p any
				rev, err := m.Store.Update(ctx, func(t kv.Tx) error {
					defer func() { p = recover() }()
					return fn(t)
				})
				if p != nil {
					panic(p)
				}
				return rev, err
			}
		}},
		{"a panic becomes an error", "a panic rolls back and is passed on", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (rev kv.Rev, err error) {
				defer func() {
					if recover() != nil {
						err = errors.New("fn panicked")
					}
				}()
				return m.Store.Update(ctx, fn)
			}
		}},
		{"the context is ignored", "a cancelled context prevents", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				return m.Store.Update(context.WithoutCancel(ctx), fn)
			}
		}},
		{"who gave up waiting is run all the same", "a cancelled wait never runs", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				rev, err := m.Store.Update(context.WithoutCancel(ctx), fn)
				return rev, errors.Join(err, ctx.Err())
			}
		}},
		{"own puts are not seen", "a transaction sees its own writes", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				return m.Store.Update(ctx, func(t kv.Tx) error {
					base := latest{ctx, m.Store}
					return fn(tx{Tx: t, get: base.Get, scan: base.Scan})
				})
			}
		}},
		{"own writes are seen by Get only", "a transaction sees its own writes", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				return m.Store.Update(ctx, func(t kv.Tx) error {
					return fn(tx{Tx: t, scan: latest{ctx, m.Store}.Scan})
				})
			}
		}},
		{"a scan is out of order", "random transactions do what a model does", wrongTx(func(t kv.Tx) kv.Tx {
			return tx{Tx: t, scan: func(r kv.Range) iter.Seq2[kv.Pair, error] {
				return func(yield func(kv.Pair, error) bool) {
					pairs := make(map[string][]byte)
					for p, err := range t.Scan(r) {
						if err != nil {
							yield(p, err)
							return
						}
						pairs[p.Key] = p.Value
					}
					for key, value := range maps.All(pairs) {
						if !yield(kv.Pair{Key: key, Value: value}, nil) {
							return
						}
					}
				}
			}}
		})},
		{"Reverse is ignored", "random transactions do what a model does", wrongRange(func(r kv.Range) kv.Range {
			r.Reverse = false
			return r
		})},
		{"End is included", "random transactions do what a model does", wrongRange(func(r kv.Range) kv.Range {
			if r.End != "" {
				r.End += "\x00"
			}
			return r
		})},
		{"Start is left out", "random transactions do what a model does", wrongRange(func(r kv.Range) kv.Range {
			if r.Start != "" {
				r.Start += "\x00"
			}
			return r
		})},
		{"a prefix has no bound", "random transactions do what a model does", wrongRange(func(r kv.Range) kv.Range {
			r.Start, r.Prefix = max(r.Start, r.Prefix), ""
			return r
		})},
		{"an empty value is none", "a value is kept as it was put", wrongTx(func(t kv.Tx) kv.Tx {
			return tx{Tx: t, get: func(key string) ([]byte, error) {
				value, err := t.Get(key)
				if len(value) == 0 {
					value = nil
				}
				return value, err
			}}
		})},
		{"a nil value deletes", "a value is kept as it was put", wrongTx(func(t kv.Tx) kv.Tx {
			return tx{Tx: t, put: func(key string, value []byte) error {
				if value == nil {
					return t.Delete(key)
				}
				return t.Put(key, value)
			}}
		})},
		{"a deletion is forgotten", "a value is kept as it was put", wrongTx(func(t kv.Tx) kv.Tx {
			return tx{Tx: t, delete: func(string) error { return nil }}
		})},
		{"a put keeps the caller's bytes", "a put copies", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				return m.Store.Update(ctx, func(t kv.Tx) error {
					aliased := overlay.NewLayer(t)
					err := fn(tx{Tx: t, get: aliased.Get, put: func(key string, value []byte) error {
						aliased.Set(key, value)
						return nil
					}})
					for key, value := range aliased.Writes() {
						err = errors.Join(err, t.Put(key, value))
					}
					return err
				})
			}
		}},
		{"large values are cut", "keys, values and transactions have limits", wrongTx(func(t kv.Tx) kv.Tx {
			return tx{Tx: t, put: func(key string, value []byte) error {
				return t.Put(key, value[:min(len(value), kv.MaxValue)])
			}}
		})},
		{"a revision stands still", "a revision grows with each Update that wrote", func(m *mutant) {
			m.update = func(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
				rev, err := m.Store.Update(ctx, fn)
				return min(rev, 1), err
			}
		}},
		{"a view's revision is old", "a revision grows with each Update that wrote", func(m *mutant) {
			m.view = func(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
				rev, err := m.Store.View(ctx, fn)
				return max(0, rev-1), err
			}
		}},
		{"deletions are not told", "a watch tells every change after a revision", wrongEvents(func(e kv.Event) []kv.Event {
			if e.Value == nil {
				return nil
			}
			return []kv.Event{e}
		})},
		{"changes are told twice", "a watch tells every change after a revision", wrongEvents(func(e kv.Event) []kv.Event {
			return []kv.Event{e, e}
		})},
		{"a watch begins one revision late", "a watch tells every change after a revision", func(m *mutant) {
			m.watch = func(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
				return m.Store.Watch(ctx, prefix, after+1)
			}
		}},
		{"a watch begins with the latest change", "a watch tells every change after a revision", func(m *mutant) {
			m.watch = func(ctx context.Context, prefix string, _ kv.Rev) iter.Seq2[kv.Event, error] {
				rev, _ := m.Store.View(ctx, func(kv.Reader) error { return nil })
				return m.Store.Watch(ctx, prefix, rev-1)
			}
		}},
		{"every tenth change is not told", "a watch has no gap under concurrent writes", func(m *mutant) {
			wrongEvents(func(e kv.Event) []kv.Event {
				if e.Rev%10 == 9 && e.Key != "\xff" {
					return nil
				}
				return []kv.Event{e}
			})(m)
		}},
		{"a watch ignores its prefix", "a watch tells one prefix", func(m *mutant) {
			m.watch = func(ctx context.Context, _ string, after kv.Rev) iter.Seq2[kv.Event, error] {
				return m.Store.Watch(ctx, "", after)
			}
		}},
		{"a watch ends in silence", "a watch ends with its context", func(m *mutant) {
			m.watch = func(ctx context.Context, prefix string, after kv.Rev) iter.Seq2[kv.Event, error] {
				return func(yield func(kv.Event, error) bool) {
					for e, err := range m.Store.Watch(ctx, prefix, after) {
						if err != nil || !yield(e, nil) {
							return
						}
					}
				}
			}
		}},
		{"closing closes nothing", "a closed store answers ErrClosed", func(m *mutant) {
			m.close = func() error { return nil }
		}},
		{"a transaction goes on after its end", "a transaction is of no use after its function", func(m *mutant) {
			m.view = func(ctx context.Context, fn func(kv.Reader) error) (kv.Rev, error) {
				rev, err := m.Store.View(ctx, func(kv.Reader) error { return nil })
				if err != nil {
					return rev, err
				}
				return rev, fn(latest{ctx, m.Store})
			}
		}},
	}
}

// TestMutants proves that the suite can fail: each check finds what it is there for.
func TestMutants(t *testing.T) {
	t.Parallel()
	checks := make(map[string]kvtest.Check)
	for _, c := range kvtest.Checks() {
		checks[c.Name] = c
	}
	for _, mu := range defects() {
		t.Run(mu.name, func(t *testing.T) {
			t.Parallel()
			check, ok := checks[mu.caught]
			if !ok {
				t.Fatalf("there is no check %q", mu.caught)
			}
			// What a mutant does not tell, a check may wait for: that is caught as well.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			m := &mutant{Store: memkv.New()}
			defer m.Store.Close()
			mu.mutate(m)
			err := check.Run(ctx, m)
			if err == nil {
				t.Fatalf("the check %q passes", mu.caught)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Logf("caught by a timeout only: %v", err)
			}
		})
	}
}

// TestEveryCheckHasAMutant keeps checks from being added that nobody has seen fail.
func TestEveryCheckHasAMutant(t *testing.T) {
	t.Parallel()
	exempt := []string{ // these hold an engine's own machinery, of which memkv has none to break
		"a new store is empty and at revision zero", "a scan may be left early and nested",
		"the end of the goroutine rolls back", "a watch ends with the store", "closing waits for transactions",
	}
	for _, c := range kvtest.Checks() {
		caught := slices.ContainsFunc(defects(), func(d defect) bool { return d.caught == c.Name })
		if !caught && !slices.Contains(exempt, c.Name) {
			t.Errorf("no mutant is caught by %q", c.Name)
		}
	}
}
