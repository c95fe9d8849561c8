// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A key file has one line with the key: the word below, and in base32 the key and the
// first 8 bytes of the SHA-256 of both. Lines that begin with # are for people.
const (
	rootWord       = "COFFER-ROOT-KEY-1-"
	rootEncoded    = (keySize + checksumSize) * 8 / 5 // no bit to spare, so there is one spelling
	maxKeyFile     = 4 << 10                          // bytes
	keyFileComment = "# The root key of a Coffer store. Whoever reads this file and the store reads every\n" +
		"# secret; without it the store can't be opened. Keep a copy, apart from the store's.\n"
)

// formatRootKey returns the content of a key file.
func formatRootKey(key *[keySize]byte) []byte {
	var plain [keySize + checksumSize]byte
	defer clear(plain[:])
	copy(plain[:], key[:])
	copy(plain[keySize:], rootChecksum(key))
	b := []byte(keyFileComment + rootWord)
	return append(base32.StdEncoding.AppendEncode(b, plain[:]), '\n')
}

func rootChecksum(key *[keySize]byte) []byte {
	h := sha256.New()
	h.Write([]byte(rootWord))
	h.Write(key[:])
	return h.Sum(nil)[:checksumSize]
}

// parseRootKey returns the key in the content of a key file. Errors show nothing of it.
func parseRootKey(content []byte) (*[keySize]byte, error) {
	var found []byte
	for line := range bytes.Lines(content) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if found != nil {
			return nil, errors.New("it has more than one line with a key")
		}
		found = line
	}
	if found == nil {
		return nil, errors.New("it is empty")
	}
	encoded, ok := bytes.CutPrefix(found, []byte(rootWord))
	if !ok {
		return nil, fmt.Errorf("its key does not begin with %s", rootWord)
	}
	if len(encoded) != rootEncoded {
		return nil, fmt.Errorf("its key has %d characters after %s instead of %d: it is truncated or not a key",
			len(encoded), rootWord, rootEncoded)
	}
	var plain [keySize + checksumSize]byte
	defer clear(plain[:])
	if n, err := base32.StdEncoding.Decode(plain[:], encoded); err != nil || n != len(plain) {
		return nil, errors.New("its key has a character that is not base32's")
	}
	key := new([keySize]byte(plain[:]))
	if !bytes.Equal(rootChecksum(key), plain[keySize:]) {
		clear(key[:])
		return nil, errors.New("its key does not match its checksum: a character is wrong")
	}
	return key, nil
}

func readKeyFile(path string) (*[keySize]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkKeyFile(path, info); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	defer clear(content)
	if err != nil {
		return nil, err
	}
	key, err := parseRootKey(content)
	if err != nil {
		return nil, fmt.Errorf("key file %s can't be used: %w: restore it from its backup", path, err)
	}
	return key, nil
}

func checkKeyFile(path string, info fs.FileInfo) error {
	mode := info.Mode()
	switch {
	case !mode.IsRegular():
		return fmt.Errorf("key file %s is not a regular file", path)
	case info.Size() > maxKeyFile:
		return fmt.Errorf("key file %s has more than %d bytes", path, maxKeyFile)
	// Windows has access lists instead, and shows them as mode 0666.
	case mode.Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return fmt.Errorf("key file %s may be used by others than its owner (mode %04o): run chmod 600 on it", path, mode.Perm())
	}
	return nil
}

// makeKeyFile makes a key and a file with it, which is there whole and durable or not
// at all. If another process was faster, its key is returned.
func makeKeyFile(path string) (*[keySize]byte, error) {
	var key [keySize]byte
	random(&key)
	defer clear(key[:])
	content := formatRootKey(&key)
	defer clear(content)
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	temp, err := os.CreateTemp(dir, "."+strings.ReplaceAll(name, "*", "")+".new-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("making key file %s: %w", path, err)
	}
	defer os.Remove(temp.Name())
	if err := writeSynced(temp, content); err != nil {
		return nil, fmt.Errorf("making key file %s: %w", path, err)
	}
	// A link never replaces a file, as a rename would.
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making key file %s: %w", path, err)
	}
	if err := syncDir(dir); err != nil {
		return nil, fmt.Errorf("making key file %s: %w", path, err)
	}
	return readKeyFile(path)
}

func writeSynced(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the directory's entries durable, where a directory can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
