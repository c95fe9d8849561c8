// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

const (
	MaxBatchUpdates = maxBatchUpdates
	MaxBatchBytes   = maxBatchBytes
	PageSize        = pageSize
)

// Waiting returns how many Updates wait for the turn.
func (s *Store) Waiting() int {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	return len(s.line.waiting)
}

// SetFormat rewrites the version of the format that the file at path says it has.
func SetFormat(path, version string) error {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(aboutBucket).Put(formatKey, record(formatKey, []byte(version)))
	})
	if err != nil {
		return err
	}
	return db.Close()
}

// WriteFreelist has the list of free pages in the file at path, as an earlier Coffer had,
// by a commit that changes nothing else.
func WriteFreelist(path string) error {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	return errors.Join(db.Update(func(*bolt.Tx) error { return nil }), db.Close())
}

// CheckBolt runs bbolt's own check of the file at path.
func CheckBolt(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return err
	}
	err = db.View(func(tx *bolt.Tx) error {
		var first error
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		return first
	})
	if err != nil {
		return err
	}
	return db.Close()
}
