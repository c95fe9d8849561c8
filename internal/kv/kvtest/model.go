// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/kv"
)

var errDrop = errors.New("this transaction is dropped")

// model runs random transactions on the store and on a map, and compares every answer.
// The seeds are fixed: a failure names its seed and comes again.
func model(ctx context.Context, s kv.Store) error {
	state := make(map[string]string)
	for seed := range uint64(150) {
		m := &modelTx{rand: rand.New(rand.NewPCG(seed, 0)), state: maps.Clone(state)}
		_, err := s.Update(ctx, m.run)
		switch {
		case err == nil:
			state = m.state
		case !errors.Is(err, errDrop):
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		check := &modelTx{rand: m.rand, state: state}
		err = view(ctx, s, func(r kv.Reader) error {
			for range 5 {
				if err := check.read(r); err != nil {
					return err
				}
			}
			return check.scan(r, kv.Range{})
		})
		if err != nil {
			return fmt.Errorf("seed %d: view: %w", seed, err)
		}
	}
	return nil
}

// modelTx is one transaction in the model.
type modelTx struct {
	rand  *rand.Rand
	state map[string]string
}

// run runs a random transaction. It is not run again by an engine, as it has no rival.
func (m *modelTx) run(tx kv.Tx) error {
	for range 1 + m.rand.IntN(30) {
		if err := m.step(tx); err != nil {
			return err
		}
	}
	if m.rand.IntN(5) == 0 {
		return errDrop
	}
	return nil
}

func (m *modelTx) step(tx kv.Tx) error {
	switch key := m.key(); m.rand.IntN(5) {
	case 0, 1:
		value := strings.Repeat("v", m.rand.IntN(3)*m.rand.IntN(2000))
		m.state[key] = value
		return tx.Put(key, []byte(value))
	case 2:
		delete(m.state, key)
		return tx.Delete(key)
	default:
		return m.read(tx)
	}
}

// read compares a random Get and a random Scan.
func (m *modelTx) read(r kv.Reader) error {
	key := m.key()
	if value, ok := m.state[key]; ok {
		if err := expect(r, key, value); err != nil {
			return err
		}
	} else if err := absent(r, key); err != nil {
		return err
	}
	return m.scan(r, m.rangeOf())
}

func (m *modelTx) scan(r kv.Reader, in kv.Range) error {
	var want []string
	for _, key := range slices.Sorted(maps.Keys(m.state)) {
		in, below := key >= in.Start && strings.HasPrefix(key, in.Prefix), in.End == "" || key < in.End
		if in && below {
			want = append(want, key+"="+m.state[key])
		}
	}
	if in.Reverse {
		slices.Reverse(want)
	}
	got, err := scan(r, in)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("Scan(%+v) = %.20q, want %.20q", in, got, want)
	}
	return err
}

// key returns one of some 200 keys, many of them prefixes of one another.
func (m *modelTx) key() string {
	const letters = "a/\xffb%\x00"
	b := []byte{letters[m.rand.IntN(3)]}
	for m.rand.IntN(3) > 0 && len(b) < 4 {
		b = append(b, letters[m.rand.IntN(len(letters))])
	}
	return string(b)
}

func (m *modelTx) rangeOf() kv.Range {
	r := kv.Range{Reverse: m.rand.IntN(2) == 0}
	if m.rand.IntN(2) == 0 {
		r.Prefix = m.key()
	}
	if m.rand.IntN(2) == 0 {
		r.Start = m.key()
	}
	if m.rand.IntN(2) == 0 {
		r.End = m.key()
	}
	return r
}
