// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// follow goes on in new files if the paths no longer lead to the open ones.
func (j *journal) follow() error {
	if err := j.followAnchor(); err != nil {
		return fmt.Errorf("audit: looking for the anchor: %w", err)
	}
	info, err := j.files.stat(j.path)
	switch {
	case err == nil && info.inode == j.end().inode:
		j.checked = time.Now()
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("audit: looking for the log: %w", err)
	}
	reason := NoticeRenamed
	if open, err := j.file.info(); err == nil && open.links == 0 {
		reason = NoticeDeleted
	}
	return j.replace(reason)
}

// followAnchor makes a new anchor if the one that is open was deleted or moved, and opens
// it anew if its descriptor is unusable.
func (j *journal) followAnchor() error {
	path := j.path + AnchorSuffix
	open, broken := j.anchor.info()
	there, err := j.files.stat(path)
	switch {
	case broken != nil:
		j.anchor.Close() // and the lock with it
	case err == nil && there.inode == open.inode:
		return nil
	case err == nil && there.size > 0:
		return fmt.Errorf("%s was replaced by a file with other content; move that away", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	next, err := j.files.open(path)
	if err != nil {
		return err
	}
	j.fileMu.Lock()
	defer j.fileMu.Unlock()
	both := j.synced.appendSlot(j.synced.appendSlot(nil, j.key), j.key)
	if err = next.lock(); err == nil {
		_, err = next.WriteAt(both, 0)
	}
	if err == nil {
		err = errors.Join(next.Sync(), j.files.syncDir(path))
	}
	if err != nil {
		next.Close()
		return err
	}
	j.anchor.Close()
	j.anchor = next
	if broken == nil {
		j.note(NoticeAnchor, `{"deleted":true}`)
	}
	return nil
}

// replace goes on in a new file at the log's path, with a first record that says why.
func (j *journal) replace(reason string) error {
	next, info, err := j.create()
	if err != nil {
		return err
	}
	j.fileMu.Lock()
	defer j.fileMu.Unlock()
	// The old file's end is made durable if it is still there. What was staged and
	// is not durable then is written once more: its end may be lost.
	if reason != NoticeDeleted {
		_ = j.syncLocked()
	}
	j.mu.Lock()
	var lost []Staged
	for _, p := range j.unsynced {
		lost = append(lost, p.Staged)
	}
	at := position{j.written.head, 0, info.inode}
	j.mu.Unlock()
	if err := j.writeAnchor(at); err != nil {
		next.Close()
		return err
	}
	j.file.Close()
	j.file, j.suspect, j.reserved, j.checked = next, false, 0, time.Now()
	j.again = append(lost, j.again...)
	j.note(reason, fmt.Sprintf(`{"lastSequence":%d}`, at.sequence))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.written, j.synced, j.unsynced = at, at, nil
	j.safe.Store(at.sequence)
	return nil
}

// create opens the file at the log's path, which is new or empty.
func (j *journal) create() (file, fileInfo, error) {
	f, err := j.files.openLog(j.path)
	if err != nil {
		return nil, fileInfo{}, fmt.Errorf("audit: opening the log: %w", err)
	}
	info, err := f.info()
	if err == nil && info.size != 0 {
		err = fmt.Errorf("%s was replaced by a file with other content; move that away", j.path)
	}
	if err == nil {
		err = j.files.syncDir(j.path)
	}
	if err != nil {
		f.Close()
		return nil, fileInfo{}, fmt.Errorf("audit: opening the log: %w", err)
	}
	return f, info, nil
}

// repair brings the journal back after a fault: it opens the file anew, checks what was
// written since the last good sync, writes it once more (after a failed sync the
// kernel may have dropped it while it says that it is clean), and syncs. Staged
// lines that were lost are written with the next batch.
func (j *journal) repair() error {
	j.checked = time.Time{}
	if err := j.followAnchor(); err != nil {
		return fmt.Errorf("audit: looking for the anchor: %w", err)
	}
	if info, err := j.files.stat(j.path); err != nil || info.inode != j.end().inode {
		if err := j.follow(); err != nil {
			return err
		}
		return j.room()
	}
	f, err := j.files.openLog(j.path)
	if err != nil {
		return fmt.Errorf("audit: opening the log: %w", err)
	}
	j.fileMu.Lock()
	defer j.fileMu.Unlock()
	at, err := j.rewrite(f)
	if err != nil {
		f.Close()
		return err
	}
	j.file.Close()
	j.file, j.suspect, j.reserved = f, false, 0
	j.mu.Lock()
	keep := j.unsynced[:0]
	for _, p := range j.unsynced {
		if p.last <= at.sequence {
			keep = append(keep, p)
		} else {
			j.again = append(j.again, p.after(at.sequence))
		}
	}
	j.written, j.unsynced = at, keep
	j.last.Store(at.sequence)
	j.mu.Unlock()
	return j.room()
}

// after returns the staged lines that come after record sequence.
func (p placed) after(sequence uint64) Staged {
	lines := bytes.Split(p.body, []byte{'\n'})
	lost := min(p.last-sequence, uint64(len(lines)))
	return Staged{p.key, bytes.Join(lines[uint64(len(lines))-lost:], []byte{'\n'})}
}

// rewrite checks the lines between the last good sync and the end of what was
// written, cuts off what does not hold, writes the rest once more and syncs it.
func (j *journal) rewrite(f file) (position, error) {
	info, err := f.info()
	if err != nil {
		return position{}, fmt.Errorf("audit: reading %s: %w", j.path, err)
	}
	if info.size < j.synced.offset {
		return position{}, fmt.Errorf("audit: %s was cut while it was open: %w", j.path, ErrTampered)
	}
	size := min(info.size, j.written.offset) - j.synced.offset
	at, _ := walk(newLineReader(io.NewSectionReader(f, j.synced.offset, size), j.synced.offset), j.synced)
	if err := f.Truncate(at.offset); err != nil {
		return position{}, fmt.Errorf("audit: repairing %s: %w", j.path, err)
	}
	plain, err := j.files.open(j.path)
	if err != nil {
		return position{}, fmt.Errorf("audit: repairing %s: %w", j.path, err)
	}
	_, err = io.Copy(io.NewOffsetWriter(plain, j.synced.offset),
		io.NewSectionReader(f, j.synced.offset, at.offset-j.synced.offset))
	if err == nil {
		err = plain.Sync()
	}
	if err = errors.Join(err, plain.Close()); err != nil {
		return position{}, fmt.Errorf("audit: repairing %s: %w", j.path, err)
	}
	return at, nil
}

// walk follows the chain from position at through the lines of r, and returns where
// the last line ends that holds, with the reason why the next does not (io.EOF
// when there is none).
func walk(r *lineReader, at position) (position, error) {
	for {
		line, err := r.next()
		if err == nil {
			err = at.next(line)
		}
		if err != nil {
			return at, err
		}
		at.offset = r.end
	}
}
