// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// KeyCount is the number of access keys in the store.
func (v *Vault) KeyCount(ctx context.Context) (n int, err error) {
	_, err = v.Store.View(ctx, func(r kv.Reader) error {
		keys, err := v.Directory.Keys(r, "", "", "")
		n = len(keys)
		return err
	})
	return n, err
}

// DevKey returns an access key of the account's root for development: the one given,
// or, with an empty id, one that is the same at each start on this data directory.
func (v *Vault) DevKey(ctx context.Context, id string, value secret.Value) (key *identity.GrantedKey, err error) {
	if id == "" {
		derived, err := v.Store.Derive("development access key")
		if err != nil {
			return nil, err
		}
		raw := derived.Reveal()
		id = "AKIA" + strings.ToUpper(hex.EncodeToString(raw[:8]))
		value = secret.New(base64.RawURLEncoding.AppendEncode(nil, raw[8:]))
	}
	act := &Act{Name: "CreateAccessKey", By: byCommandLine, Details: map[string]string{"accessKeyId": id}}
	err = v.Do(ctx, act, func(tx kv.Tx) error {
		if err := v.Directory.EnsurePrincipal(tx, identity.Principal{
			Account: v.Config.Account, Kind: identity.Root, Name: string(identity.Root),
		}, false, v.now()); err != nil {
			return err
		}
		key, err = v.Directory.CreateKey(tx, identity.NewKey{
			Account: v.Config.Account, Kind: identity.Root, Name: string(identity.Root), ID: id, Secret: value,
		}, v.now())
		return err
	})
	return key, err
}

// TLS says whether the server serves TLS.
func (c *Config) TLS() bool { return c.TLSSelf || c.TLSCert != "" }

// SelfSignedFile is the self-signed certificate, for clients to trust.
func (c *Config) SelfSignedFile() string { return filepath.Join(c.Data, "tls", "server.crt") }
