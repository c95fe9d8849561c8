// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

func (s *Service) listAliases(_ context.Context, r kv.Reader, call *gate.Call, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	key := ""
	if in.KeyId != nil {
		k, err := s.findKey(r, call, *in.KeyId)
		if err != nil {
			return nil, err
		}
		key = k.ID
	}
	page, err := openPage(call, in.Limit, in.Marker, aliasesPage, key)
	if err != nil {
		return nil, err
	}
	// One more than the page holds says that there is a next one.
	list := s.aliasesFrom
	if key != "" {
		list = s.aliasesOfKey
	}
	all, err := list(r, call, key, page.after, page.limit+1)
	if err != nil {
		return nil, err
	}
	out := &kms.ListAliasesOutput{Aliases: make([]kms.AliasListEntry, 0, min(len(all), page.limit))}
	for i, a := range all {
		if i == page.limit {
			out.NextMarker = new(call.PageToken(all[i-1].Name, key))
			break
		}
		out.Aliases = append(out.Aliases, a.entry(call))
	}
	out.Truncated = new(out.NextMarker != nil)
	return out, nil
}

// entry is the alias as it is listed. A predefined one has no key until it is used.
func (a *Alias) entry(call *gate.Call) kms.AliasListEntry {
	e := kms.AliasListEntry{AliasName: &a.Name, AliasArn: new(call.ARN("kms", a.Name))}
	if a.KeyID != "" {
		e.TargetKeyId = &a.KeyID
		e.CreationDate, e.LastUpdatedDate = new(api.Time{Time: a.Created}), new(api.Time{Time: a.Updated})
	}
	return e
}

// aliasesFrom returns up to n aliases behind after, predefined ones among them.
func (s *Service) aliasesFrom(r kv.Reader, call *gate.Call, _, after string, n int) ([]*Alias, error) {
	var all []*Alias
	for item, err := range s.aliases.All(r, after, call.Account, call.Region) {
		if err != nil {
			return nil, err
		}
		if all = append(all, item.Value); len(all) == n {
			break
		}
	}
	for _, m := range managedKeys {
		place, there := slices.BinarySearchFunc(all, m.alias, func(a *Alias, name string) int { return byKey(a.Name, name) })
		if !there && place < n && byKey(m.alias, after) > 0 {
			all = slices.Insert(all, place, &Alias{Name: m.alias})
		}
	}
	return all[:min(len(all), n)], nil
}

// byKey compares names as the store orders them.
func byKey(a, b string) int { return strings.Compare(kv.Key(a), kv.Key(b)) }

// aliasesOfKey returns up to n aliases of one key behind after.
func (s *Service) aliasesOfKey(r kv.Reader, call *gate.Call, key, after string, n int) ([]*Alias, error) {
	var all []*Alias
	for item, err := range s.aliasesOf.All(r, after, call.Account, call.Region, key) {
		if err != nil {
			return nil, err
		}
		a, err := s.aliases.Get(r, call.Account, call.Region, item.Segments[0])
		if err != nil {
			return nil, err
		}
		if all = append(all, a); len(all) == n {
			break
		}
	}
	return all, nil
}
