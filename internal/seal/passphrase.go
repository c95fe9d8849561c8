// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// DefaultWorkFactor is the binary logarithm of scrypt's cost for a passphrase: about a
// second and 256 MiB of memory, each time a store is opened.
const DefaultWorkFactor = 18

const (
	maxWorkFactor = 22 // age's own limit for what it reads: 4 GiB
	ageMagic      = "age-encryption.org/v1\n"
)

// A Passphrase is a Root that wraps in age's format, by scrypt: what it returns is a
// file that the age command opens too.
type Passphrase struct {
	passphrase secret.Value
	workFactor int
}

var _ Root = (*Passphrase)(nil)

// PassphraseRoot returns a Root of the passphrase, which it keeps and never wipes, and
// which must not be empty. Zero as the work factor means DefaultWorkFactor; a store is
// opened by the one that it was wrapped with.
func PassphraseRoot(passphrase secret.Value, workFactor int) (*Passphrase, error) {
	if passphrase.Len() == 0 {
		return nil, errors.New("seal: the passphrase is empty")
	}
	if workFactor == 0 {
		workFactor = DefaultWorkFactor
	}
	if workFactor < 1 || workFactor > maxWorkFactor {
		return nil, fmt.Errorf("seal: work factor %d is not within 1 and %d", workFactor, maxWorkFactor)
	}
	return &Passphrase{passphrase: passphrase, workFactor: workFactor}, nil
}

// String is Root's.
func (p *Passphrase) String() string { return "a passphrase" }

// Wrap is Root's.
func (p *Passphrase) Wrap(_ context.Context, plaintext []byte) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(p.passphrase.RevealString())
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(p.workFactor)
	var wrapped bytes.Buffer
	w, err := age.Encrypt(&wrapped, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plaintext); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return wrapped.Bytes(), nil
}

// Unwrap is Root's.
func (p *Passphrase) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	if !bytes.HasPrefix(wrapped, []byte(ageMagic)) {
		return nil, fmt.Errorf("%w: no passphrase opens this store", ErrWrongRoot)
	}
	identity, err := age.NewScryptIdentity(p.passphrase.RevealString())
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(bytes.NewReader(wrapped), identity)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, fmt.Errorf("%w: the passphrase is not the one that this store was made or last rewrapped with: "+
			"try again with that one", ErrWrongRoot)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, MaxWrapped))
}
