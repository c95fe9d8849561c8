// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// replayChunk is how many staged calls are brought from the store into the log at
// a time; their bytes are bounded by replayBytes and one value more.
const (
	replayChunk = kv.MaxOps
	replayBytes = 8 << 20
)

// replay puts into the log what an earlier process staged and committed and did not get
// there, and deletes it from the store once it is on disk. Lines that are in the
// log already, which that process had no time to delete, are only deleted.
func (l *Log) replay(ctx context.Context) (records int, err error) {
	if l.store == nil {
		return 0, nil
	}
	for {
		chunk, notBefore, err := l.pending(ctx)
		if err != nil || len(chunk) == 0 {
			return records, err
		}
		missing, err := l.missing(chunk, notBefore)
		if err != nil {
			return records, err
		}
		if err := l.journal.write(&batch{staged: missing}); err != nil {
			return records, err
		}
		if err := l.journal.sync(); err != nil {
			return records, err
		}
		for _, s := range missing {
			records += bytes.Count(s.body, []byte{'\n'}) + 1
		}
		keys := make([]string, len(chunk))
		for i, s := range chunk {
			keys[i] = s.key
		}
		if err := l.forget(ctx, keys); err != nil {
			return records, err
		}
	}
}

// pending returns the oldest staged calls of earlier processes, and the sequence
// before which none of their lines is in the log.
func (l *Log) pending(ctx context.Context) (chunk []Staged, notBefore uint64, err error) {
	_, err = l.store.View(ctx, func(r kv.Reader) error {
		chunk, notBefore = nil, 0
		size := 0
		for p, err := range r.Scan(kv.Range{Prefix: pendingPrefix(l.node)}) {
			if err != nil {
				return err
			}
			if strings.HasPrefix(p.Key, l.boot) {
				continue
			}
			s, before, err := parsePending(p)
			if err != nil {
				return err
			}
			if len(chunk) == 0 || before < notBefore {
				notBefore = before
			}
			chunk = append(chunk, s)
			if size += len(s.body); len(chunk) == replayChunk || size > replayBytes {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("audit: reading staged records: %w", err)
	}
	return chunk, notBefore, nil
}

// missing returns of the chunk what is not in the log. A call's lines are written
// together, but a crash may have kept the first of them only.
func (l *Log) missing(chunk []Staged, notBefore uint64) ([]Staged, error) {
	wanted := map[Hash]bool{}
	for _, s := range chunk {
		for line := range s.events() {
			wanted[sha256.Sum256(line[:len(line)-1])] = true
		}
	}
	paths := []string{l.journal.path}
	if l.journal.previous != "" {
		paths = append(paths, l.journal.previous)
	}
	for _, path := range paths {
		if err := l.strike(wanted, path, notBefore); err != nil {
			return nil, err
		}
	}
	var missing []Staged
	for _, s := range chunk {
		var body [][]byte
		for line := range s.events() {
			if wanted[sha256.Sum256(line[:len(line)-1])] {
				body = append(body, line)
			}
		}
		if len(body) > 0 {
			missing = append(missing, Staged{s.key, bytes.Join(body, []byte{'\n'})})
		}
	}
	return missing, nil
}

// strike removes from wanted the events that the file at path has from record
// notBefore on.
func (l *Log) strike(wanted map[Hash]bool, path string, notBefore uint64) error {
	f, err := l.journal.files.open(path)
	if err != nil {
		return fmt.Errorf("audit: reading the log: %w", err)
	}
	defer f.Close()
	info, err := f.info()
	if err != nil {
		return fmt.Errorf("audit: reading the log: %w", err)
	}
	start := seek(f, info.size, notBefore)
	lines := newLineReader(io.NewSectionReader(f, start, info.size-start), start)
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errTorn), errors.Is(err, errTooLong):
			return nil // the end, or bytes that are no record
		case err != nil:
			return fmt.Errorf("audit: reading the log: %w", err)
		}
		if event, _, err := splitLine(line); err == nil {
			delete(wanted, sha256.Sum256(event))
		}
	}
}

// seek returns the offset of a line at or before the one with the sequence, by halving.
func seek(f io.ReaderAt, size int64, sequence uint64) int64 {
	low, high := int64(0), size // the line at low is at or before the one that is sought
	for high-low > 64<<10 {
		middle := low + (high-low)/2
		lines := newLineReader(io.NewSectionReader(f, middle, size-middle), middle)
		_, err := lines.next() // its rest
		var l link
		if err == nil {
			var line []byte
			if line, err = lines.next(); err == nil {
				_, l, err = splitLine(line)
			}
		}
		if err == nil && l.sequence <= sequence {
			low = lines.offset
		}
		if err != nil || l.sequence > sequence || low < middle {
			high = middle
		}
	}
	return low
}

// forget deletes staged lines from the store, at most kv.MaxOps of them.
func (l *Log) forget(ctx context.Context, keys []string) error {
	_, err := l.store.Update(ctx, func(tx kv.Tx) error {
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("audit: deleting staged records: %w", err)
	}
	return nil
}
