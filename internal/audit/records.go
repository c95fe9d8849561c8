// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"
)

// A Record is a line of a log, for display.
type Record struct {
	Event
	Chain Chain  `json:"chain"`
	Line  []byte `json:"-"` // as it is in the file, without its newline; the reader's own copy
}

// A Chain is a record's place in the chain.
type Chain struct {
	Sequence uint64 `json:"sequence"`
	Previous string `json:"previous"` // the SHA-256 of the line before, hexadecimal
}

// A Filter chooses records. An empty member lets all pass; a record must pass all members.
type Filter struct {
	EventSource string    // such as "kms.amazonaws.com"; "kms" will do
	EventName   string    // the operation
	Principal   string    // within userIdentity.arn, or userName, or accessKeyId
	Resource    string    // within the ARN of one resource
	ErrorCode   string    // "*" means any error
	Since       time.Time // first eventTime that passes
	Until       time.Time // first eventTime that does not
}

// Match says whether r passes.
func (f *Filter) Match(r *Record) bool {
	u := &r.UserIdentity
	switch {
	case f.EventSource != "" && r.EventSource != f.EventSource && strings.TrimSuffix(r.EventSource, ".amazonaws.com") != f.EventSource,
		f.EventName != "" && r.EventName != f.EventName,
		f.Principal != "" && !strings.Contains(u.ARN, f.Principal) && u.UserName != f.Principal && u.AccessKeyID != f.Principal,
		f.ErrorCode == "*" && r.ErrorCode == "",
		f.ErrorCode != "" && f.ErrorCode != "*" && r.ErrorCode != f.ErrorCode,
		!f.Since.IsZero() && r.EventTime.Before(f.Since),
		!f.Until.IsZero() && !r.EventTime.Before(f.Until):
		return false
	}
	return f.Resource == "" || slices.ContainsFunc(r.Resources, func(res Resource) bool {
		return strings.Contains(res.ARN, f.Resource)
	})
}

// ReadOptions say which records Records yields.
type ReadOptions struct {
	Filter Filter
	// Last begins with the last so many lines of the file (of which those that pass
	// the filter are yielded), zero with the first line, -1 with what comes.
	Last int
	// Follow waits at the end for more, and goes on in the file that replaces
	// this one at its path, until ctx ends.
	Follow bool
}

// followInterval is how often the end of a followed log is looked at.
const followInterval = 250 * time.Millisecond

// Records yields the records of the log at path, oldest first. It checks no chain. A line
// that is no record comes as an error with the Record's Line set as far as it was read, and the
// iteration goes on; after an error of reading it ends. The end of ctx ends it without one.
func Records(ctx context.Context, path string, o ReadOptions) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Record{}, fmt.Errorf("audit: reading: %w", err))
			return
		}
		r := recordReader{ctx: ctx, path: path, f: f, o: o, yield: yield}
		defer func() { r.f.Close() }()
		info, err := f.Stat()
		if err == nil && o.Last != 0 {
			r.offset, err = lastLines(f, info.Size(), max(o.Last, 0))
		}
		if err != nil {
			yield(Record{}, fmt.Errorf("audit: reading: %w", err))
			return
		}
		for r.readOn() && o.Follow && r.wait() {
		}
	}
}

type recordReader struct {
	ctx    context.Context
	path   string
	f      *os.File
	offset int64 // of the next line
	o      ReadOptions
	yield  func(Record, error) bool
}

// readOn yields the whole lines up to the file's present end.
func (r *recordReader) readOn() bool {
	return r.read(newLineReader(io.NewSectionReader(r.f, r.offset, 1<<62-r.offset), r.offset))
}

func (r *recordReader) read(lines *lineReader) bool {
	for r.ctx.Err() == nil {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errTorn) && r.o.Follow:
			return true
		case err != nil && !errors.Is(err, errTorn):
			r.yield(Record{}, fmt.Errorf("audit: reading %s at byte %d: %w", r.path, lines.offset, err))
			return false
		}
		r.offset = lines.end
		rec, bad := decode(line)
		if err = errors.Join(err, bad); err != nil {
			err = fmt.Errorf("audit: %s, byte %d: %w", r.path, lines.offset, err)
		} else if !r.o.Filter.Match(&rec) {
			continue
		}
		if !r.yield(rec, err) {
			return false
		}
	}
	return false
}

// wait waits a while, and turns to the file that took this one's place once this one is read
// to its end.
func (r *recordReader) wait() bool {
	timer := time.NewTimer(followInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
		return false
	}
	here, err := r.f.Stat()
	if err != nil {
		r.yield(Record{}, fmt.Errorf("audit: reading: %w", err))
		return false
	}
	there, err := os.Stat(r.path)
	if err != nil || os.SameFile(here, there) || there.Size() == 0 {
		return err == nil || errors.Is(err, fs.ErrNotExist)
	}
	// The log writes to the new file, so this one is complete.
	if !r.readOn() {
		return false
	}
	next, err := os.Open(r.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	r.f.Close()
	r.f, r.offset = next, 0
	return true
}

// decode reads one line (without newline).
func decode(line []byte) (Record, error) {
	rec := Record{Line: append([]byte(nil), line...)}
	if _, _, err := splitLine(line); err != nil {
		return rec, err
	}
	if err := json.Unmarshal(line, &rec); err != nil {
		return rec, fmt.Errorf("not a record: %w", err)
	}
	return rec, nil
}

// lastLines returns the offset of the n-th whole line from the end.
func lastLines(f io.ReaderAt, size int64, n int) (int64, error) {
	buf := make([]byte, 64<<10)
	for end, seen := size, 0; end > 0; {
		start := max(0, end-int64(len(buf)))
		part := buf[:end-start]
		if _, err := f.ReadAt(part, start); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] != '\n' {
				continue
			}
			if seen++; seen > n {
				return start + int64(i) + 1, nil
			}
		}
		end = start
	}
	return 0, nil
}
