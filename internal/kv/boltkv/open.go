// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	boltErrors "go.etcd.io/bbolt/errors"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/feed"
)

// mmapBytes is how much address space the file is mapped into. bbolt waits for all
// Views to end before it maps a file that has outgrown its mapping, so the mapping
// is made larger than a database of secrets gets. It costs no memory.
const mmapBytes int64 = 4 << 30

// Open opens the database at path, and creates it if there is none, in a directory that
// it creates as well (modes 0600 and 0700). It reads the whole file to see that it is
// sound, half a second a GiB that the system has in memory.
//
// It answers kv.ErrLocked when another process has the file for longer than the wait in
// opts, kv.ErrVersion when a newer Coffer has written it, and kv.ErrCorrupt when it is
// not a whole database.
func Open(path string, opts Options) (*Store, error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	file, err := openLocked(path, os.O_RDWR, opts.lockWait())
	if errors.Is(err, fs.ErrNotExist) {
		return create(path, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	rev, err := check(file, path)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	db, err := openBolt(file, path)
	if err != nil {
		return nil, err
	}
	return newStore(path, file, db, opts, rev), nil
}

func newStore(path string, file *os.File, db *bolt.DB, opts Options, rev kv.Rev) *Store {
	s := &Store{path: path, file: file, db: db, feed: feed.New(rev, opts.WatchEvents)}
	s.using.empty = make(chan struct{})
	s.close = sync.OnceValue(func() error {
		<-s.using.shut()
		s.feed.Close()
		return s.db.Close()
	})
	return s
}

// create makes a database under another name and renames it when it is whole, so that
// no crash leaves half a database at path, and an empty file there is known for
// damaged. The lock goes with the file through the renaming.
func create(path string, opts Options) (*Store, error) {
	unfinished := path + ".new"
	file, err := openLocked(unfinished, os.O_RDWR|os.O_CREATE, opts.lockWait())
	if err != nil {
		return nil, fmt.Errorf("creating database: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		// Another process was faster, and may have been waited for: file is its database.
		if err := file.Close(); err != nil {
			return nil, err
		}
		return Open(path, opts)
	}
	if err := file.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("creating database: %w", err), file.Close())
	}
	db, err := openBolt(file, path)
	if err != nil {
		return nil, err
	}
	err = db.Update(format)
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating database: %w", err), db.Close())
	}
	return newStore(path, file, db, opts, 0), nil
}

// openBolt lets bbolt open file, which it then owns: it is closed if that fails.
func openBolt(file *os.File, path string) (db *bolt.DB, err error) {
	options := &bolt.Options{
		Timeout:         time.Second, // for where openLocked can't lock
		PageSize:        pageSize,
		FreelistType:    bolt.FreelistMapType, // faster, the more so in a large file with holes
		NoFreelistSync:  true,                 // see the package comment
		InitialMmapSize: int(min(mmapBytes, math.MaxInt/8)),
		NoStatistics:    true, // they cost each View a lock
		OpenFile:        func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	}
	err = guard(path, func() (err error) {
		db, err = bolt.Open(path, 0o600, options)
		return err
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, kv.ErrCorrupt):
		// bbolt panicked, and has not closed the file.
		return nil, errors.Join(err, file.Close())
	case errors.Is(err, boltErrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", kv.ErrLocked, path)
	}
	return nil, fmt.Errorf("opening database: %s: %w", path, err)
}

// openLocked opens the file at path and locks it, waiting for that at most wait.
func openLocked(path string, flag int, wait time.Duration) (*os.File, error) {
	file, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(file, wait); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return file, nil
}

// makeDir makes the directory and those above it that are missing, durably.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
