// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"context"
	"errors"
	"fmt"

	"github.com/coffer-secrets/coffer/internal/kv"
)

const (
	// resealLook is how many records Reseal looks at in one snapshot.
	resealLook = 4096
	// resealBytes is how many bytes of records Reseal rewrites in one transaction,
	// if more than one: as much as a single record may have.
	resealBytes = kv.MaxValue
	// maxDamage is how many damaged records the error of Reseal names.
	maxDamage = 10
)

// Progress is how far a Reseal has come.
type Progress struct {
	Looked   int // records that were looked at
	Resealed int // of these, rewritten under the newest data key
	Damaged  int // of these, that did not open; they are left as they are
}

// Reseal rewrites every record that an older data key sealed than the newest one at
// its beginning, and then drops the older keys. It works in transactions of at most
// kv.MaxOps records, beside other readers and writers, and calls progress, if it is
// not nil, after each. One that was interrupted is finished by the next.
//
// If records do not open, all others are rewritten, no key is dropped, and the error
// is ErrTampered and names the first of them.
func (s *Store) Reseal(ctx context.Context, progress func(Progress)) error {
	ring, err := s.refresh(ctx)
	if err != nil {
		return err
	}
	r := resealer{store: s, target: ring.newest().id}
	for more := true; more; {
		if more, err = r.look(ctx); err != nil {
			return fmt.Errorf("seal: resealing: %w", err)
		}
		if err := r.rewrite(ctx); err != nil {
			return fmt.Errorf("seal: resealing: %w", err)
		}
		if progress != nil {
			progress(r.done)
		}
	}
	if r.done.Damaged > 0 {
		return fmt.Errorf("seal: old data keys are kept, as %d records do not open: %w",
			r.done.Damaged, errors.Join(r.damage...))
	}
	s.admin.Lock()
	defer s.admin.Unlock()
	return s.change(ctx, nil, func(k *keyring) error {
		k.dropBelow(r.target)
		return nil
	})
}

type resealer struct {
	store  *Store
	target uint32 // records under data keys with lower ids are rewritten
	next   string // the first key not yet looked at
	batch  []string
	done   Progress
	damage []error
}

// look fills batch with the next records that are to be rewritten, and reports whether
// there may be more. Their values stay sealed.
func (r *resealer) look(ctx context.Context) (more bool, err error) {
	looked, size, next := 0, 0, r.next
	_, err = r.store.inner.View(ctx, func(in kv.Reader) error {
		looked, size, next, more = 0, 0, r.next, false
		r.batch = r.batch[:0]
		for pair, err := range in.Scan(kv.Range{Start: r.next}) {
			if err != nil {
				return err
			}
			full := len(r.batch) == kv.MaxOps || len(r.batch) > 0 && size+len(pair.Value) > resealBytes
			if looked == resealLook || full {
				next, more = pair.Key, true
				return nil
			}
			if !reserved(pair.Key) && r.old(pair.Key, pair.Value) {
				r.batch, size = append(r.batch, pair.Key), size+len(pair.Value)
			}
			looked++
		}
		return nil
	})
	r.next, r.done.Looked = next, r.done.Looked+looked
	return more, err
}

// old reports whether a record must be rewritten. One that is malformed counts as
// such, for rewrite to find that it does not open.
func (r *resealer) old(key string, record []byte) bool {
	id, err := recordKeyID(key, record)
	return err != nil || id < r.target
}

// rewrite seals the records of batch anew, but for those that somebody has written or
// deleted since.
func (r *resealer) rewrite(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	var damage []error
	resealed := 0
	_, err := r.store.update(ctx, func(t *tx) error {
		damage, resealed = nil, 0
		for _, key := range r.batch {
			record, err := t.in.Get(key)
			if err != nil {
				return err
			}
			if record == nil || !r.old(key, record) {
				continue
			}
			value, err := t.open(key, record)
			if errors.Is(err, ErrTampered) {
				damage = append(damage, err)
				continue
			}
			if err != nil {
				return err
			}
			if err := t.Put(key, value); err != nil {
				return err
			}
			resealed++
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.done.Resealed += resealed
	r.done.Damaged += len(damage)
	r.damage = append(r.damage, damage...)
	r.damage = r.damage[:min(len(r.damage), maxDamage)]
	return nil
}
