// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Keys returns the access keys of one principal, or, with an empty account, all.
func (d *Directory) Keys(r kv.Reader, account string, kind Kind, name string) ([]*AccessKey, error) {
	var all []*AccessKey
	for item, err := range d.AccessKeys.All(r, "") {
		if err != nil {
			return nil, err
		}
		k := item.Value
		if account == "" || (k.Account == account && k.Kind == kind && k.Name == name) {
			all = append(all, k)
		}
	}
	return all, nil
}

// Has reports whether the principal and its fixed keys are as given already.
func (d *Directory) Has(r kv.Reader, p Principal, fixed []NewKey) (bool, error) {
	old, err := d.Principals.Get(r, p.Account, string(p.Kind), p.Name)
	if err != nil || old == nil || old.From != p.From || !maps.Equal(old.Policies, p.Policies) {
		return false, err
	}
	keys, err := d.Keys(r, p.Account, p.Kind, p.Name)
	if err != nil {
		return false, err
	}
	keys = slices.DeleteFunc(keys, func(k *AccessKey) bool { return !k.Fixed })
	if p.From == "" {
		return true, nil
	}
	if len(keys) != len(fixed) {
		return false, nil
	}
	for _, want := range fixed {
		if !slices.ContainsFunc(keys, func(k *AccessKey) bool {
			return k.ID == want.ID && secret.New(k.Secret).Equal(want.Secret)
		}) {
			return false, nil
		}
	}
	return true, nil
}

// SetKeys gives the principal these fixed keys, and takes away the fixed ones that
// are not among them. One that it has already stays as it is: switched off, if it was.
func (d *Directory) SetKeys(tx kv.Tx, p Principal, fixed []NewKey, now time.Time) error {
	if p.From == "" {
		return nil
	}
	keys, err := d.Keys(tx, p.Account, p.Kind, p.Name)
	if err != nil {
		return err
	}
	for _, k := range keys {
		kept := slices.ContainsFunc(fixed, func(n NewKey) bool { return n.ID == k.ID })
		if k.Fixed && !kept {
			if err := d.drop(tx, k.ID); err != nil {
				return err
			}
		}
	}
	for _, n := range fixed {
		if slices.ContainsFunc(keys, func(k *AccessKey) bool { return k.ID == n.ID && k.Fixed && secret.New(k.Secret).Equal(n.Secret) }) {
			continue
		}
		if _, err := d.CreateKey(tx, n, now); err != nil {
			return err
		}
	}
	return nil
}

// SetKeyStatus switches a key on or off.
func (d *Directory) SetKeyStatus(tx kv.Tx, id string, active bool) error {
	key, err := d.key(tx, id)
	if err != nil {
		return err
	}
	changed := *key
	changed.Inactive = !active
	return d.AccessKeys.Put(tx, &changed, id)
}

// DeleteKey removes a key.
func (d *Directory) DeleteKey(tx kv.Tx, id string) error {
	if _, err := d.key(tx, id); err != nil {
		return err
	}
	return d.drop(tx, id)
}

// drop removes what there is of a key.
func (d *Directory) drop(tx kv.Tx, id string) error {
	if err := d.uses.Delete(tx, id); err != nil {
		return err
	}
	return d.AccessKeys.Delete(tx, id)
}

func (d *Directory) key(r kv.Reader, id string) (*AccessKey, error) {
	key, err := d.AccessKeys.Get(r, id)
	if err == nil && key == nil {
		err = fmt.Errorf("%s: %w", id, ErrNoKey)
	}
	return key, err
}
