// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source/fallback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errDown   = &cache.Unavailable{Err: errors.New("connection refused")}
	errDenied = api.AccessDeniedException.New("no")
	key       = secret.New(bytes.Repeat([]byte{7}, fallback.KeySize))
)

// fake is a source whose value is its text, as a version of its own.
type fake struct {
	mu    sync.Mutex
	text  string
	err   error
	hangs bool
	slow  time.Duration
	asked []cache.Ref
	arn   string
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

func (f *fake) last() cache.Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[len(f.asked)-1]
}

func (f *fake) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	f.mu.Lock()
	hangs := f.hangs
	f.asked = append(f.asked, ref)
	f.mu.Unlock()
	if f.slow > 0 {
		time.Sleep(f.slow)
	}
	if hangs {
		<-ctx.Done()
		return cache.Value{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return cache.Value{}, f.err
	}
	if ref.ID == "missing" {
		return cache.Value{}, errDenied
	}
	return cache.Value{
		ARN: f.arn, Name: ref.ID, VersionID: "v-" + f.text, Stages: []string{"AWSCURRENT"}, Text: secret.FromString(f.text),
	}, nil
}

func (f *fake) Forget() {}

// box is a file of last values, and its clock.
type box struct {
	t    *testing.T
	path string

	mu      sync.Mutex
	now     time.Time
	reports []string
}

func newBox(t *testing.T) *box {
	t.Helper()
	return &box{t: t, path: filepath.Join(t.TempDir(), "last"), now: time.UnixMilli(1_780_000_000_000)}
}

func (b *box) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *box) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *box) report(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, err.Error())
}

func (b *box) reported() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.reports)
}

// open is a process that has the file.
func (b *box) open(change ...func(*fallback.FileConfig)) *fallback.File {
	b.t.Helper()
	cfg := fallback.FileConfig{Path: b.path, Key: key, Report: b.report, Now: b.clock}
	for _, f := range change {
		f(&cfg)
	}
	f, err := fallback.NewFile(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(f.Forget)
	return f
}

func (b *box) content() []byte {
	b.t.Helper()
	data, err := os.ReadFile(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

func (b *box) put(data []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path, data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func value(text string) *cache.Value {
	return &cache.Value{ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", Name: "db", VersionID: "v-" + text, Text: secret.FromString(text)}
}

// kept returns what a file has for a ref, or nothing.
func kept(f *fallback.File, ref cache.Ref) string {
	v, err := f.Fetch(context.Background(), ref)
	if err != nil {
		return ""
	}
	return v.Text.RevealString()
}
