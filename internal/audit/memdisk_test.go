// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var errCrashed = errors.New("the process was killed")

// A memDisk is a filer in memory that loses what was not synced, and fails, as told.
type memDisk struct {
	mu    sync.Mutex
	nodes map[string]*memNode
	last  uint64 // inode

	ops     int  // that changed something, so far
	crashAt int  // the op that the process is killed in; 0 for never
	torn    int  // how many bytes of it are done, if it is a write
	crashed bool // all fails
	fault   func(op, path string) error
	gate    func(op, path string) // called without the lock, to be slow
}

// A memNode is a file: what readers see, and what is on the disk.
type memNode struct {
	inode  uint64
	links  uint64
	data   []byte
	synced []byte
	stale  int      // up to here a sync failed, and the kernel holds what it cached for clean
	owner  *memFile // of the lock
}

type memFile struct {
	d      *memDisk
	path   string
	n      *memNode
	log    bool
	closed bool
}

func newMemDisk() *memDisk { return &memDisk{nodes: map[string]*memNode{}} }

// dead says whether the process was killed.
func (d *memDisk) dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.crashed
}

// restart is the machine's next start: after a power failure only a prefix of each file's
// bytes that were not synced is there; after a mere kill all are.
func (d *memDisk) restart(power func(path string, unsynced int) int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, n := range d.nodes {
		n.owner = nil
		if power != nil {
			kept := power(path, max(0, len(n.data)-len(n.synced)))
			if strings.HasSuffix(path, AnchorSuffix) {
				if kept == 0 { // written in place, or not
					n.data = append([]byte(nil), n.synced...)
				}
			} else if len(n.data) >= len(n.synced) {
				n.data = append(append([]byte(nil), n.synced...), n.data[len(n.synced):len(n.synced)+kept]...)
			}
		}
		n.synced, n.stale = append([]byte(nil), n.data...), 0
	}
	d.crashAt, d.crashed, d.fault, d.gate, d.ops = 0, false, nil, nil, 0
}

// save writes the disk's files into dir, for Verify.
func (d *memDisk) save(t testing.TB, dir string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, n := range d.nodes {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), n.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// begin starts an operation that changes something; it reports how many of its bytes are
// done before the process dies, or -1.
func (d *memDisk) begin(op, path string) (torn int, err error) {
	if d.gate != nil {
		d.gate(op, path)
	}
	d.mu.Lock()
	if d.crashed {
		return -1, errCrashed
	}
	if d.fault != nil {
		if err := d.fault(op, path); err != nil {
			return d.torn, err
		}
	}
	d.ops++
	if d.ops == d.crashAt {
		d.crashed = true
		return d.torn, errCrashed
	}
	return -1, nil
}

func (d *memDisk) openLog(path string) (file, error) { return d.openFile(path, true) }
func (d *memDisk) open(path string) (file, error)    { return d.openFile(path, false) }

func (d *memDisk) openFile(path string, log bool) (file, error) {
	_, err := d.begin("open", path)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	n := d.nodes[path]
	if n == nil {
		d.last++
		n = &memNode{inode: d.last, links: 1}
		d.nodes[path] = n
	}
	return &memFile{d: d, path: path, n: n, log: log}, nil
}

func (d *memDisk) stat(path string) (fileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.nodes[path]; n != nil {
		return fileInfo{n.inode, int64(len(n.data)), n.links}, nil
	}
	return fileInfo{}, fs.ErrNotExist
}

func (d *memDisk) find(path string, inode uint64) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, n := range d.nodes {
		if strings.HasPrefix(p, path) && n.inode == inode {
			return p, nil
		}
	}
	return "", nil
}

func (d *memDisk) syncDir(path string) error {
	_, err := d.begin("syncdir", path)
	d.mu.Unlock()
	return err
}

func (f *memFile) Write(b []byte) (int, error) {
	torn, err := f.d.begin("write", f.path)
	defer f.d.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	n := len(b)
	if err != nil {
		n = min(max(torn, 0), n)
	}
	f.n.data = append(f.n.data, b[:n]...)
	return n, err
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	torn, err := f.d.begin("writeat", f.path)
	defer f.d.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	n := len(b)
	if err != nil {
		n = min(max(torn, 0), n)
	}
	if grow := int(off) + n - len(f.n.data); grow > 0 && n > 0 {
		f.n.data = append(f.n.data, make([]byte, grow)...)
	}
	copy(f.n.data[min(int(off), len(f.n.data)):], b[:n])
	if f.n.stale <= int(off)+n { // tests rewrite all or nothing
		f.n.stale = 0
	}
	return n, err
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.crashed {
		return 0, errCrashed
	}
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Truncate(size int64) error {
	_, err := f.d.begin("truncate", f.path)
	defer f.d.mu.Unlock()
	if err == nil {
		f.n.data = append(f.n.data, make([]byte, max(0, int(size)-len(f.n.data)))...)[:size:size]
		f.n.stale = min(f.n.stale, int(size))
	}
	return err
}

func (f *memFile) Sync() error {
	_, err := f.d.begin("sync", f.path)
	defer f.d.mu.Unlock()
	if err != nil {
		f.n.stale = len(f.n.data)
		return err
	}
	old := f.n.synced
	f.n.synced = append([]byte(nil), f.n.data...)
	lost := f.n.synced[:min(f.n.stale, len(f.n.synced))]
	clear(lost)
	copy(lost, old)
	return nil
}

func (f *memFile) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.closed = true
	if f.n.owner == f {
		f.n.owner = nil
	}
	return nil
}

func (f *memFile) info() (fileInfo, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.crashed || f.closed {
		return fileInfo{}, errCrashed
	}
	return fileInfo{f.n.inode, int64(len(f.n.data)), f.n.links}, nil
}

func (f *memFile) reserve(int64, int64) error {
	_, err := f.d.begin("reserve", f.path)
	f.d.mu.Unlock()
	return err
}

func (f *memFile) lock() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.n.owner != nil {
		return errors.New("locked")
	}
	f.n.owner = f
	return nil
}
