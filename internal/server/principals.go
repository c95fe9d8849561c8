// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Where an act comes from. The first also marks the principals that the configuration
// file owns.
const (
	byConfiguration = "configuration file"
	byCommandLine   = "command line"
)

// applyPrincipals brings the store's principals to what the configuration says: those
// that it names are as it says, and those that it named before and names no more are
// gone, with their keys. What the command line made stays as it is.
func (s *Server) applyPrincipals(ctx context.Context) error {
	var wanted []identity.Principal
	var keys [][]identity.NewKey
	for i := range s.Config.Principals {
		p, err := s.Config.Principals[i].principal(s.Config.Account)
		if err != nil {
			return fmt.Errorf("principals, entry %d: %w", i+1, err)
		}
		k, err := s.Config.Principals[i].keys(p)
		if err != nil {
			return fmt.Errorf("principals, entry %d: %w", i+1, err)
		}
		wanted, keys = append(wanted, p), append(keys, k)
	}
	if err := s.removeUnnamed(ctx, wanted); err != nil {
		return err
	}
	for i := range wanted {
		if err := s.applyPrincipal(ctx, wanted[i], keys[i]); err != nil {
			return fmt.Errorf("principal %s %s: %w", wanted[i].Kind, wanted[i].Name, err)
		}
	}
	return nil
}

func (s *Server) removeUnnamed(ctx context.Context, wanted []identity.Principal) error {
	var all []*identity.Principal
	if _, err := s.Store.View(ctx, func(r kv.Reader) (err error) {
		all, err = s.Directory.AllPrincipals(r, "")
		return err
	}); err != nil {
		return err
	}
	for _, p := range all {
		named := slices.ContainsFunc(wanted, func(w identity.Principal) bool {
			return w.Account == p.Account && w.Kind == p.Kind && w.Name == p.Name
		})
		if named || p.From != byConfiguration {
			continue
		}
		act := &Act{Name: "Delete" + p.Kind.Title(), By: byConfiguration, Details: map[string]string{"principal": p.ARN()}}
		if err := s.Do(ctx, act, func(tx kv.Tx) error {
			return s.Directory.DeletePrincipal(tx, p.Account, p.Kind, p.Name)
		}); err != nil {
			return err
		}
	}
	return nil
}

// applyPrincipal writes one principal and its fixed keys, if anything differs.
func (s *Server) applyPrincipal(ctx context.Context, p identity.Principal, keys []identity.NewKey) error {
	same := false
	if _, err := s.Store.View(ctx, func(r kv.Reader) (err error) {
		same, err = s.Directory.Has(r, p, keys)
		return err
	}); err != nil || same {
		return err
	}
	now := s.now()
	act := &Act{Name: "Create" + p.Kind.Title(), By: byConfiguration, Details: map[string]string{"principal": p.ARN()}}
	return s.Do(ctx, act, func(tx kv.Tx) error {
		if _, err := s.Directory.PutPrincipal(tx, p, now); err != nil {
			return err
		}
		return s.Directory.SetKeys(tx, p, keys, now)
	})
}

func (c *PrincipalConfig) principal(account string) (identity.Principal, error) {
	p := identity.Principal{Account: cmp.Or(c.Account, account), From: byConfiguration, Policies: map[string]string{}}
	switch {
	case c.User != "" && c.Role == "":
		p.Kind, p.Name = identity.User, c.User
	case c.Role != "" && c.User == "":
		p.Kind, p.Name = identity.Role, c.Role
	default:
		return p, errors.New("give either user or role")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		node := c.Policies[name]
		document, err := policyDocument(&node)
		if err != nil {
			return p, fmt.Errorf("policy %q: %w", name, err)
		}
		p.Policies[name] = document
	}
	return p, nil
}

// policyDocument returns a document that the file has as JSON text or as YAML.
func policyDocument(node *yaml.Node) (string, error) {
	if node.Kind == yaml.ScalarNode {
		return node.Value, nil
	}
	datesAsText(node)
	var document any
	if err := node.Decode(&document); err != nil {
		return "", err
	}
	text, err := json.Marshal(document)
	return string(text), err
}

// datesAsText keeps YAML from taking a policy's Version for a date.
func datesAsText(node *yaml.Node) {
	if node.ShortTag() == "!!timestamp" {
		node.Tag = "!!str"
	}
	for _, child := range node.Content {
		datesAsText(child)
	}
}

func (c *PrincipalConfig) keys(p identity.Principal) ([]identity.NewKey, error) {
	if p.Kind == identity.Role && len(c.AccessKeys) > 0 {
		return nil, errors.New("a role has no access keys of its own: coffer key create --role gives it a session")
	}
	var keys []identity.NewKey
	for _, k := range c.AccessKeys {
		value, err := readFirstLine(k.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("access key %s: %w", k.ID, err)
		}
		keys = append(keys, identity.NewKey{Account: p.Account, Kind: p.Kind, Name: p.Name, ID: k.ID, Secret: value})
	}
	return keys, nil
}
