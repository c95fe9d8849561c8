// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A Kind says in what way a log is not what was written.
type Kind string

// The kinds of a Break.
const (
	Edited    Kind = "edited"    // a record was changed
	Removed   Kind = "removed"   // records are missing, or were moved
	Inserted  Kind = "inserted"  // a record is there that was not written there
	Truncated Kind = "truncated" // the end is missing
	Garbage   Kind = "garbage"   // bytes that are no record
	Anchor    Kind = "anchor"    // the anchor is missing, damaged or forged
)

// A Break is the first place where a log is not what was written. It wraps ErrTampered.
type Break struct {
	Kind   Kind
	Path   string
	Line   int   // from 1; for Truncated the one after the last
	Offset int64 // of the line's first byte in the file
	Detail string
}

// Error says where and what.
func (b *Break) Error() string {
	return fmt.Sprintf("audit: %s, line %d, byte %d: %s: %s", b.Path, b.Line, b.Offset, b.Kind, b.Detail)
}

// Unwrap returns ErrTampered.
func (b *Break) Unwrap() error { return ErrTampered }

// VerifyOptions say how a log is verified.
type VerifyOptions struct {
	// Key is the anchor's key. Without it the chain is checked and the numbers of the
	// anchor are, but whoever computed both anew is not found: see Report.MACChecked.
	Key []byte
	// Partial accepts that the first file does not begin with record 1, its elder
	// ones being archived.
	Partial bool
}

// A Report says what Verify found in order.
type Report struct {
	Records     uint64 // how many there are
	First, Last uint64 // the sequences of the first and the last
	LastHash    Hash   // the hash of the last
	Beyond      uint64 // how many of them are after the anchor: those since the last sync
	TornBytes   int64  // bytes after the last whole line: a write under way, or that a crash tore
	MACChecked  bool   // the anchor's MAC was there and checked
	SlotDamaged bool   // one slot of the anchor is damaged, as after a power failure
}

// Verify checks a log of one or more files, oldest first: that each line is JSON and follows
// the one before, and that the end agrees with the anchor, which lies beside the last
// file. It may run while the log is being written. When something does not hold, the error is a
// *Break, which tells the first place; the report then counts what holds before it.
func Verify(paths []string, o VerifyOptions) (Report, error) {
	if len(paths) == 0 {
		return Report{}, errors.New("audit: verifying: no file given")
	}
	last := paths[len(paths)-1]
	// First the anchor, then the lines: it can only lag behind what is read.
	st, err := loadAnchor(last+AnchorSuffix, o.Key)
	if err != nil {
		return Report{}, err
	}
	v := verifier{partial: o.Partial, anchor: st.newest}
	v.MACChecked = len(o.Key) > 0 && st.newest.signed
	v.SlotDamaged = st.damaged
	for _, path := range paths {
		if v.TornBytes > 0 {
			return v.Report, &Break{Garbage, v.path, v.line, v.offset, "the file does not end with a whole line"}
		}
		if err := v.file(path); err != nil {
			return v.Report, err
		}
	}
	return v.Report, v.end()
}

func loadAnchor(path string, key []byte) (anchorState, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return anchorState{}, &Break{Anchor, path, 1, 0, "there is no anchor"}
	}
	if err != nil {
		return anchorState{}, fmt.Errorf("audit: verifying: %w", err)
	}
	defer f.Close()
	st, err := readAnchor(f, key)
	switch {
	case err != nil:
		return st, &Break{Anchor, path, 1, 0, err.Error()}
	case st.absent:
		return st, &Break{Anchor, path, 1, 0, "the anchor is not whole"}
	}
	return st, nil
}

// A verifier follows the chain through the files.
type verifier struct {
	Report
	partial bool
	anchor  anchor
	head    head
	path    string
	line    int
	offset  int64
}

func (v *verifier) file(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && v.anchor.sequence > 0 {
		return &Break{Truncated, path, 1, 0, "there is no such file"}
	}
	if err != nil {
		return fmt.Errorf("audit: verifying: %w", err)
	}
	defer f.Close()
	v.path, v.line = path, 0
	return v.lines(newLineReader(f, 0))
}

// lines follows the chain through one file.
func (v *verifier) lines(lines *lineReader) error {
	for {
		line, err := lines.next()
		v.line++
		v.offset = lines.offset
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTorn):
			v.TornBytes = int64(len(line))
			return nil
		case errors.Is(err, errTooLong):
			return v.at(&Break{Kind: Garbage, Detail: err.Error()})
		case err != nil:
			return fmt.Errorf("audit: verifying %s: %w", v.path, err)
		}
		if err := v.record(line); err != nil {
			return v.at(err)
		}
	}
}

// at completes a Break with its place.
func (v *verifier) at(err error) error {
	if b, ok := errors.AsType[*Break](err); ok {
		b.Path, b.Line, b.Offset = v.path, v.line, v.offset
	}
	return err
}

func (v *verifier) record(line []byte) error {
	if v.Records == 0 && v.partial {
		if _, l, err := splitLine(line); err == nil {
			v.head = head{l.sequence - 1, l.previous}
		}
		if v.head.sequence == v.anchor.sequence && v.head.hash != v.anchor.hash {
			return &Break{Kind: Edited, Detail: "the anchor has another hash for the record before it"}
		}
	}
	if err := v.head.next(line); err != nil {
		return err
	}
	if !json.Valid(line) {
		return &Break{Kind: Garbage, Detail: "the line is not JSON"}
	}
	if v.head.sequence == v.anchor.sequence && v.head.hash != v.anchor.hash {
		return &Break{Kind: Edited, Detail: "the anchor has another hash for this record"}
	}
	v.Records++
	if v.Records == 1 {
		v.First = v.head.sequence
	}
	v.Last, v.LastHash = v.head.sequence, v.head.hash
	return nil
}

// end compares the chain's end with the anchor.
func (v *verifier) end() error {
	anchored := v.anchor.sequence
	switch {
	case v.Last < anchored:
		return v.at(&Break{Kind: Truncated, Detail: fmt.Sprintf(
			"the log ends with record %d; record %d was on disk", v.Last, anchored)})
	case v.First > anchored+1:
		return v.at(&Break{Kind: Anchor, Detail: fmt.Sprintf(
			"the anchor ends with record %d, before the first record", anchored)})
	}
	v.Beyond = v.Last - anchored
	return nil
}
