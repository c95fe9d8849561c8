// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/seal"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// newPassphrase returns a root with the least work that age knows.
func newPassphrase(tb testing.TB, passphrase string) *seal.Passphrase {
	tb.Helper()
	p, err := seal.PassphraseRoot(secret.FromString(passphrase), 1)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestWrongPassphrase(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	mustOpen(t, engine, newPassphrase(t, "correct horse"))
	mustOpen(t, engine, newPassphrase(t, "correct horse"))
	for name, c := range map[string]struct {
		root seal.Root
		want string
	}{
		"another passphrase": {newPassphrase(t, "battery staple"), "the passphrase is not the one"},
		"a key file":         {keyFileOf(t, bytes.Repeat([]byte{1}, seal.KeySize)), "wrapped by a passphrase"},
	} {
		_, err := seal.Open(t.Context(), engine, c.root, testOptions())
		if !errors.Is(err, seal.ErrWrongRoot) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "staple") {
			t.Errorf("%s: the error shows the passphrase", name)
		}
	}
}

func TestWrongKeyFile(t *testing.T) {
	t.Parallel()
	engine := memkv.New()
	first := newRoot(t)
	mustOpen(t, engine, first)
	for name, root := range map[string]seal.Root{
		"another file": keyFileOf(t, bytes.Repeat([]byte{1}, seal.KeySize)),
		"a passphrase": newPassphrase(t, "battery staple"),
	} {
		_, err := seal.Open(t.Context(), engine, root, testOptions())
		if !errors.Is(err, seal.ErrWrongRoot) || !strings.Contains(err.Error(), "wrapped by "+first.String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPassphraseIsChecked(t *testing.T) {
	t.Parallel()
	if _, err := seal.PassphraseRoot(secret.FromString(""), 0); err == nil {
		t.Error("an empty passphrase was accepted")
	}
	for _, factor := range []int{-1, 23} {
		if _, err := seal.PassphraseRoot(secret.FromString("x"), factor); err == nil {
			t.Errorf("work factor %d was accepted", factor)
		}
	}
}

// keyFileOf returns a root whose key file holds key.
func keyFileOf(tb testing.TB, key []byte) *seal.KeyFile {
	tb.Helper()
	return writeKeyFile(tb, seal.FormatRootKey((*[seal.KeySize]byte)(key)), 0o600)
}

func writeKeyFile(tb testing.TB, content []byte, mode os.FileMode) *seal.KeyFile {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "root.key")
	if err := os.WriteFile(path, content, mode); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
	return seal.FileRoot(path)
}

func TestKeyFileIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	mustOpen(t, memkv.New(), seal.FileRoot(path))
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	if !bytes.Contains(first, []byte("\n"+seal.RootWord)) {
		t.Errorf("no line begins with %s", seal.RootWord)
	}
	mustOpen(t, memkv.New(), seal.FileRoot(path))
	if second, err := os.ReadFile(path); err != nil || !bytes.Equal(first, second) {
		t.Errorf("a second store changed the file (%v)", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestKeyFileMadeByMany(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	var wrapped [8][]byte
	var wg sync.WaitGroup
	for i := range wrapped {
		wg.Go(func() {
			var err error
			if wrapped[i], err = root.Wrap(t.Context(), []byte(canary)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, w := range wrapped {
		if got, err := root.Unwrap(t.Context(), w); err != nil || string(got) != canary {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestUnusableKeyFiles(t *testing.T) {
	t.Parallel()
	good := string(seal.FormatRootKey(&[seal.KeySize]byte{1, 2, 3}))
	line := good[strings.Index(good, seal.RootWord):]
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"world readable": {good, 0o604, "chmod 600"},
		"group readable": {good, 0o640, "chmod 600"},
		"group writable": {good, 0o620, "chmod 600"},
		"empty":          {"", 0o600, "is empty"},
		"comment only":   {"# COFFER\n", 0o600, "is empty"},
		"truncated":      {good[:len(good)-5], 0o600, "truncated"},
		"another format": {strings.Replace(good, "KEY-1-", "KEY-2-", 1), 0o600, "does not begin with"},
		"a typo":         {good[:len(good)-3] + "77\n", 0o600, "checksum"},
		"lower case":     {seal.RootWord + strings.ToLower(strings.TrimPrefix(line, seal.RootWord)), 0o600, "not base32"},
		"two keys":       {line + line, 0o600, "more than one"},
		"too large":      {strings.Repeat("#\n", 4096), 0o600, "more than 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && c.mode != 0o600 {
				t.Skip("Windows has no file modes")
			}
			root := writeKeyFile(t, []byte(c.content), c.mode)
			engine := memkv.New()
			_, err := seal.Open(t.Context(), engine, root, testOptions())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), line[len(seal.RootWord):][:8]) {
				t.Errorf("the error shows the key: %v", err)
			}
			if n := len(raw(t, engine)); n != 0 {
				t.Errorf("the store has %d records", n)
			}
		})
	}
}

func TestKeyFileThatIsADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := seal.FileRoot(dir).Wrap(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
	if _, err := seal.FileRoot(filepath.Join(dir, "no", "root.key")).Wrap(t.Context(), nil); err == nil {
		t.Error("a key file was made in a directory that does not exist")
	}
}

func FuzzParseRootKey(f *testing.F) {
	good := seal.FormatRootKey(&[seal.KeySize]byte{1, 2, 3})
	f.Add(good)
	f.Add(good[:len(good)-2])
	f.Add([]byte(seal.RootWord))
	f.Add([]byte("# only a comment"))
	f.Fuzz(func(t *testing.T, content []byte) {
		key, err := seal.ParseRootKey(content)
		if err != nil {
			if key != nil {
				t.Fatal("an error comes with a key")
			}
			return
		}
		again, err := seal.ParseRootKey(seal.FormatRootKey(key))
		if err != nil || *again != *key {
			t.Fatalf("the key does not survive its own form: %v", err)
		}
		line := bytes.TrimSpace(seal.FormatRootKey(key))
		if line = line[bytes.LastIndexByte(line, '\n')+1:]; !bytes.Contains(content, line) {
			t.Fatal("a key has two spellings")
		}
	})
}
