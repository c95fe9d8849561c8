// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A file is an open log or anchor. Tests put faults behind it.
type file interface {
	io.Writer // of a log: at its end, wherever that is
	io.ReaderAt
	io.WriterAt // not of a log
	io.Closer
	Truncate(size int64) error
	Sync() error
	// info returns what fstat(2) says now.
	info() (fileInfo, error)
	// reserve allocates n bytes from offset on without changing the size.
	reserve(offset, n int64) error
	// lock takes the file for this process; it fails at once if another has it.
	lock() error
}

// A fileInfo is what is to be known of a file.
type fileInfo struct {
	inode uint64
	size  int64
	links uint64 // 0 when it was deleted
}

// A filer opens files. All paths are full paths.
type filer interface {
	// openLog opens a log for reading and for appending, and creates it if it is not there.
	openLog(path string) (file, error)
	// open opens a file for reading and writing, and creates it if it is not there.
	open(path string) (file, error)
	// stat returns fs.ErrNotExist for a file that is not there.
	stat(path string) (fileInfo, error)
	// find returns the path of the file with inode beside path whose name
	// begins with path's (as rotation names them), or "".
	find(path string, inode uint64) (string, error)
	// syncDir makes the creation of path durable.
	syncDir(path string) error
}

// osFiles is the filer of the operating system.
type osFiles struct{}

var _ filer = osFiles{}

func (osFiles) openLog(path string) (file, error) {
	return openOS(path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
}

func (osFiles) open(path string) (file, error) {
	return openOS(path, os.O_RDWR|os.O_CREATE)
}

func openOS(path string, flag int) (file, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	conn, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err == nil && st.Mode().Perm() != 0o600 {
		err = f.Chmod(0o600)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return osFile{f, conn}, nil
}

func (osFiles) stat(path string) (fileInfo, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fileInfo{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) fileInfo {
	return fileInfo{inode: st.Ino, size: st.Size, links: uint64(st.Nlink)}
}

func (o osFiles) find(path string, inode uint64) (string, error) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), base) {
			continue
		}
		p := filepath.Join(dir, e.Name())
		if info, err := o.stat(p); err == nil && info.inode == inode {
			return p, nil
		}
	}
	return "", nil
}

func (osFiles) syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// An osFile is a file of the operating system.
type osFile struct {
	*os.File
	conn syscall.RawConn
}

// control calls fn with the descriptor, which is not closed meanwhile.
func (f osFile) control(fn func(fd int) error) error {
	var err error
	if e := f.conn.Control(func(fd uintptr) { err = fn(int(fd)) }); e != nil {
		return e
	}
	return err
}

func (f osFile) info() (fileInfo, error) {
	var st unix.Stat_t
	if err := f.control(func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		return fileInfo{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return infoOf(&st), nil
}

func (f osFile) lock() error {
	return f.control(func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
}

func (f osFile) reserve(offset, n int64) error {
	err := f.control(func(fd int) error { return allocate(fd, offset, n) })
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	var st unix.Statfs_t
	if err := f.control(func(fd int) error { return unix.Fstatfs(fd, &st) }); err != nil {
		return err
	}
	if uint64(st.Bavail)*uint64(st.Bsize) < uint64(n) {
		return unix.ENOSPC
	}
	return nil
}
