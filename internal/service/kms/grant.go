// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/record"
)

// Grant is the record of one grant on a key. It is made and removed, and never changed.
type Grant struct {
	// ID is 64 hexadecimal digits.
	ID      string
	Name    string `json:",omitzero"`
	Created time.Time
	// Grantee is the ARN of who may do the Operations, of kms.GrantOperation…, and
	// Retiring, which may be empty, that of who may retire the grant.
	Grantee    string
	Retiring   string `json:",omitzero"`
	Operations []string
	// Issuer is the account of who made it.
	Issuer string
	// Subset has to be part of the encryption context, and Equals has to be all of it. An
	// empty one constrains nothing.
	Subset map[string]string `json:",omitzero"`
	Equals map[string]string `json:",omitzero"`
}

// permits reports whether the grant is good for an operation under those conditions. A
// constraint does not apply to DescribeKey, which has no encryption context.
func (g *Grant) permits(operation string, c *conditions) bool {
	switch {
	case !slices.Contains(g.Operations, operation):
		return false
	case operation == kms.GrantOperationCreateGrant:
		return c.child != nil && c.child.within(g)
	case operation == kms.GrantOperationDescribeKey:
		return true
	}
	return g.covers(c.context)
}

// covers reports whether an encryption context meets the constraints.
func (g *Grant) covers(context map[string]string) bool {
	return includes(context, g.Subset) && (len(g.Equals) == 0 || maps.Equal(context, g.Equals))
}

// within reports whether the grant lets nobody do what its parent would not let them do
// (AWS KMS Developer Guide, "Granting CreateGrant permission").
func (g *Grant) within(parent *Grant) bool {
	for _, operation := range g.Operations {
		if !slices.Contains(parent.Operations, operation) {
			return false
		}
	}
	if len(g.Equals) > 0 {
		return parent.covers(g.Equals)
	}
	return len(parent.Equals) == 0 && includes(g.Subset, parent.Subset)
}

func includes(all, some map[string]string) bool {
	for key, value := range some {
		if have, ok := all[key]; !ok || have != value {
			return false
		}
	}
	return true
}

// grants are the tables of grants.
type grants struct {
	all *record.Table[Grant] // by the key's account, region and id, and the grant's id
	// byGrantee and byRetiring have an entry for each grant below its grantee on the key,
	// and below its retiring principal in the region.
	byGrantee, byRetiring *record.Table[struct{}]
	counts                *record.Table[grantCount] // by the key's account, region and id
}

// grantCount is the record of how many grants a key has, if it has any.
type grantCount struct{ Grants int }

func newGrants() grants {
	return grants{
		all:        record.New[Grant]("kms/grant"),
		byGrantee:  record.New[struct{}]("kms/grantee"),
		byRetiring: record.New[struct{}]("kms/retiring"),
		counts:     record.New[grantCount]("kms/grant-count"),
	}
}

func (t grants) get(r kv.Reader, k *Key, id string) (*Grant, error) {
	return t.all.Get(r, k.Account, k.Region, k.ID, id)
}

func (t grants) count(r kv.Reader, k *Key) (int, error) {
	c, err := t.counts.Get(r, k.Account, k.Region, k.ID)
	if err != nil || c == nil {
		return 0, err
	}
	return c.Grants, nil
}

// put adds a grant to a key that has n.
func (t grants) put(tx kv.Tx, k *Key, g *Grant, n int) error {
	if err := t.all.Put(tx, g, k.Account, k.Region, k.ID, g.ID); err != nil {
		return err
	}
	if err := t.byGrantee.Put(tx, &struct{}{}, k.Account, k.Region, k.ID, g.Grantee, g.ID); err != nil {
		return err
	}
	if g.Retiring != "" {
		if err := t.byRetiring.Put(tx, &struct{}{}, k.Region, g.Retiring, k.Account, k.ID, g.ID); err != nil {
			return err
		}
	}
	return t.counts.Put(tx, &grantCount{n + 1}, k.Account, k.Region, k.ID)
}

// remove takes a grant from its key.
func (t grants) remove(tx kv.Tx, k *Key, g *Grant) error {
	if err := t.all.Delete(tx, k.Account, k.Region, k.ID, g.ID); err != nil {
		return err
	}
	if err := t.byGrantee.Delete(tx, k.Account, k.Region, k.ID, g.Grantee, g.ID); err != nil {
		return err
	}
	if err := t.byRetiring.Delete(tx, k.Region, g.Retiring, k.Account, k.ID, g.ID); err != nil {
		return err
	}
	n, err := t.count(tx, k)
	switch {
	case err != nil:
		return err
	case n <= 1:
		return t.counts.Delete(tx, k.Account, k.Region, k.ID)
	}
	return t.counts.Put(tx, &grantCount{n - 1}, k.Account, k.Region, k.ID)
}

// to yields the grants of a key to a grantee, those behind after, in the order of their ids.
func (t grants) to(r kv.Reader, k *Key, grantee, after string) iter.Seq2[*Grant, error] {
	return func(yield func(*Grant, error) bool) {
		for item, err := range t.byGrantee.All(r, after, k.Account, k.Region, k.ID, grantee) {
			var g *Grant
			if err == nil {
				g, err = t.get(r, k, item.Segments[0])
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
	}
}

// standing is one of the names that somebody has, with what a grant to it comes to.
type standing struct {
	arn string
	as  policy.Grant
}

// standings are the names by which a grant may mean the caller: their own, that of the
// role or user whose session they are, and the account's, which leaves it to its identity
// policies.
func standings(p *gate.Principal) []standing {
	root := accountRoot(p.Account)
	var all []standing
	for _, own := range []string{p.ARN, p.Issuer} {
		if own != "" && own != root {
			all = append(all, standing{own, policy.GrantedToPrincipal})
		}
	}
	return append(all, standing{root, policy.GrantedToAccount})
}

// accountRoot is how a policy or a grant names all principals of an account.
func accountRoot(account string) string { return "arn:aws:iam::" + account + ":root" }

// granted tells how far a grant lets the caller in, to an action that the policies don't
// allow.
func (c *conditions) granted(action string) (policy.Grant, error) {
	operation := strings.TrimPrefix(action, kms.Service.Name+":")
	for _, who := range standings(c.call.Principal) {
		for g, err := range c.service.grants.to(c.reader, c.key, who.arn, "") {
			if err != nil {
				return policy.NotGranted, err
			}
			if g.permits(operation, c) {
				return who.as, nil
			}
		}
	}
	return policy.NotGranted, nil
}
