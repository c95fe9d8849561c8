// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
)

// What FileRoot wraps is an id of 8 bytes, which tells whether it is its own, and
// AES-256-GCM. Both keys for it are derived from the one in the file.
const (
	rootIDSize   = 8
	rootIDLabel  = "coffer root 1: id"
	rootKeyLabel = "coffer root 1: wrap"
)

// A KeyFile is a Root whose key is in a file. It reads the file each time, and keeps
// no key in memory.
type KeyFile struct{ path string }

var _ Root = (*KeyFile)(nil)

// FileRoot returns a Root whose key is in the file at path. Wrap makes the file, with
// mode 0600, in a directory that exists; Unwrap answers fs.ErrNotExist when it is
// missing. A file that others than its owner may read or write is refused, and so is
// one that is not exactly what was written.
func FileRoot(path string) *KeyFile { return &KeyFile{path: path} }

// String is Root's.
func (f *KeyFile) String() string { return "key file " + f.path }

// Wrap is Root's.
func (f *KeyFile) Wrap(_ context.Context, plaintext []byte) ([]byte, error) {
	key, err := readKeyFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKeyFile(f.path)
	}
	if err != nil {
		return nil, err
	}
	id, aead, err := rootCipher(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(id, nil, plaintext, nil), nil
}

// Unwrap is Root's.
func (f *KeyFile) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	key, err := readKeyFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the file is missing and no other key opens this store, so none was made: "+
			"restore it from its backup: %w", err)
	}
	if err != nil {
		return nil, err
	}
	id, aead, err := rootCipher(key)
	if err != nil {
		return nil, err
	}
	sealed, ok := bytes.CutPrefix(wrapped, id)
	if !ok {
		return nil, fmt.Errorf("%w: the key in file %s is another one than this store was made or last rewrapped with",
			ErrWrongRoot, f.path)
	}
	plaintext, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: the wrapped key was changed", ErrTampered)
	}
	return plaintext, nil
}

// rootCipher returns the id of the key in the file, and what wraps under it. The key is
// overwritten.
func rootCipher(key *[keySize]byte) (id []byte, aead cipher.AEAD, err error) {
	defer clear(key[:])
	id, wrapping, err := rootKeys(key)
	if err != nil {
		return nil, nil, err
	}
	defer clear(wrapping[:])
	aead, err = newAEAD(wrapping)
	return id, aead, err
}

// rootKeys derives the id and the wrapping key from the key in the file.
func rootKeys(key *[keySize]byte) (id []byte, wrapping *[keySize]byte, err error) {
	if id, err = hkdf.Key(sha256.New, key[:], nil, rootIDLabel, rootIDSize); err != nil {
		return nil, nil, err
	}
	b, err := hkdf.Key(sha256.New, key[:], nil, rootKeyLabel, keySize)
	if err != nil {
		return nil, nil, err
	}
	return id, (*[keySize]byte)(b), nil
}
