// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/files"
	"github.com/coffer-secrets/coffer/internal/reference"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		write(dir)
	}
	goleak.VerifyTestMain(m)
}

// shelf is a source of values, and a Keeper of files in a directory.
type shelf struct {
	t      *testing.T
	dir    string
	keeper *files.Keeper

	mu     sync.Mutex
	values map[string]string
	log    bytes.Buffer
}

// Write takes the log.
func (s *shelf) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

// newShelf keeps the files of a list, in which DIR stands for the directory.
func newShelf(t *testing.T, list string, change ...func(*files.Config)) *shelf {
	t.Helper()
	s := &shelf{t: t, dir: t.TempDir(), values: map[string]string{"db": "hunter2", "key": "k-2f9a"}}
	items, wrong := files.Parse(strings.ReplaceAll(list, "DIR", s.dir))
	if wrong != nil {
		t.Fatal(wrong)
	}
	cfg := files.Config{Items: items, Get: s.get, Log: slog.New(slog.NewTextHandler(s, nil))}
	for _, f := range change {
		f(&cfg)
	}
	s.keeper = files.New(cfg)
	t.Cleanup(func() {
		for _, value := range []string{"hunter", "k-2f9a"} {
			if strings.Contains(s.logged(), value) {
				t.Errorf("a value was logged:\n%s", s.logged())
			}
		}
	})
	return s
}

func (s *shelf) get(_ context.Context, ref cache.Ref) (cache.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[ref.ID]
	if !ok {
		return cache.Answer{}, errors.New("no such secret")
	}
	return cache.Answer{Value: cache.Value{Text: secret.FromString(v)}}, nil
}

func (s *shelf) set(id, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[id] = value
}

func (s *shelf) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// count returns how often something was logged.
func (s *shelf) count(text string) int { return strings.Count(s.logged(), text) }

// holds fails unless the directory has these files and no others.
func (s *shelf) holds(want map[string]string) {
	s.t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(s.dir, e.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		got[e.Name()] = string(b)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("files (-want +got):\n%s", diff)
	}
}

func (s *shelf) info(name string) fs.FileInfo {
	s.t.Helper()
	info, err := os.Lstat(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return info
}

func TestFilesFollowTheirValues(t *testing.T) {
	t.Parallel()
	s := newShelf(t, "DIR/db=db,DIR/dsn=app:{{resolve:secretsmanager:db}}@h;mode=0444,DIR/key=key")
	s.keeper.Round(t.Context())
	s.holds(map[string]string{"db": "hunter2", "dsn": "app:hunter2@h", "key": "k-2f9a"})
	if m := s.info("db").Mode(); m != 0o600 {
		t.Errorf("the mode is %v", m)
	}
	if m := s.info("dsn").Mode(); m != 0o444 || s.count("everybody may read") != 1 {
		t.Errorf("the mode is %v; %s", m, s.logged())
	}
	db, key := s.info("db"), s.info("key")
	s.keeper.Round(t.Context())
	if !os.SameFile(db, s.info("db")) {
		t.Error("a file was written without need")
	}
	s.set("db", "hunter3")
	s.keeper.Round(t.Context())
	s.holds(map[string]string{"db": "hunter3", "dsn": "app:hunter3@h", "key": "k-2f9a"})
	if os.SameFile(db, s.info("db")) || !os.SameFile(key, s.info("key")) {
		t.Error("a file was written in its place, or without need")
	}
	if n := s.count("wrote a file"); n != 5 {
		t.Errorf("%d files were written, want 5:\n%s", n, s.logged())
	}
	s.keeper.Remove()
	s.holds(map[string]string{})
	s.keeper.Round(t.Context())
	s.holds(map[string]string{})
}

func TestWhatSomebodyDidToAFileIsUndone(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"removed": os.Remove,
		"edited":  func(path string) error { return os.WriteFile(path, []byte("hunterX and more"), 0o600) },
		"opened":  func(path string) error { return os.Chmod(path, 0o644) },
		"replaced": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, []byte("hunter2"), 0o600))
		},
		"a link": func(path string) error { return errors.Join(os.Remove(path), os.Symlink("elsewhere", path)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t, "DIR/db=db")
			s.keeper.Round(t.Context())
			if err := harm(filepath.Join(s.dir, "db")); err != nil {
				t.Fatal(err)
			}
			s.keeper.Round(t.Context())
			s.holds(map[string]string{"db": "hunter2"})
			if m := s.info("db").Mode(); m != 0o600 {
				t.Errorf("the mode is %v", m)
			}
		})
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newShelf(t, "DIR/db=db")
	for _, name := range []string{"db", ".db.coffer"} {
		if err := os.Symlink(victim, filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.keeper.Round(t.Context())
	s.holds(map[string]string{"db": "hunter2"})
	path := filepath.Join(s.dir, "db")
	if err := errors.Join(os.Remove(path), os.Symlink(victim, path)); err != nil {
		t.Fatal(err)
	}
	s.keeper.Remove()
	if b, err := os.ReadFile(victim); string(b) != "mine" {
		t.Errorf("a file outside was changed to %q, %v", b, err)
	}
	s.info("db") // somebody else's, and left
}

func TestAFileThatCannotBeMadeAnewIsLeft(t *testing.T) {
	t.Parallel()
	s := newShelf(t, "DIR/db=db,DIR/none/x=key,DIR/dir=key,DIR/page=template:/etc/page")
	if err := os.Mkdir(filepath.Join(s.dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.keeper.Round(t.Context())
	s.mu.Lock()
	delete(s.values, "db")
	s.mu.Unlock()
	s.keeper.Round(t.Context())
	s.keeper.Round(t.Context())
	if b, err := os.ReadFile(filepath.Join(s.dir, "db")); string(b) != "hunter2" {
		t.Errorf("%q, %v", b, err)
	}
	for _, text := range []string{"no such secret", "/none/.x.coffer: no such file or directory", "coffer-agent does", "file exists"} {
		if n := s.count(text); n != 1 {
			t.Errorf("%q was logged %d times:\n%s", text, n, s.logged())
		}
	}
	if _, err := os.Lstat(filepath.Join(s.dir, ".dir.coffer")); err == nil {
		t.Error("what was written beside a file was left there")
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	s := newShelf(t, "DIR/page=template:/etc/page", func(c *files.Config) {
		c.Render = func(ctx context.Context, template string, get reference.Getter) (secret.Value, error) {
			a, err := get(ctx, cache.Ref{ID: "db"})
			return secret.FromString(template + " has " + a.Text.RevealString()), err
		}
	})
	s.keeper.Round(t.Context())
	s.holds(map[string]string{"page": "/etc/page has hunter2"})
}

// TestReadersSeeWholeFiles holds that somebody who opens the file at any time finds one of
// the two contents.
func TestReadersSeeWholeFiles(t *testing.T) {
	t.Parallel()
	short, long := "hunter2", strings.Repeat("hunter3", 50_000)
	s := newShelf(t, "DIR/db=db")
	s.keeper.Round(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if b, err := os.ReadFile(filepath.Join(s.dir, "db")); err != nil || string(b) != short && string(b) != long {
					t.Errorf("a reader found %d bytes, %v", len(b), err)
					return
				}
			}
		})
	}
	for i := range 200 {
		s.set("db", []string{long, short}[i%2])
		s.keeper.Round(t.Context())
	}
	stop()
	readers.Wait()
}

func TestRunEnds(t *testing.T) {
	t.Parallel()
	s := newShelf(t, "DIR/db=db")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.keeper.Run(ctx, time.Millisecond)
	}()
	s.set("db", "hunter4")
	for {
		if b, _ := os.ReadFile(filepath.Join(s.dir, "db")); string(b) == "hunter4" {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the new value was not written")
		}
	}
	stop()
	<-done
}

func TestAFileIsOverwrittenBeforeItIsRemoved(t *testing.T) {
	t.Parallel()
	s := newShelf(t, "DIR/db=db")
	s.keeper.Round(t.Context())
	reader, err := os.Open(filepath.Join(s.dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	s.keeper.Remove()
	b := make([]byte, 100)
	if n, _ := reader.Read(b); string(b[:n]) != strings.Repeat("\x00", len("hunter2")) {
		t.Errorf("whoever has it open reads %q", b[:n])
	}
}
