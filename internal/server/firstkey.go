// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// byServer is where the first key comes from, which nobody asked for.
const byServer = "server"

// makeRoot makes the root of the configuration's account, unless it is there: then the
// data directory has been served before. If it is to have a first key, and nobody has an
// access key yet, it gets one in the same transaction, so that no later start makes
// another.
func (s *Server) makeRoot(ctx context.Context, withKey bool) error {
	there := false
	look := func(r kv.Reader) (err error) {
		there, err = s.Directory.HasPrincipal(r, s.Config.Account, identity.Root, string(identity.Root))
		return err
	}
	if _, err := s.Store.View(ctx, look); err != nil || there {
		return err
	}
	root := identity.Principal{Account: s.Config.Account, Kind: identity.Root, Name: string(identity.Root)}
	act := &Act{Name: "CreateRoot", By: byConfiguration, Details: map[string]string{"principal": root.ARN()}}
	if withKey {
		keys, err := s.KeyCount(ctx)
		if err != nil {
			return err
		}
		if withKey = keys == 0; withKey {
			act.Name, act.By = "CreateAccessKey", byServer
		}
	}
	now := s.now()
	var key *identity.GrantedKey
	err := s.Do(ctx, act, func(tx kv.Tx) error {
		if _, err := s.Directory.PutPrincipal(tx, root, now); err != nil || !withKey {
			return err
		}
		made, err := s.Directory.CreateKey(tx, identity.NewKey{Account: root.Account, Kind: root.Kind, Name: root.Name}, now)
		if err != nil {
			return err
		}
		act.Details["accessKeyId"], key = made.ID, made
		return nil
	})
	if err == nil {
		s.firstKey = key
	}
	return err
}

// FirstKey returns the access key that Open made on a data directory that was never served
// before, the first time that it is called; else nil. See Ground.FirstKey.
func (s *Server) FirstKey() *identity.GrantedKey {
	key := s.firstKey
	s.firstKey = nil
	return key
}
