// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// Fate is what becomes of an access key that another one takes the place of.
type Fate string

// The fates of a key.
const (
	Kept        Fate = "kept"
	Deactivated Fate = "deactivated"
	Deleted     Fate = "deleted"
)

// Why a key can't be rotated.
var (
	ErrSession    = errors.New("a session has no key to rotate: it ends by itself")
	ErrConfigured = errors.New("the configuration file names the key: change it there")
)

// Rotate makes another access key for the user or root whose key this is, and does with
// the old one as its fate says. Only a key that is deleted makes room for its successor: a
// principal has MaxKeys at most.
func (d *Directory) Rotate(tx kv.Tx, id string, fate Fate, now time.Time) (*GrantedKey, error) {
	old, err := d.key(tx, id)
	if err != nil {
		return nil, err
	}
	if !old.Expires.IsZero() {
		return nil, fmt.Errorf("%s: %w", id, ErrSession)
	}
	owner, err := d.Principals.Get(tx, old.Account, string(old.Kind), old.Name)
	if err != nil {
		return nil, err
	}
	if old.Fixed && owner != nil && owner.From != "" {
		return nil, fmt.Errorf("%s: %w", id, ErrConfigured)
	}
	switch fate {
	case Deactivated:
		err = d.SetKeyStatus(tx, id, false)
	case Deleted:
		err = d.DeleteKey(tx, id)
	}
	if err != nil {
		return nil, err
	}
	return d.CreateKey(tx, NewKey{Account: old.Account, Kind: old.Kind, Name: old.Name}, now)
}
