// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
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
}

// OpenVault opens the data directory that c names, and makes it if it is not there.
func OpenVault(ctx context.Context, c Config, log *slog.Logger) (*Vault, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	v := &Vault{Config: c, Log: log, Directory: identity.NewDirectory()}
	root, err := c.root()
	if err != nil {
		return nil, err
	}
	bolt, err := boltkv.Open(c.databaseFile(), boltkv.Options{})
	if err != nil {
		return nil, err
	}
	v.Store, err = seal.Open(ctx, bolt, root, seal.Options{})
	if err != nil {
		return nil, errors.Join(err, bolt.Close())
	}
	if v.Audit, err = c.openAudit(v.Store, log); err != nil {
		return nil, errors.Join(err, v.Store.Close())
	}
	return v, nil
}

// Close closes the data directory.
func (v *Vault) Close() error { return errors.Join(v.Audit.Close(), v.Store.Close()) }

// root returns what the store's keyring is wrapped by.
func (c *Config) root() (seal.Root, error) {
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

func (c *Config) openAudit(store *seal.Store, log *slog.Logger) (*audit.Log, error) {
	key, err := store.Derive(anchorLabel)
	if err != nil {
		return nil, err
	}
	o := audit.Options{Path: c.AuditFile, AnchorKey: key.Reveal(), Store: store}
	if c.AuditOnFailure == "continue" {
		o.Mode = audit.Continue
	}
	if c.AuditSync == "always" {
		o.Sync = audit.SyncAlways
	} else if o.Interval, err = time.ParseDuration(c.AuditSync); err != nil || o.Interval <= 0 {
		return nil, fmt.Errorf("audit-sync %q: always, or a time such as 100ms", c.AuditSync)
	}
	return audit.Open(o)
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
	line, err := bufio.NewReader(io.LimitReader(f, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Value{}, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return secret.Value{}, fmt.Errorf("%s: the first line is empty", path)
	}
	return secret.FromString(line), nil
}
