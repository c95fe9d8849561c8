// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package kvtest holds every engine to the contract of package kv.
//
// The suite is a list of checks, each a function of a new, empty store that returns what
// is wrong with it. Being no tests themselves, they can be tested: beside this file,
// stores that are wrong on purpose must each fail the check that is there for it.
package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// An Engine is what the suite must know of an implementation.
type Engine struct {
	// Open returns a new, empty store, which the suite closes.
	Open func(tb testing.TB) kv.Store
	// Reopen closes the store and opens the same data again. It is nil for an engine
	// that is not durable, and the checks for that are left out.
	Reopen func(s kv.Store) (kv.Store, error)
}

// A Check is one thing that holds for every store.
type Check struct {
	Name string
	// Run returns what is wrong with a store, which it may leave closed.
	Run func(ctx context.Context, s kv.Store) error
}

// hang is when a check that waits for what never comes is ended.
const hang = time.Minute

// Run runs the suite on an engine, its checks in parallel.
func Run(t *testing.T, e Engine) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), hang)
			defer cancel()
			s := e.Open(t)
			err := c.Run(ctx, s)
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
		})
	}
	if e.Reopen == nil {
		return
	}
	for _, c := range durabilityChecks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), hang)
			defer cancel()
			s := e.Open(t)
			if err := c.run(ctx, s, e.Reopen); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Checks returns the suite but for the checks of durability.
func Checks() []Check {
	return []Check{
		{"a new store is empty and at revision zero", newStore},
		{"a value is kept as it was put", values},
		{"a put copies", putCopies},
		{"a revision grows with each Update that wrote", revisions},
		{"keys, values and transactions have limits", limits},
		{"a transaction sees its own writes", ownWrites},
		{"a scan may be left early and nested", leaveScan},
		{"a transaction is of no use after its function", ended},
		{"random transactions do what a model does", model},

		{"an error rolls back", rollbackOnError},
		{"a panic rolls back and is passed on", rollbackOnPanic},
		{"the end of the goroutine rolls back", rollbackOnGoexit},
		{"a cancelled context prevents", cancelled},
		{"a cancelled wait never runs", cancelledWait},

		{"a view is a snapshot", snapshot},
		{"a view sees whole updates", wholeUpdates},
		{"no update is lost", lostUpdates},
		{"no write skew", writeSkew},
		{"no phantoms", phantoms},

		{"a watch tells every change after a revision", watchAfter},
		{"a watch tells one prefix", watchPrefix},
		{"a watch has no gap under concurrent writes", watchConcurrent},
		{"a watch ends with its context", watchContext},
		{"a watch ends with the store", watchClose},

		{"a closed store answers ErrClosed", closed},
		{"closing waits for transactions", closeWaits},
	}
}

func put(ctx context.Context, s kv.Store, key, value string) (kv.Rev, error) {
	return s.Update(ctx, func(tx kv.Tx) error { return tx.Put(key, []byte(value)) })
}

func remove(ctx context.Context, s kv.Store, key string) (kv.Rev, error) {
	return s.Update(ctx, func(tx kv.Tx) error { return tx.Delete(key) })
}

// expect says what is wrong unless key has value in r.
func expect(r kv.Reader, key, value string) error {
	switch got, err := r.Get(key); {
	case err != nil:
		return fmt.Errorf("Get(%q): %w", key, err)
	case got == nil:
		return fmt.Errorf("Get(%q) found nothing, want %q", key, value)
	case !bytes.Equal(got, []byte(value)):
		return fmt.Errorf("Get(%q) = %.40q, want %.40q", key, got, value)
	}
	return nil
}

// absent says what is wrong unless there is no key in r.
func absent(r kv.Reader, key string) error {
	switch got, err := r.Get(key); {
	case err != nil:
		return fmt.Errorf("Get(%q): %w", key, err)
	case got != nil:
		return fmt.Errorf("Get(%q) = %.40q, want nothing", key, got)
	}
	return nil
}

// scan returns what r holds in the range, as "key=value" strings.
func scan(r kv.Reader, in kv.Range) ([]string, error) {
	var got []string
	for p, err := range r.Scan(in) {
		if err != nil {
			return nil, fmt.Errorf("Scan(%+v): %w", in, err)
		}
		if p.Value == nil {
			return nil, fmt.Errorf("Scan(%+v) yields a nil value for %q", in, p.Key)
		}
		got = append(got, p.Key+"="+string(p.Value))
	}
	return got, nil
}

// view runs checks on one snapshot.
func view(ctx context.Context, s kv.Store, checks ...func(kv.Reader) error) error {
	_, err := s.View(ctx, func(r kv.Reader) error {
		for _, check := range checks {
			if err := check(r); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func has(key, value string) func(kv.Reader) error {
	return func(r kv.Reader) error { return expect(r, key, value) }
}

func hasNot(key string) func(kv.Reader) error {
	return func(r kv.Reader) error { return absent(r, key) }
}
