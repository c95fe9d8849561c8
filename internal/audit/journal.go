// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// linkCheckInterval is how often it is looked whether the log's path still leads to
// the open file (a rename); that it was deleted is seen with each write.
const linkCheckInterval = time.Second

// A journal is the open log with its anchor. One goroutine writes and repairs; another
// may sync meanwhile.
type journal struct {
	files    filer
	path     string
	key      []byte
	ahead    int64 // bytes to keep allocated beyond what is written
	chunk    int64 // bytes to allocate at a time
	now      func() time.Time
	durable  func([]placed) // is told which staged lines are on disk; it must not block
	previous string         // the renamed file that the log went on from at start, or ""

	// Only the writing goroutine uses these.
	out      []byte
	notices  [][]byte  // to be written first
	again    []Staged  // to be written next: they are in no file that is left
	reserved int64     // up to where room is allocated
	checked  time.Time // when the path was last looked at

	// fileMu is held while the file is synced or exchanged. The writing goroutine
	// reads file without it, since nobody else exchanges it.
	fileMu  sync.Mutex
	file    file
	anchor  file
	slot    int  // of the anchor's newest slot
	suspect bool // a sync failed: what the kernel says of this file is not to be trusted

	last atomic.Uint64 // the sequence of written
	safe atomic.Uint64 // the sequence of synced: no later line gets one up to it

	mu       sync.Mutex
	written  position // the end of what was written
	synced   position // the end of what is known to be on disk
	unsynced []placed // staged lines between the two
}

// A placed is a Staged whose last line is record last.
type placed struct {
	Staged
	last uint64
}

func (j *journal) end() position {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.written
}

// held returns the bytes of the staged lines that wait to be written.
func (j *journal) held() int64 {
	n := int64(0)
	for _, s := range j.again {
		n += int64(len(s.body))
	}
	return n
}

// write appends the batch, and what waits from before, in one write(2). When it fails, none of the
// batch's lines is in the file as far as that could be undone, and the staged ones wait.
func (j *journal) write(b *batch) error {
	j.again = append(j.again, b.staged...)
	if len(j.again)+len(b.ends)+len(j.notices) == 0 {
		return nil
	}
	if time.Since(j.checked) >= linkCheckInterval {
		if err := j.follow(); err != nil {
			return err
		}
	}
	plain := batch{buf: b.buf, ends: b.ends}
	// The file may be deleted between two attempts; an attempt's lines go with it.
	for range 3 {
		deleted, err := j.attempt(&plain)
		if err != nil {
			return err
		}
		if !deleted {
			return nil
		}
		if err := j.replace(NoticeDeleted); err != nil {
			return err
		}
	}
	return errors.New("audit: the log is deleted as often as it is made")
}

// attempt writes what waits and the batch once, and reports whether that went to a
// file that was deleted.
func (j *journal) attempt(plain *batch) (deleted bool, err error) {
	at := j.end()
	h := at.head
	j.out = j.out[:0]
	for _, n := range j.notices {
		j.out = h.appendLine(j.out, n)
	}
	var staged []placed
	for _, s := range j.again {
		for line := range s.events() {
			j.out = h.appendLine(j.out, line)
		}
		staged = append(staged, placed{s, h.sequence})
	}
	for line := range plain.events() {
		j.out = h.appendLine(j.out, line)
	}
	j.reserve(at.offset, int64(len(j.out))) // a fault of room is found by ready; the write says for itself
	if _, err := j.file.Write(j.out); err != nil {
		j.undo(at)
		return false, fmt.Errorf("audit: writing %s: %w", j.path, err)
	}
	info, err := j.file.info()
	if err != nil {
		return false, fmt.Errorf("audit: writing %s: %w", j.path, err)
	}
	if info.links == 0 {
		return true, nil
	}
	j.notices, j.again = nil, nil
	end := position{h, at.offset + int64(len(j.out)), at.inode}
	if info.size != end.offset {
		j.note(NoticeResized, fmt.Sprintf(`{"expectedSize":%d,"size":%d}`, end.offset, info.size))
		end.offset, j.reserved = info.size, 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.written = end
	j.last.Store(end.sequence)
	j.unsynced = append(j.unsynced, staged...)
	if cap(j.out) > maxSpare {
		j.out = nil // after a burst
	}
	return false, nil
}

// undo cuts off what a failed write left behind position at.
func (j *journal) undo(at position) {
	if info, err := j.file.info(); err == nil && info.size > at.offset {
		j.file.Truncate(at.offset) // repair tries again
	}
}

func (j *journal) note(name, detail string) {
	j.notices = append(j.notices, notice(j.now(), name, detail))
}

// reserve sees to it that room for n bytes and the reserve after them is
// allocated from offset on.
func (j *journal) reserve(offset, n int64) error {
	if j.reserved >= offset+n+j.ahead {
		return nil
	}
	size := max(j.chunk, n+j.ahead)
	if err := j.file.reserve(offset, size); err != nil {
		if size = n + j.ahead; j.file.reserve(offset, size) != nil {
			return fmt.Errorf("audit: no room on the disk for %s: %w", j.path, err)
		}
	}
	j.reserved = offset + size
	return nil
}

// room says whether the reserve is allocated behind what is written.
func (j *journal) room() error { return j.reserve(j.end().offset, 0) }

// sync makes what is written durable and says so in the anchor.
func (j *journal) sync() error {
	j.fileMu.Lock()
	defer j.fileMu.Unlock()
	return j.syncLocked()
}

func (j *journal) syncLocked() error {
	if j.suspect {
		return fmt.Errorf("audit: an earlier sync of %s failed", j.path)
	}
	at := j.end()
	if err := j.file.Sync(); err != nil {
		j.suspect = true
		return fmt.Errorf("audit: syncing %s: %w", j.path, err)
	}
	if err := j.writeAnchor(at); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.synced = at
	j.safe.Store(at.sequence)
	n := 0
	for n < len(j.unsynced) && j.unsynced[n].last <= at.sequence {
		n++
	}
	if n > 0 {
		j.durable(j.unsynced[:n:n])
		j.unsynced = slices.Clone(j.unsynced[n:]) // lets go of the lines
	}
	return nil
}

// writeAnchor writes the slot that is not the newest.
func (j *journal) writeAnchor(at position) error {
	slot := 1 - j.slot
	if _, err := j.anchor.WriteAt(at.appendSlot(nil, j.key), int64(slot)*slotSize); err != nil {
		return fmt.Errorf("audit: writing %s: %w", j.path+AnchorSuffix, err)
	}
	j.slot = slot
	return nil
}

// close ends the journal: the anchor says in both slots where the log ends, and
// the room ahead is given back.
func (j *journal) close() error {
	j.fileMu.Lock()
	defer j.fileMu.Unlock()
	err := j.writeAnchor(j.synced)
	if err == nil {
		err = j.writeAnchor(j.synced)
	}
	if err == nil {
		err = j.anchor.Sync()
	}
	if info, e := j.file.info(); e == nil && info.size == j.written.offset {
		err = errors.Join(err, j.file.Truncate(info.size))
	}
	return errors.Join(err, j.file.Close(), j.anchor.Close())
}
