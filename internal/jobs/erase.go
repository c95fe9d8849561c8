// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// KindErase is the kind of jobs that Erase makes.
const KindErase = "erase"

// Erase asks, within tx, for every key with the prefix to be deleted afterwards:
// for what hangs on a record that is gone and may be more than one transaction can
// hold. Nothing may write below the prefix any more. An empty prefix, which would be
// the whole store, is an error.
func Erase(tx kv.Tx, now time.Time, prefix string) error {
	if prefix == "" {
		return errEverything
	}
	return Enqueue(tx, KindErase, now, []byte(prefix))
}

var errEverything = errors.New("jobs: asked to erase everything")

// Eraser is the Handler of such jobs.
func Eraser(store kv.Store) Handler {
	return Handler{Do: func(ctx context.Context, payload []byte) error {
		if len(payload) == 0 {
			return errEverything
		}
		return EraseRange(ctx, store, kv.Range{Prefix: string(payload)})
	}}
}

// EraseRange deletes every key of a range to which nothing is added meanwhile, in as
// many transactions as it takes.
func EraseRange(ctx context.Context, store kv.Store, scan kv.Range) error {
	for {
		n := 0
		_, err := store.Update(ctx, func(tx kv.Tx) error {
			n = 0
			var keys []string
			for pair, err := range tx.Scan(scan) {
				if err != nil {
					return err
				}
				if keys = append(keys, pair.Key); len(keys) == kv.MaxOps {
					break
				}
			}
			n = len(keys)
			for _, key := range keys {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n < kv.MaxOps {
			return err
		}
	}
}
