// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// maxFile bounds the file, in bytes.
	maxFile = 16 << 20
	// A File writes so often at once, and once in a while over time. What is not written
	// then is with the next change, or when it is told to Forget.
	burst      = 8
	writeEvery = 2 * time.Second
)

// writing is the state of what a File writes in the background.
type writing struct {
	dirty   bool          // there is something to write
	done    chan struct{} // closed when the writer has ended; nil while there is none
	tokens  int           // writes that may be made at once
	counted time.Time     // when tokens were last given
}

// changed has the file written, by a goroutine that ends with nothing more to write. The
// caller holds the lock.
func (f *File) changed() {
	f.dirty = true
	if f.done == nil && f.mayWrite() {
		f.done = make(chan struct{})
		go f.write(f.done)
	}
}

// mayWrite takes a token, if there is one.
func (f *File) mayWrite() bool {
	now := f.now()
	since := now.Sub(f.counted)
	if since < 0 || since >= burst*writeEvery {
		f.tokens, f.counted = burst, now
	} else if n := int(since / writeEvery); n > 0 {
		f.tokens, f.counted = min(burst, f.tokens+n), f.counted.Add(time.Duration(n)*writeEvery)
	}
	if f.tokens == 0 {
		return false
	}
	f.tokens--
	return true
}

// write writes until the file has all that is known, or may not be written more often.
func (f *File) write(done chan struct{}) {
	defer close(done)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush()
	for f.dirty && f.mayWrite() {
		if !f.flush() {
			break
		}
	}
	f.done = nil
}

// flush writes the file once, without the lock, which the caller holds. If it can't be
// written the one that is there stays, and the next change tries again.
func (f *File) flush() bool {
	f.dirty = false
	data := encode(f.entries)
	f.mu.Unlock()
	err := replace(f.Path, data)
	f.mu.Lock()
	if err != nil {
		f.dirty = true
		f.Report(fmt.Errorf("fallback: writing the last values known: %w", err))
	}
	return err == nil
}

// Forget implements source.Source: it waits until all that is known is in the file, and
// drops it from memory.
func (f *File) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.done != nil {
		done := f.done
		f.mu.Unlock()
		<-done
		f.mu.Lock()
	}
	if f.dirty {
		done := make(chan struct{})
		f.done = done // no other writer
		f.flush()
		f.done = nil
		close(done)
	}
	if !f.dirty { // else it is nowhere but here
		f.entries, f.loaded = nil, false
	}
}

// read returns a file's content, or nothing if there is none.
func read(path string) ([]byte, error) {
	// Without O_NONBLOCK, to open a pipe would wait for its writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fallback: reading the last values known: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("fallback: reading the last values known: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, errMagic
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("fallback: reading the last values known: %w", err)
	}
	return data, nil
}

// replace puts a new file in the place of path, or leaves what is there as it is.
func replace(path string, data []byte) (err error) {
	next := path + ".new"
	_ = os.Remove(next) // of a process that died
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next)
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename last. That not every file system can is no failure: the content
// was synced.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return nil
	}
	_ = dir.Sync()
	return dir.Close()
}
