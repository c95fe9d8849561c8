// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/seal"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Vault is an open data directory: the sealed store, the audit log, and who may
// call. The server stands on one, and so do the commands that work on a data
// directory while no server runs.
type Vault struct {
	Config    Config
	Log       *slog.Logger
	Store     *seal.Store
	Audit     *audit.Log
	Directory *identity.Directory

	now func() time.Time
}

// OpenVault opens the data directory that c names, and makes it if it is not there.
func OpenVault(ctx context.Context, c Config, log *slog.Logger) (*Vault, error) {
	return openVault(ctx, c, log, Ground{})
}

func openVault(ctx context.Context, c Config, log *slog.Logger, on Ground) (*Vault, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if on.Now == nil {
		on.Now = time.Now
	}
	v := &Vault{Config: c, Log: log, now: on.Now}
	limits, err := c.ServiceControl.compile()
	if err != nil {
		return nil, err
	}
	if v.Store, err = c.openStore(ctx, on); err != nil {
		return nil, err
	}
	sessions, err := v.Store.Derive("session tokens")
	if err != nil {
		return nil, errors.Join(err, v.Store.Close())
	}
	v.Directory = identity.NewDirectory(identity.Options{
		SessionKey: [32]byte(sessions.Reveal()), ServiceControl: func(account string) [][]policy.Attached { return limits[account] },
	})
	if v.Audit, err = c.openAudit(ctx, v.Store, on); err != nil {
		return nil, errors.Join(err, v.Store.Close())
	}
	if r := v.Audit.Recovery(); r != (audit.Recovery{}) {
		log.Info("the audit log was left open by a crash, and is whole again",
			"records after the anchor", r.Beyond, "records brought from the store", r.Replayed, "torn bytes set aside", r.TornBytes)
	}
	return v, nil
}

// OpenExistingVault is OpenVault for a data directory that must be there already.
func OpenExistingVault(ctx context.Context, c Config, log *slog.Logger) (*Vault, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if err := c.exists(); err != nil {
		return nil, err
	}
	return OpenVault(ctx, c, log)
}

func (c *Config) exists() error {
	_, err := os.Stat(c.databaseFile())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database in the data directory %s: %w", c.Data, fs.ErrNotExist)
	}
	return err
}

// AnchorKey returns the key of the audit log's anchor of a data directory that
// exists and that no server has open. It changes nothing in it.
func (c Config) AnchorKey(ctx context.Context) (secret.Value, error) {
	if err := c.complete(); err != nil {
		return secret.Value{}, err
	}
	if err := c.exists(); err != nil {
		return secret.Value{}, err
	}
	store, err := c.openStore(ctx, Ground{})
	if err != nil {
		return secret.Value{}, err
	}
	key, err := store.Derive(anchorLabel)
	return key, errors.Join(err, store.Close())
}

// Rotate adds a key to the store's keyring, under which everything is sealed from
// then on.
func (v *Vault) Rotate(ctx context.Context, by string) error {
	return v.recorded(ctx, &Act{Name: "RotateStoreKey", By: by}, v.Store.Rotate)
}

// Rewrap puts the store's keyring under another root.
func (v *Vault) Rewrap(ctx context.Context, root seal.Root, by string) error {
	act := &Act{Name: "RewrapStoreKey", By: by, Details: map[string]string{"root": root.String()}}
	return v.recorded(ctx, act, func(ctx context.Context) error { return v.Store.Rewrap(ctx, root) })
}

// recorded does what has a transaction of its own, after its record is made. If it
// fails, another record says so.
func (v *Vault) recorded(ctx context.Context, act *Act, do func(context.Context) error) error {
	if err := v.Do(ctx, act, func(kv.Tx) error { return nil }); err != nil {
		return err
	}
	if err := do(ctx); err != nil {
		return v.failed(ctx, act, err)
	}
	return nil
}

// Close closes the data directory.
func (v *Vault) Close() error { return errors.Join(v.Audit.Close(), v.Store.Close()) }

func (c *Config) openStore(ctx context.Context, on Ground) (*seal.Store, error) {
	if on.Store != nil {
		return seal.Open(ctx, on.Store, on.Root, seal.Options{Now: on.Now})
	}
	root, err := c.Root()
	if err != nil {
		return nil, err
	}
	bolt, err := boltkv.Open(c.databaseFile(), boltkv.Options{})
	if err != nil {
		return nil, err
	}
	store, err := seal.Open(ctx, bolt, root, seal.Options{Now: on.Now})
	if err != nil {
		return nil, errors.Join(err, bolt.Close())
	}
	return store, nil
}

// Root returns what the store's keyring is wrapped by.
func (c *Config) Root() (seal.Root, error) {
	if c.RootPassphraseFile == "" {
		return seal.FileRoot(c.RootKeyFile), nil
	}
	passphrase, err := readFirstLine(c.RootPassphraseFile)
	if err != nil {
		return nil, fmt.Errorf("root-passphrase-file: %w", err)
	}
	return seal.PassphraseRoot(passphrase, 0)
}

// anchorLabel is what the key of the audit log's anchor is derived from.
const anchorLabel = "audit anchor"

func (c *Config) openAudit(ctx context.Context, store *seal.Store, on Ground) (*audit.Log, error) {
	key, err := store.Derive(anchorLabel)
	if err != nil {
		return nil, err
	}
	o := audit.Options{Path: c.AuditFile, AnchorKey: key.Reveal(), Store: store, SyncInterval: audit.SyncAlways, Now: on.Now, Unsynced: on.Unsynced}
	if c.AuditOnFailure == "continue" {
		o.Mode = audit.Continue
	}
	if c.AuditSync != "always" {
		if o.SyncInterval, err = time.ParseDuration(c.AuditSync); err != nil || o.SyncInterval <= 0 {
			return nil, fmt.Errorf("audit-sync %q: always, or a time such as 100ms", c.AuditSync)
		}
	}
	return audit.Open(ctx, o)
}

// maxLine bounds the first line of a file that holds a passphrase or a key.
const maxLine = 4096

// readFirstLine reads a secret that somebody keeps in a file.
func readFirstLine(path string) (secret.Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return secret.Value{}, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxLine+1))
	defer clear(content)
	if err != nil {
		return secret.Value{}, err
	}
	line, _, ended := bytes.Cut(content, []byte{'\n'})
	line = bytes.TrimRight(line, "\r")
	switch {
	case len(line) == 0:
		return secret.Value{}, fmt.Errorf("%s: the first line is empty", path)
	case !ended && len(content) > maxLine:
		return secret.Value{}, fmt.Errorf("%s: the first line is longer than %d bytes", path, maxLine)
	}
	return secret.New(bytes.Clone(line)), nil
}
