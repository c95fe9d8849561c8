// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"encoding/binary"
	"slices"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// A sealed record:
//
//	+---------+-------------+-------+------------------+-----+
//	| version | data key id | nonce | encrypted value  | tag |
//	+---------+-------------+-------+------------------+-----+
//	  1         4             12      as long as value   16
//
// Version and id, and after them the record's key, are the associated data.
const (
	recordVersion = 1
	headerSize    = 1 + 4
	nonceSize     = 12
	tagSize       = 16
)

// Overhead is how many bytes a sealed record is longer than its value. Callers may
// write values of kv.MaxValue bytes; the store below takes kv.Headroom more.
const Overhead = headerSize + nonceSize + tagSize

const _ = uint(kv.Headroom - Overhead) // it does

// appendRecord appends the sealed form of value to dst. aad is room for associated data.
func (k *dataKey) appendRecord(dst, aad []byte, key string, value []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, Overhead+len(value))
	dst = append(dst, recordVersion)
	dst = binary.BigEndian.AppendUint32(dst, k.id)
	return k.aead.Seal(dst, nil, value, associated(aad, dst[start:], key))
}

// recordKeyID returns the id of the data key that sealed record, unless its form is
// not that of a sealed record.
func recordKeyID(key string, record []byte) (uint32, error) {
	if len(record) == 0 {
		return 0, tampered(key, "record is empty")
	}
	if v := record[0]; v != recordVersion {
		return 0, tampered(key, "record has format %d, which this version does not know: damage, or %w", v, kv.ErrVersion)
	}
	if len(record) < Overhead {
		return 0, tampered(key, "record of %d bytes is truncated", len(record))
	}
	return binary.BigEndian.Uint32(record[1:]), nil
}

// open returns the value of a record that recordKeyID found to be sealed by k; an
// empty one is not nil. aad is room for the associated data.
func (k *dataKey) open(aad []byte, key string, record []byte) ([]byte, error) {
	value := make([]byte, 0, len(record)-Overhead)
	value, err := k.aead.Open(value, nil, record[headerSize:], associated(aad, record[:headerSize], key))
	if err != nil {
		return nil, tampered(key, "record was changed, or belongs to another key")
	}
	return value, nil
}

func associated(aad, header []byte, key string) []byte {
	return append(append(aad[:0], header...), key...)
}
