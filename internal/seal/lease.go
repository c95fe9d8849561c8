// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"context"
	"sync/atomic"
)

// A lease is a number of seals under one data key that the keyring counts as used.
type lease struct {
	id   uint32
	left atomic.Int64 // below zero when more were asked for
}

// take uses one seal of the lease, if it has any left for the data key.
func (l *lease) take(id uint32) bool {
	return l != nil && l.id == id && l.left.Add(-1) >= 0
}

// booked reports whether there is a lease under the newest data key with some seals
// left. The margin keeps transactions from running out, which makes them run again.
func (s *Store) booked() bool {
	l := s.lease.Load()
	return l != nil && l.id == s.ring.Load().newest().id && l.left.Load() > int64(s.opts.Lease/64)
}

// book makes sure that there is a lease: of the newest data key, or of a new one if
// that one may not seal so many more.
func (s *Store) book(ctx context.Context) error {
	if s.booked() {
		return nil
	}
	s.admin.Lock()
	defer s.admin.Unlock()
	if s.booked() {
		return nil
	}
	var id uint32
	err := s.change(ctx, nil, func(k *keyring) error {
		if k.newest().booked+s.opts.Lease > s.opts.Seals {
			if err := s.rotate(k); err != nil {
				return err
			}
		}
		k.newest().booked += s.opts.Lease
		id = k.newest().id
		return nil
	})
	if err != nil {
		return err
	}
	l := s.lease.Load()
	if l == nil || l.id != id {
		l = &lease{id: id}
	}
	l.left.Add(int64(s.opts.Lease))
	s.lease.Store(l)
	return nil
}
