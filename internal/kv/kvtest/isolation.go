// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// together runs fn(0) to fn(n-1) at the same time and returns their errors.
func together(n int, fn func(i int) error) error {
	results := make([]<-chan error, n)
	for i := range n {
		results[i] = start(func() error { return fn(i) })
	}
	var errs []error
	for _, result := range results {
		errs = append(errs, <-result)
	}
	return errors.Join(errs...)
}

// number returns the number that key holds, zero if there is none. It lets others run
// between the read and what is done about it.
func number(r kv.Reader, key string) (int, error) {
	value, err := r.Get(key)
	runtime.Gosched()
	if err != nil || value == nil {
		return 0, err
	}
	return strconv.Atoi(string(value))
}

func setNumber(tx kv.Tx, key string, n int) error { return tx.Put(key, []byte(strconv.Itoa(n))) }

// snapshot changes the store under an open View.
func snapshot(ctx context.Context, s kv.Store) error {
	for _, key := range []string{"a", "b"} {
		if _, err := put(ctx, s, key, "old"); err != nil {
			return err
		}
	}
	return view(ctx, s, has("a", "old"), func(r kv.Reader) error {
		err := <-start(func() error {
			_, err := s.Update(ctx, func(tx kv.Tx) error {
				return errors.Join(tx.Put("a", []byte("new")), tx.Delete("b"), tx.Put("c", nil))
			})
			return err
		})
		if err != nil {
			return err
		}
		got, err := scan(r, kv.Range{})
		if want := []string{"a=old", "b=old"}; err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("the view now has %q, %v; want %q", got, err, want)
		}
		return errors.Join(expect(r, "a", "old"), expect(r, "b", "old"), absent(r, "c"),
			<-start(func() error { return view(ctx, s, has("a", "new"), hasNot("b"), has("c", "")) }))
	})
}

const (
	accounts = 5
	total    = 500 // in all accounts
)

// wholeUpdates moves amounts between accounts while readers add them up. All go on until
// there were enough of both.
func wholeUpdates(ctx context.Context, s kv.Store) error {
	account := func(i int64) string { return fmt.Sprint("account", i%accounts) }
	_, err := s.Update(ctx, func(tx kv.Tx) error { return setNumber(tx, account(0), total) })
	if err != nil {
		return err
	}
	var views, transfers atomic.Int64
	var failed atomic.Bool
	return together(4, func(i int) (err error) {
		defer func() { failed.CompareAndSwap(false, err != nil) }()
		for !failed.Load() && (views.Load() < 200 || transfers.Load() < 200) {
			if i < 2 {
				n := transfers.Add(1)
				err = transfer(ctx, s, account(n), account(n*n+1), int(7*n-100))
			} else {
				views.Add(1)
				err = view(ctx, s, addUp)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func transfer(ctx context.Context, s kv.Store, from, to string, amount int) error {
	_, err := s.Update(ctx, func(tx kv.Tx) error {
		a, err := number(tx, from)
		if err != nil {
			return err
		}
		if err := setNumber(tx, from, a-amount); err != nil {
			return err
		}
		b, err := number(tx, to)
		if err != nil {
			return err
		}
		return errors.Join(setNumber(tx, to, b+amount), addUp(tx))
	})
	return err
}

// addUp says what is wrong unless the accounts add up.
func addUp(r kv.Reader) error {
	sum := 0
	for p, err := range r.Scan(kv.Range{Prefix: "account"}) {
		if err != nil {
			return err
		}
		runtime.Gosched()
		n, err := number(r, p.Key)
		if err != nil {
			return err
		}
		if strconv.Itoa(n) != string(p.Value) {
			return fmt.Errorf("a Scan yields %s for %s, and then a Get %d", p.Value, p.Key, n)
		}
		sum += n
	}
	if sum != total {
		return fmt.Errorf("the accounts add up to %d, want %d", sum, total)
	}
	return nil
}

// lostUpdates counts up from several goroutines.
func lostUpdates(ctx context.Context, s kv.Store) error {
	const writers, each = 8, 25
	err := together(writers, func(int) error {
		for range each {
			_, err := s.Update(ctx, func(tx kv.Tx) error {
				n, err := number(tx, "n")
				if err != nil {
					return err
				}
				return setNumber(tx, "n", n+1)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return view(ctx, s, has("n", strconv.Itoa(writers*each)))
}

// writeSkew has two doctors go off duty, each only if the other is on: whatever the
// order, one must stay.
func writeSkew(ctx context.Context, s kv.Store) error {
	doctors := []string{"alice", "bob"}
	for round := range 40 {
		_, err := s.Update(ctx, func(tx kv.Tx) error {
			return errors.Join(setNumber(tx, doctors[0], 1), setNumber(tx, doctors[1], 1))
		})
		if err != nil {
			return err
		}
		err = together(len(doctors), func(i int) error {
			_, err := s.Update(ctx, func(tx kv.Tx) error {
				other, err := number(tx, doctors[1-i])
				if err != nil || other == 0 {
					return err
				}
				return setNumber(tx, doctors[i], 0)
			})
			return err
		})
		if err != nil {
			return err
		}
		err = view(ctx, s, func(r kv.Reader) error {
			a, errA := number(r, doctors[0])
			b, errB := number(r, doctors[1])
			if a+b != 1 {
				return fmt.Errorf("round %d ends with %d doctors on duty, %w", round, a+b, errors.Join(errA, errB))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// phantoms sells seats, in several shows, by counting those that are taken.
func phantoms(ctx context.Context, s kv.Store) error {
	for show := range 10 {
		if err := sell(ctx, s, fmt.Sprintf("seat/%d/", show)); err != nil {
			return fmt.Errorf("show %d: %w", show, err)
		}
	}
	return nil
}

// sell lets more buyers at the seats under prefix than there are seats.
func sell(ctx context.Context, s kv.Store, prefix string) error {
	const buyers, each, seats = 8, 3, 10
	err := together(buyers, func(i int) error {
		for n := range each {
			_, err := s.Update(ctx, func(tx kv.Tx) error {
				taken, err := scan(tx, kv.Range{Prefix: prefix})
				runtime.Gosched()
				if err != nil || len(taken) >= seats {
					return err
				}
				return tx.Put(fmt.Sprintf("%s%d-%d", prefix, i, n), nil)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return view(ctx, s, func(r kv.Reader) error {
		taken, err := scan(r, kv.Range{Prefix: prefix})
		if err == nil && len(taken) != seats {
			err = fmt.Errorf("%d of %d seats were sold", len(taken), seats)
		}
		return err
	})
}
