// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package file_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source/file"
	"github.com/coffer-secrets/coffer/internal/source/sourcetest"
)

// place is a directory with files, below a root.
type place struct {
	t    *testing.T
	root string
}

func newPlace(t *testing.T) place {
	t.Helper()
	return place{t, filepath.Join(t.TempDir(), "root")}
}

func (p place) source() *file.Source {
	p.t.Helper()
	s, err := file.New([]string{p.root}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// write writes a file, with a path that is relative to the root.
func (p place) write(name, content string) string {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p place) link(to, name string) string {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	_ = os.Remove(path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.Symlink(to, path)); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p place) fetch(id string) cache.Value {
	p.t.Helper()
	v, err := p.source().Fetch(p.t.Context(), cache.Ref{ID: id, Stage: "AWSCURRENT"})
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// refused fetches what there is nothing to be had of, and returns AWS's code.
func (p place) refused(ref cache.Ref) string {
	p.t.Helper()
	v, err := p.source().Fetch(p.t.Context(), ref)
	if err == nil {
		p.t.Fatalf("%s: got %d bytes", ref.ID, v.Text.Len())
	}
	if strings.Contains(err.Error(), "hunter2") {
		p.t.Errorf("the error has the value in it: %v", err)
	}
	e, _ := errors.AsType[*api.Error](err)
	if e == nil {
		p.t.Fatalf("%s: %v", ref.ID, err)
	}
	return e.Code
}

func TestContract(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		p := newPlace(t)
		path := p.write("password", "s3cret")
		return sourcetest.Subject{Source: p.source(), Ref: cache.Ref{ID: path}, Want: "s3cret", Missing: cache.Ref{ID: path + "s"}}
	})
}

func TestWhatIsInAFileIsTheValue(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	path := p.write("db", "{\"user\":\"ada\",\"port\":5432}\n")
	if got := p.fetch(path).Text.RevealString(); got != "{\"user\":\"ada\",\"port\":5432}\n" {
		t.Errorf("%q", got)
	}
	if got := p.fetch(path+"#user").Text.RevealString() + p.fetch(path+"#port").Text.RevealString(); got != "ada5432" {
		t.Errorf("%q", got)
	}
	if got := p.refused(cache.Ref{ID: path + "#password"}); got != "ResourceNotFoundException" {
		t.Error(got)
	}
	if v := p.fetch(p.write("key", "\xff\x00")); string(v.Binary.Reveal()) != "\xff\x00" || !v.Text.IsZero() {
		t.Errorf("binary: %x", v.Binary.Reveal())
	}
	if v := p.fetch(p.write("empty", "")); v.Text.IsZero() || v.Text.Len() != 0 {
		t.Error("an empty file has no value")
	}
	if v := p.fetch(p.write("large", strings.Repeat("x", 64<<10))); v.Text.Len() != 64<<10 {
		t.Errorf("%d bytes", v.Text.Len())
	}
}

func TestAVersionIsOfTheFile(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	path := p.write("password", "one")
	first := p.fetch(path)
	if life := time.Until(first.NotAfter); life <= 0 || life > time.Minute {
		t.Errorf("is fresh for %v", life)
	}
	if again := p.fetch(path); again.VersionID != first.VersionID {
		t.Errorf("%s became %s", first.VersionID, again.VersionID)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	second := p.fetch(path)
	if second.VersionID == first.VersionID {
		t.Error("a file that changed has the version that it had")
	}
	for _, ref := range []cache.Ref{{ID: path, VersionID: first.VersionID}, {ID: path, Stage: "AWSPREVIOUS"}} {
		if got := p.refused(ref); got != "ResourceNotFoundException" {
			t.Error(got)
		}
	}
	if _, err := p.source().Fetch(t.Context(), cache.Ref{ID: path, VersionID: second.VersionID}); err != nil {
		t.Error(err)
	}
}

// TestKubernetesMount has a volume as Kubernetes makes one, which it changes by renaming
// one link.
func TestKubernetesMount(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("..2026_01/password", "one")
	p.write("..2026_02/password", "two")
	p.link("..2026_01", "..data")
	path := p.link("..data/password", "password")
	if got := p.fetch(path).Text.RevealString(); got != "one" {
		t.Error(got)
	}
	p.link("..2026_02", "..data")
	if got := p.fetch(path).Text.RevealString(); got != "two" {
		t.Error(got)
	}
}

func TestNothingElseIsRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	inside := p.write("password", "hunter2")
	outside := filepath.Join(filepath.Dir(p.root), "outside")
	beside := p.root + "-beside"
	for _, path := range []string{outside, beside} {
		if err := os.WriteFile(path, []byte("hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipe := filepath.Join(p.root, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	const denied, invalid, missing = "AccessDeniedException", "ValidationException", "ResourceNotFoundException"
	for id, want := range map[string]string{
		outside:                             denied,
		beside:                              denied,
		"/etc/passwd":                       denied,
		"/etc/nothing":                      denied,
		p.root:                              denied,
		p.root + "/../outside":              invalid,
		p.root + "//password":               invalid,
		p.root + "/":                        invalid,
		"password":                          invalid,
		"":                                  invalid,
		"#password":                         invalid,
		p.link("../outside", "relative"):    denied,
		p.link(outside, "absolute"):         denied,
		p.link(inside, "absolute-inside"):   denied,
		p.link("..", "up") + "/outside":     denied,
		p.link("circle", "circle"):          invalid,
		p.link("nothing", "dangling"):       missing,
		inside + "/below":                   missing,
		p.root + "/nothing":                 missing,
		filepath.Dir(p.write("dir/x", "x")): invalid,
		pipe:                                invalid,
		p.write("long", strings.Repeat("hunter2", 10_000)): invalid,
		p.root + "/" + strings.Repeat("n", 300):            invalid,
	} {
		if got := p.refused(cache.Ref{ID: id}); got != want {
			t.Errorf("%s: %s, want %s", strings.TrimPrefix(id, p.root), got, want)
		}
	}
}

func TestAFileThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	path := p.write("password", "hunter2")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(path); !errors.Is(err, fs.ErrPermission) {
		t.Skip("this user may read any file")
	}
	if got := p.refused(cache.Ref{ID: path}); got != "AccessDeniedException" {
		t.Error(got)
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	for _, roots := range [][]string{nil, {""}, {"/"}, {"//"}, {"/x/.."}, {"relative"}, {"/run/secrets", "."}} {
		if _, err := file.New(roots, nil); err == nil {
			t.Errorf("%q can be read below", roots)
		}
	}
	p := newPlace(t)
	path := p.write("inner/password", "x")
	p.link("../password", "inner/out")
	p.write("password", "outer")
	s, err := file.New([]string{p.root, filepath.Join(p.root, "inner") + "/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), cache.Ref{ID: path}); err != nil {
		t.Error(err)
	}
	// The innermost root is the one that counts.
	if _, err := s.Fetch(t.Context(), cache.Ref{ID: filepath.Join(p.root, "inner/out")}); err == nil {
		t.Error("a link led out of its root")
	}
}
