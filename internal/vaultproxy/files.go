// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vaultproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/files"
	"github.com/coffer-secrets/coffer/internal/source/vault"
)

const (
	// fileTTL is how long a file is left alone that has no lease.
	fileTTL = 5 * time.Minute
	// fileRetry is how long one is left alone that could not be written.
	fileRetry = 10 * time.Second
	// fileTimeout bounds one read from Vault.
	fileTimeout = 5 * time.Second
	// A secret under a lease is read anew, under a new one, when this much of its life is
	// over.
	leaseNumerator, leaseDenominator = 2, 3
	// maxLease bounds a lease, in seconds.
	maxLease = 10 * 366 * 24 * 60 * 60
)

// Files writes secrets to files: Vault's answers, as JSON, which only the files' owner can
// read. A file is replaced as a whole.
type Files struct {
	source *vault.Source
	log    *slog.Logger
	now    func() time.Time

	mu    sync.Mutex // held by the one who writes
	files []written
}

type written struct {
	File
	at   time.Time
	life time.Duration // for which it is left alone
}

// NewFiles returns Files. They are written by Sync.
func NewFiles(source *vault.Source, files []File, log *slog.Logger, now func() time.Time) *Files {
	f := &Files{source: source, log: log, now: func() time.Time { return now().Round(0) }}
	for _, one := range files {
		f.files = append(f.files, written{File: one})
	}
	return f
}

// Sync writes the files that were not written yet or are due to be. What fails is logged,
// and is due again soon.
func (f *Files) Sync(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var wg sync.WaitGroup
	for i := range f.files {
		one := &f.files[i]
		if age := f.now().Sub(one.at); age >= 0 && age < one.life {
			continue
		}
		wg.Go(func() {
			life, err := f.write(ctx, one.File)
			if err != nil {
				f.log.Error("a secret was not written to its file", "secret", one.Secret, "file", one.Name, "error", err.Error())
				life = fileRetry
			}
			one.at, one.life = f.now(), life
		})
	}
	wg.Wait()
}

// write reads a secret and writes it, and returns how long it is good for.
func (f *Files) write(ctx context.Context, one File) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	a, err := f.source.Do(ctx, vault.Request{Method: http.MethodGet, Path: "/v1/" + one.Secret})
	if err != nil {
		return 0, err
	}
	defer clear(a.Body)
	if a.Status != http.StatusOK {
		return 0, fmt.Errorf("the server answers %d", a.Status)
	}
	var lease struct {
		ID       string `json:"lease_id"`
		Duration int64  `json:"lease_duration"`
	}
	if json.Unmarshal(a.Body, &lease) != nil {
		return 0, errors.New("the answer can't be read")
	}
	life := fileTTL
	if lease.ID != "" && lease.Duration > 0 {
		life = time.Duration(min(lease.Duration, maxLease)) * time.Second * leaseNumerator / leaseDenominator
	}
	if err := os.MkdirAll(filepath.Dir(one.Name), 0o700); err != nil {
		return 0, err
	}
	_, err = files.Replace(one.Name, 0o600, a.Body)
	return life, err
}
