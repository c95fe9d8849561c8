// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// TornSuffix is what is added to a log's name for the file that keeps the bytes
// that a crash left torn at the log's end.
const TornSuffix = ".torn"

// ErrTampered says that a log disagrees with its anchor. The package comment
// says what to do.
var ErrTampered = errors.New("the audit log and its anchor disagree")

// ErrLocked says that another process has the log open.
var ErrLocked = errors.New("the audit log is in use by another process")

// A Recovery says what Open found and did.
type Recovery struct {
	// Beyond is how many records were in the log after the anchor: not zero after
	// a crash, and accepted since the chain holds.
	Beyond uint64
	// TornBytes is how many bytes at the log's end were no whole record. They were
	// moved to the file with TornSuffix.
	TornBytes int64
	// Replayed is how many records of committed calls were in the store and not yet
	// in the log, and were put there.
	Replayed int
}

// open opens log and anchor, brings them into agreement, and leaves the journal at
// the log's end. It changes nothing when it fails with ErrTampered.
func (j *journal) open() (rec Recovery, err error) {
	j.anchor, err = j.files.open(j.path + AnchorSuffix)
	if err != nil {
		return rec, fmt.Errorf("opening the anchor: %w", err)
	}
	defer func() {
		if err != nil {
			j.anchor.Close()
			if j.file != nil {
				j.file.Close()
			}
		}
	}()
	if err := j.anchor.lock(); err != nil {
		return rec, fmt.Errorf("%w (%w)", ErrLocked, err)
	}
	st, err := readAnchor(j.anchor, j.key)
	if err != nil {
		return rec, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	_, absent := j.files.stat(j.path)
	j.file, err = j.files.openLog(j.path)
	if err != nil {
		return rec, fmt.Errorf("opening the log: %w", err)
	}
	info, err := j.file.info()
	if err != nil {
		return rec, fmt.Errorf("opening the log: %w", err)
	}
	if st.absent && info.size > 0 {
		return rec, fmt.Errorf("%w: there are records, and no whole anchor", ErrTampered)
	}
	former := info.inode == st.newest.inode && !errors.Is(absent, fs.ErrNotExist) // a new file may get a deleted one's inode
	from, err := j.locate(st.newest.position, info, former)
	if err != nil {
		return rec, err
	}
	at, err := j.tail(from, info, &rec)
	if err != nil {
		return rec, err
	}
	if st.damaged {
		j.note(NoticeAnchor, "")
	}
	return rec, j.begin(at, st)
}

// begin makes the log's end durable and writes it into the anchor. A new anchor is on the
// disk before the first record is.
func (j *journal) begin(at position, st anchorState) error {
	j.written, j.slot = at, st.slot
	j.last.Store(at.sequence)
	if st.absent {
		both := at.appendSlot(at.appendSlot(nil, j.key), j.key)
		if _, err := j.anchor.WriteAt(both, 0); err != nil {
			return fmt.Errorf("writing the anchor: %w", err)
		}
	}
	if err := j.syncLocked(); err != nil {
		return err
	}
	return errors.Join(j.anchor.Sync(), j.files.syncDir(j.path))
}

// locate finds the place in the file at the log's path from where on the chain is to be
// checked: where the anchor says, or the start of a file that goes on from there. former says
// whether the file is the one that the anchor means, by its inode.
func (j *journal) locate(a position, info fileInfo, former bool) (position, error) {
	if fresh := a == (position{}); fresh || former && a.offset == 0 || endsLine(j.file, info.size, a) {
		return position{a.head, a.offset, info.inode}, nil
	}
	if former {
		if info.size < a.offset {
			return a, fmt.Errorf("%w: the log ends at byte %d; record %d, which was on disk, ended at byte %d",
				ErrTampered, info.size, a.sequence, a.offset)
		}
		return a, fmt.Errorf("%w: record %d, ending at byte %d, was edited", ErrTampered, a.sequence, a.offset)
	}
	// Another file: the anchor's was renamed, or deleted.
	reason, start := NoticeMissing, position{a.head, 0, info.inode}
	old, err := j.files.find(j.path, a.inode)
	if err != nil {
		return a, fmt.Errorf("looking for the log's former file: %w", err)
	}
	if old != "" && old != j.path {
		if start.head, err = j.headOf(old, a); err != nil {
			return a, err
		}
		reason, j.previous = NoticeRenamed, old
	}
	if info.size == 0 {
		j.note(reason, fmt.Sprintf(`{"lastSequence":%d}`, start.sequence))
		return start, nil
	}
	first, err := newLineReader(io.NewSectionReader(j.file, 0, info.size), 0).next()
	if h := start.head; err != nil || h.next(first) != nil {
		return a, fmt.Errorf("%w: the file does not go on from record %d", ErrTampered, start.sequence)
	}
	return start, nil
}

// headOf returns the end of the chain in the renamed file old, in which the anchor a is.
func (j *journal) headOf(old string, a position) (head, error) {
	f, err := j.files.open(old)
	if err != nil {
		return head{}, fmt.Errorf("opening the log's former file: %w", err)
	}
	defer f.Close()
	info, err := f.info()
	if err != nil {
		return head{}, fmt.Errorf("opening the log's former file: %w", err)
	}
	if a.offset > 0 && !endsLine(f, info.size, a) {
		return head{}, fmt.Errorf("%w: %s was cut or edited at record %d", ErrTampered, old, a.sequence)
	}
	at, _ := walk(newLineReader(io.NewSectionReader(f, a.offset, info.size-a.offset), a.offset), a)
	return at.head, nil
}

// endsLine says whether a line with a's hash ends at a's offset in a file of the given size.
func endsLine(f io.ReaderAt, size int64, a position) bool {
	if a.offset <= 0 || a.offset > size {
		return false
	}
	buf := make([]byte, min(a.offset, MaxLine+2))
	if _, err := f.ReadAt(buf, a.offset-int64(len(buf))); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	line, ok := bytes.CutSuffix(buf, []byte{'\n'})
	if at := bytes.LastIndexByte(line, '\n'); at >= 0 {
		line = line[at+1:]
	}
	return ok && sha256.Sum256(line) == a.hash
}

// tail checks the lines after from, which a crash may have torn: what does not hold
// is moved to a file of its own.
func (j *journal) tail(from position, info fileInfo, rec *Recovery) (position, error) {
	rest := io.NewSectionReader(j.file, from.offset, info.size-from.offset)
	at, err := walk(newLineReader(rest, from.offset), from)
	rec.Beyond = at.sequence - from.sequence
	if errors.Is(err, io.EOF) {
		return at, nil
	}
	if isBreak := (*Break)(nil); !errors.As(err, &isBreak) && !errors.Is(err, errTorn) && !errors.Is(err, errTooLong) {
		return at, fmt.Errorf("reading the log: %w", err)
	}
	rec.TornBytes = info.size - at.offset
	torn, err := j.files.openLog(j.path + TornSuffix)
	if err != nil {
		return at, fmt.Errorf("keeping the torn end of the log: %w", err)
	}
	_, err = io.Copy(torn, io.NewSectionReader(j.file, at.offset, rec.TornBytes))
	if err == nil {
		err = torn.Sync()
	}
	if err = errors.Join(err, torn.Close()); err != nil {
		return at, fmt.Errorf("keeping the torn end of the log: %w", err)
	}
	if err := j.file.Truncate(at.offset); err != nil {
		return at, fmt.Errorf("cutting the torn end of the log: %w", err)
	}
	j.note(NoticeTorn, fmt.Sprintf(`{"offset":%d,"bytes":%d}`, at.offset, rec.TornBytes))
	return at, nil
}
