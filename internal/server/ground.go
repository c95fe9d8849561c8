// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"time"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
)

// Ground is what a server stands on in place of its data directory and the machine's
// clock. It is for servers that live as long as a test does: nothing of them outlasts the
// process but the audit log. The zero value changes nothing.
type Ground struct {
	// Store is in place of the database file. The server closes it.
	Store kv.Store
	// Root is what the store's keyring is wrapped by. It belongs to Store.
	Root seal.Root
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Idle leaves the data directory as it is: what the configuration names is not made,
	// and no job is done. Only calls change anything.
	Idle bool
	// FirstKey has the root of the account be made with an access key, if nobody has one.
	// Server.FirstKey returns it.
	FirstKey bool
	// operator is a key with which the root of the configuration's account calls. It may
	// be nil.
	operator *gate.Credential
	// Unsynced leaves it to the operating system when the audit log gets onto the disk.
	Unsynced bool
}

// InMemory is the ground of a server that leaves nothing behind but its audit log. Its
// keyring is as it is beside the store: both are in the memory of this process.
func InMemory() Ground { return Ground{Store: memkv.New(), Root: openRoot{}, Unsynced: true} }

// openRoot leaves the keyring as it is.
type openRoot struct{}

// Wrap implements seal.Root.
func (openRoot) Wrap(_ context.Context, key []byte) ([]byte, error) { return bytes.Clone(key), nil }

// Unwrap implements seal.Root.
func (openRoot) Unwrap(_ context.Context, key []byte) ([]byte, error) { return bytes.Clone(key), nil }

// String implements seal.Root.
func (openRoot) String() string { return "none: the store is in memory" }

func (s *Server) startJobs() *jobs.Worker {
	return jobs.Start(jobs.Config{Store: s.Store, Log: s.Log, Handlers: s.gate.Jobs(), Now: s.now})
}

// Settle does the jobs that are due by the clock, which may just have been moved, and
// returns when none is left, or ctx ends. No other call of Settle or Close may be under
// way.
func (s *Server) Settle(ctx context.Context) error {
	if err := s.jobs.Close(); err != nil {
		return err
	}
	s.jobs = s.startJobs() // which looks at the clock at once
	var waiting int
	look := func(r kv.Reader) (err error) {
		waiting, err = jobs.Due(r, s.now())
		return err
	}
	rev, err := s.Store.View(ctx, look)
	if err != nil || waiting == 0 {
		return err
	}
	for _, err := range s.Store.Watch(ctx, kv.Prefix("jobs"), rev) {
		if err == nil {
			_, err = s.Store.View(ctx, look)
		}
		if err != nil || waiting == 0 {
			return err
		}
	}
	return ctx.Err()
}
