// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file anew: beside it, and then in its place, so that whoever opens it
// finds the old content or the new one, whole. A symbolic link in its place is replaced,
// not followed. The mode is not subject to the umask. The content is not synced to a disk: it
// is made again after a crash.
func Replace(path string, mode fs.FileMode, content []byte) (fs.FileInfo, error) {
	// One name, so that what a kill left behind goes away the next time.
	beside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".coffer")
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	info, err := create(beside, mode, content)
	if err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return nil, errors.Join(err, gone(os.Remove(beside)))
	}
	return info, nil
}

// gone leaves out the error that something is not there.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// create writes a file that is not there yet, which no link can be in the place of.
func create(path string, mode fs.FileMode, content []byte) (info fs.FileInfo, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, defaultMode)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return nil, err
	}
	if err := f.Chmod(mode); err != nil { // not subject to the umask
		return nil, err
	}
	return f.Stat()
}

// untouched reports whether a path still has the file that was written.
func untouched(path string, written fs.FileInfo) bool {
	now, err := os.Lstat(path)
	return err == nil && same(now, written) && now.Mode() == written.Mode()
}

// same reports whether now is the file that was written, with what was written. The number
// of a file may be another's after it is removed; its time is not.
func same(now, written fs.FileInfo) bool {
	return os.SameFile(now, written) && now.Mode().IsRegular() && now.Size() == written.Size() && now.ModTime().Equal(written.ModTime())
}

// remove overwrites a file that was written, and removes it. If another one is in its place
// by now, that is left.
func remove(path string, written fs.FileInfo) error {
	now, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !same(now, written) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(overwrite(path, written), gone(os.Remove(path)))
}

// overwrite puts zeros in the place of the content. A file that its owner may not write is
// left to be removed.
func overwrite(path string, written fs.FileInfo) (err error) {
	if written.Mode()&0o200 == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("overwriting it: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	now, err := f.Stat()
	if err != nil || !same(now, written) {
		return err
	}
	_, err = f.Write(make([]byte, now.Size()))
	return err
}
