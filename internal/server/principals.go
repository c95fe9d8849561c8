// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// applyPrincipals brings the store's principals to what the configuration says: its
// account's root exists, and so do the principals it names. Others, made by the
// command line, stay as they are. Doing it again changes nothing.
func (s *Server) applyPrincipals(ctx context.Context) error {
	now := time.Now()
	root := identity.Principal{Account: s.Config.Account, Kind: identity.Root}
	if _, err := s.Store.Update(ctx, func(tx kv.Tx) error {
		_, err := s.Directory.PutPrincipal(tx, root, now)
		return err
	}); err != nil {
		return err
	}
	for i := range s.Config.Principals {
		p := &s.Config.Principals[i]
		if err := s.applyPrincipal(ctx, p, now); err != nil {
			return fmt.Errorf("principals, entry %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Server) applyPrincipal(ctx context.Context, c *PrincipalConfig, now time.Time) error {
	p, err := c.principal(s.Config.Account)
	if err != nil {
		return err
	}
	keys, err := c.keys(p)
	if err != nil {
		return err
	}
	_, err = s.Store.Update(ctx, func(tx kv.Tx) error {
		if _, err := s.Directory.PutPrincipal(tx, p, now); err != nil {
			return err
		}
		for _, k := range keys {
			if _, err := s.Directory.CreateKey(tx, k, now); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func (c *PrincipalConfig) principal(account string) (identity.Principal, error) {
	p := identity.Principal{Account: cmp.Or(c.Account, account), Policies: map[string]string{}}
	switch {
	case c.User != "" && c.Role == "":
		p.Kind, p.Name = identity.User, c.User
	case c.Role != "" && c.User == "":
		p.Kind, p.Name = identity.Role, c.Role
	default:
		return p, errors.New("give either user or role")
	}
	for name, node := range c.Policies {
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
	var document any
	if err := node.Decode(&document); err != nil {
		return "", err
	}
	text, err := json.Marshal(document)
	return string(text), err
}

func (c *PrincipalConfig) keys(p identity.Principal) ([]identity.NewKey, error) {
	if p.Kind == identity.Role && len(c.AccessKeys) > 0 {
		return nil, errors.New("a role has no access keys of its own: it is assumed, or gets a session by coffer key create")
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
