// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"strconv"

	bolt "go.etcd.io/bbolt"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// The file has two buckets. A record is described at sumBytes.
//
//	coffer   "format" -> "1"     its sequence is the revision with all bits inverted
//	data     key -> value ...    its sequence is the revision
//
// The sequences are part of what each commit writes anyway, and are two so that a
// damaged one is known. The revision is our own count, and not bbolt's number of the
// transaction, because several Updates with a revision each share a transaction.
const formatVersion = 1

var (
	aboutBucket = []byte("coffer")
	dataBucket  = []byte("data")
	formatKey   = []byte("format")
)

// format makes the buckets of a new database.
func format(tx *bolt.Tx) error {
	about, err := tx.CreateBucket(aboutBucket)
	if err != nil {
		return err
	}
	if _, err := tx.CreateBucket(dataBucket); err != nil {
		return err
	}
	version := []byte(strconv.Itoa(formatVersion))
	if err := about.Put(formatKey, record(formatKey, version)); err != nil {
		return err
	}
	return setRev(tx, 0)
}

func setRev(tx *bolt.Tx, rev kv.Rev) error {
	if err := tx.Bucket(aboutBucket).SetSequence(^uint64(rev)); err != nil {
		return err
	}
	return tx.Bucket(dataBucket).SetSequence(uint64(rev))
}
