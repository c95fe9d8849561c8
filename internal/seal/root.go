// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"context"
	"fmt"
)

// Root is the key that opens a store: it wraps the keyring's key. Its own key never
// goes into the store. Methods are for concurrent use.
type Root interface {
	// Wrap encrypts a key of 32 bytes so that only this root can open it; the result
	// has at most MaxWrapped bytes. It is called for a new store and by Rewrap, and may
	// make the root's key if there is none.
	Wrap(ctx context.Context, plaintext []byte) (wrapped []byte, err error)
	// Unwrap opens what Wrap returned, into bytes that the caller may overwrite. It
	// never makes a key. The error is ErrWrongRoot if another root wrapped it.
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
	// String describes the root for people, such as "key file /etc/coffer/root.key".
	// It is kept in the clear with the keyring, and must tell no secret.
	String() string
}

// MaxWrapped is the most bytes that a Root may return from Wrap.
const MaxWrapped = 16 << 10

// maxDescription is how many bytes of Root.String are kept with the keyring.
const maxDescription = 255

func describe(root Root) string {
	d := root.String()
	return d[:min(len(d), maxDescription)]
}

// wrapChecked wraps key and makes sure that root can undo it: a root that can only
// encrypt, for want of a permission, say, must not get to hold a store's key.
func wrapChecked(ctx context.Context, root Root, key *[keySize]byte) ([]byte, error) {
	wrapped, err := root.Wrap(ctx, key[:])
	if err != nil {
		return nil, fmt.Errorf("seal: wrapping the keyring by %s: %w", root, err)
	}
	if len(wrapped) > MaxWrapped {
		return nil, fmt.Errorf("seal: wrapping the keyring by %s: %d bytes, at most %d", root, len(wrapped), MaxWrapped)
	}
	back, err := root.Unwrap(ctx, wrapped)
	if err != nil {
		return nil, fmt.Errorf("seal: checking that %s unwraps what it wrapped: %w", root, err)
	}
	defer clear(back)
	if !bytes.Equal(back, key[:]) {
		return nil, fmt.Errorf("seal: %s does not unwrap what it wrapped", root)
	}
	return wrapped, nil
}
