// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime/debug"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// A record is a value followed by the CRC of its key and itself:
//
//	value ...  CRC-32C (4 bytes, big endian)
const sumBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// record returns value as it is stored under key.
func record(key, value []byte) []byte {
	b := make([]byte, 0, len(value)+sumBytes)
	return binary.BigEndian.AppendUint32(append(b, value...), sum(key, value))
}

// valueOf returns the value in a record, of which it is a part, and whether it is whole.
// It is never nil.
func valueOf(key, rec []byte) ([]byte, bool) {
	n := len(rec) - sumBytes
	if n < 0 || binary.BigEndian.Uint32(rec[n:]) != sum(key, rec[:n]) {
		return nil, false
	}
	return rec[:n:n], true
}

// damaged returns a kv.ErrCorrupt that says what to do.
func damaged(path, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s; stop using the file and restore it from a backup",
		kv.ErrCorrupt, path, fmt.Sprintf(format, args...))
}

// guard runs op, which calls bbolt and no code of a caller's, and makes an error of a
// panic. bbolt panics on some damage. And it reads the file through memory, where a
// page that the disk can't deliver, or that was cut off under the running store, is a
// fault that ends the process unless it is turned into a panic for this goroutine.
func guard(path string, op func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = damaged(path, "reading it failed: %v", p)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return op()
}
