// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// useSpan is how long the use of an access key stands for those that follow: only the
// first use in a span of 15 minutes is recorded (IAM User Guide, "Getting credential
// reports for your AWS account", access_key_1_last_used_date).
const useSpan = 15 * time.Minute

// Use is the last use of an access key that was noted.
type Use struct {
	At time.Time
	// Service is the service's signing name, and Region the one that was signed for.
	Service, Region string
}

// LastUse returns when and how an access key was used last, or nil when it never was.
func (d *Directory) LastUse(r kv.Reader, id string) (*Use, error) { return d.uses.Get(r, id) }

// used returns a credential's Used: a look at the clock for all uses but the first one of
// a span.
func (d *Directory) used(id string) func(gate.Use) func(kv.Tx) error {
	var noted atomic.Int64 // nanoseconds since 1970
	return func(u gate.Use) func(kv.Tx) error {
		at, last := u.Time.UnixNano(), noted.Load()
		if at < last+int64(useSpan) || !noted.CompareAndSwap(last, at) {
			return nil
		}
		return func(tx kv.Tx) error { return d.noteUse(tx, id, Use{u.Time.UTC(), u.Service, u.Region}) }
	}
}

// noteUse records the use of a key that is still there, unless one of the same span is.
func (d *Directory) noteUse(tx kv.Tx, id string, u Use) error {
	key, err := d.AccessKeys.Get(tx, id)
	if err != nil || key == nil {
		return err
	}
	last, err := d.uses.Get(tx, id)
	if err != nil || last != nil && u.At.Before(last.At.Add(useSpan)) {
		return err
	}
	return d.uses.Put(tx, &u, id)
}
