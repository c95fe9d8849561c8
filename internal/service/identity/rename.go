// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"github.com/coffer-secrets/coffer/internal/kv"
)

// Rename gives a user another name, which nobody has. The unique id stays, and with it
// the user's groups; its access keys and the sessions that it has go on as before.
func (d *Directory) Rename(tx kv.Tx, p *Principal, name string) error {
	keys, err := d.Keys(tx, p.Account, p.Kind, p.Name)
	if err != nil {
		return err
	}
	for _, k := range keys {
		moved := *k
		moved.Name = name
		if err := d.AccessKeys.Put(tx, &moved, k.ID); err != nil {
			return err
		}
	}
	if err := d.Principals.Delete(tx, p.Account, string(p.Kind), p.Name); err != nil {
		return err
	}
	if err := d.renamed.Put(tx, &name, p.Account, p.ID); err != nil {
		return err
	}
	renamed := *p
	renamed.Name = name
	return d.Principals.Put(tx, &renamed, p.Account, string(p.Kind), name)
}
