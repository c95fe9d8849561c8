// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// GroupsOf returns the groups that a user is in, in the order of their names.
func (d *Directory) GroupsOf(r kv.Reader, p *Principal) ([]*Group, error) {
	if len(p.Groups) == 0 {
		return nil, nil
	}
	var in []*Group
	for item, err := range d.Groups.All(r, "", p.Account) {
		if err != nil {
			return nil, err
		}
		if p.In(item.Value) {
			in = append(in, item.Value)
		}
	}
	return in, nil
}

// In reports whether the principal is a member of the group.
func (p *Principal) In(g *Group) bool { return slices.Contains(p.Groups, g.ID) }
