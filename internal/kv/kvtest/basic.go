// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/kv"
)

func newStore(ctx context.Context, s kv.Store) error {
	rev, err := s.View(ctx, func(r kv.Reader) error {
		if got, err := scan(r, kv.Range{}); err != nil || len(got) > 0 {
			return fmt.Errorf("it holds %q, %v", got, err)
		}
		return absent(r, "a")
	})
	if err == nil && rev != 0 {
		err = fmt.Errorf("its revision is %d", rev)
	}
	return err
}

func values(ctx context.Context, s kv.Store) error {
	largest := strings.Repeat("v", kv.MaxValue)
	longest := strings.Repeat("k", kv.MaxKey)
	binary := "a\x00\xff\xfe"
	_, err := s.Update(ctx, func(tx kv.Tx) error {
		return errors.Join(
			tx.Put("empty", []byte{}), tx.Put("nil", nil),
			tx.Put(binary, []byte(binary)), tx.Put(longest, []byte(largest)),
			tx.Put("twice", []byte("first")), tx.Put("twice", []byte("second")),
			tx.Put("gone", []byte("first")), tx.Delete("gone"),
		)
	})
	if err != nil {
		return err
	}
	err = view(ctx, s, has("empty", ""), has("nil", ""), has(binary, binary), has(longest, largest),
		has("twice", "second"), hasNot("gone"), hasNot("emp"), hasNot("empty "), hasNot(""))
	if err != nil {
		return err
	}
	if _, err := put(ctx, s, "twice", "third"); err != nil {
		return err
	}
	if _, err := remove(ctx, s, "empty"); err != nil {
		return err
	}
	return view(ctx, s, has("twice", "third"), hasNot("empty"))
}

func putCopies(ctx context.Context, s kv.Store) error {
	buf := []byte("before")
	_, err := s.Update(ctx, func(tx kv.Tx) error {
		if err := tx.Put("a", buf); err != nil {
			return err
		}
		copy(buf, "after!")
		return expect(tx, "a", "before")
	})
	if err != nil {
		return err
	}
	return view(ctx, s, has("a", "before"))
}

func revisions(ctx context.Context, s kv.Store) error {
	var last kv.Rev
	steps := []struct {
		name  string
		fn    func(kv.Tx) error
		grows bool
	}{
		{"put", func(tx kv.Tx) error { return tx.Put("a", []byte("1")) }, true},
		{"put of what is there", func(tx kv.Tx) error { return tx.Put("a", []byte("1")) }, true},
		{"get", func(tx kv.Tx) error { _, err := tx.Get("a"); return err }, false},
		{"delete of what is not there", func(tx kv.Tx) error { return tx.Delete("b") }, false},
		{"delete", func(tx kv.Tx) error { return tx.Delete("a") }, true},
		{"nothing", func(kv.Tx) error { return nil }, false},
	}
	for _, step := range steps {
		rev, err := s.Update(ctx, step.fn)
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if (rev > last) != step.grows || rev < last {
			return fmt.Errorf("%s led from revision %d to %d", step.name, last, rev)
		}
		seen, err := s.View(ctx, func(kv.Reader) error { return nil })
		if err != nil || seen != rev {
			return fmt.Errorf("a view after %s is of revision %d, want %d (%v)", step.name, seen, rev, err)
		}
		last = rev
	}
	return nil
}

func limits(ctx context.Context, s kv.Store) error {
	long := strings.Repeat("k", kv.MaxKey+1)
	_, err := s.Update(ctx, func(tx kv.Tx) error {
		refused := []struct {
			what      string
			got, want error
		}{
			{"put of the empty key", tx.Put("", []byte("v")), kv.ErrEmptyKey},
			{"delete of the empty key", tx.Delete(""), kv.ErrEmptyKey},
			{"put of too long a key", tx.Put(long, []byte("v")), kv.ErrTooLarge},
			{"delete of too long a key", tx.Delete(long), kv.ErrTooLarge},
			{"put of too large a value", tx.Put("a", make([]byte, kv.MaxValue+kv.Headroom+1)), kv.ErrTooLarge},
		}
		for _, r := range refused {
			if !errors.Is(r.got, r.want) {
				return fmt.Errorf("%s: %v, want %v", r.what, r.got, r.want)
			}
		}
		for i := range kv.MaxOps {
			if err := tx.Put(fmt.Sprint("key", i), nil); err != nil {
				return err
			}
		}
		if err := tx.Put("key0", []byte("again")); err != nil {
			return fmt.Errorf("a second put counts: %w", err)
		}
		if err := tx.Put("more", nil); !errors.Is(err, kv.ErrTooLarge) {
			return fmt.Errorf("put of one key too many: %v, want %v", err, kv.ErrTooLarge)
		}
		if err := tx.Delete("more"); !errors.Is(err, kv.ErrTooLarge) {
			return fmt.Errorf("delete of one key too many: %v, want %v", err, kv.ErrTooLarge)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return view(ctx, s, has("key0", "again"), has(fmt.Sprint("key", kv.MaxOps-1), ""), hasNot("more"), hasNot("a"))
}

func ownWrites(ctx context.Context, s kv.Store) error {
	_, err := s.Update(ctx, func(tx kv.Tx) error {
		return errors.Join(tx.Put("b", []byte("1")), tx.Put("d", []byte("1")), tx.Put("f", []byte("1")))
	})
	if err != nil {
		return err
	}
	forward := []string{"a=2", "c=2", "d=2", "f=1", "g="}
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	_, err = s.Update(ctx, func(tx kv.Tx) error {
		err := errors.Join(tx.Put("a", []byte("2")), tx.Put("c", []byte("2")), tx.Put("d", []byte("2")),
			tx.Delete("b"), tx.Put("e", []byte("2")), tx.Delete("e"), tx.Put("g", nil))
		if err != nil {
			return err
		}
		for _, c := range []struct {
			in   kv.Range
			want []string
		}{
			{kv.Range{}, forward},
			{kv.Range{Reverse: true}, backward},
			{kv.Range{Start: "b", End: "d"}, []string{"c=2"}},
			{kv.Range{Start: "b", End: "d", Reverse: true}, []string{"c=2"}},
			{kv.Range{Prefix: "d"}, []string{"d=2"}},
			{kv.Range{Prefix: "b"}, nil},
		} {
			if got, err := scan(tx, c.in); err != nil || !slices.Equal(got, c.want) {
				return fmt.Errorf("Scan(%+v) after own writes = %q, %v; want %q", c.in, got, err, c.want)
			}
		}
		return errors.Join(expect(tx, "a", "2"), absent(tx, "b"), expect(tx, "d", "2"), expect(tx, "f", "1"))
	})
	return err
}

func leaveScan(ctx context.Context, s kv.Store) error {
	for _, key := range []string{"a", "b", "c"} {
		if _, err := put(ctx, s, key, ""); err != nil {
			return err
		}
	}
	return view(ctx, s, func(r kv.Reader) error {
		var pairs []string
		for outer, err := range r.Scan(kv.Range{End: "c"}) {
			if err != nil {
				return err
			}
			for inner, err := range r.Scan(kv.Range{Reverse: true}) {
				if err != nil {
					return err
				}
				pairs = append(pairs, outer.Key+inner.Key)
				if inner.Key == "b" {
					break
				}
			}
			if err := expect(r, outer.Key, ""); err != nil {
				return err
			}
		}
		if want := []string{"ac", "ab", "bc", "bb"}; !slices.Equal(pairs, want) {
			return fmt.Errorf("scans inside one another yield %q, want %q", pairs, want)
		}
		return nil
	})
}

func ended(ctx context.Context, s kv.Store) error {
	if _, err := put(ctx, s, "a", ""); err != nil {
		return err
	}
	var reader kv.Reader
	if err := view(ctx, s, func(r kv.Reader) error { reader = r; return nil }); err != nil {
		return err
	}
	var writer kv.Tx
	if _, err := s.Update(ctx, func(tx kv.Tx) error { writer = tx; return nil }); err != nil {
		return err
	}
	for _, r := range []kv.Reader{reader, writer} {
		if _, err := r.Get("a"); err == nil {
			return errors.New("a Get works after the transaction")
		}
		if _, err := scan(r, kv.Range{}); err == nil {
			return errors.New("a Scan works after the transaction")
		}
	}
	if writer.Put("b", nil) == nil || writer.Delete("a") == nil {
		return errors.New("a Put or a Delete works after the transaction")
	}
	return view(ctx, s, has("a", ""), hasNot("b"))
}
