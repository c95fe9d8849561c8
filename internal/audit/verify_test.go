// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/audit"
)

func TestVerifyReports(t *testing.T) {
	t.Parallel()
	path := newFile(t, 5)
	lines := bytes.SplitAfter(read(t, path), []byte("\n"))
	want := audit.Report{
		Records: 5, First: 1, Last: 5, MACChecked: true,
		LastHash: sha256.Sum256(bytes.TrimSuffix(lines[4], []byte("\n"))),
	}
	if got := verify(t, path); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got, err := audit.Verify([]string{path}, audit.VerifyOptions{})
	if want.MACChecked = false; err != nil || got != want {
		t.Errorf("without a key: %+v, %v, want %+v", got, err, want)
	}
	if b := mustBreak(t, []byte("another key"), path); b.Kind != audit.Anchor {
		t.Errorf("with another key: %v", b)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// tamper returns a function that puts the given lines into the log at path and
// verifies it, with the key and without.
func tamper(t *testing.T, path string) func(t testing.TB, name string, lines ...[]byte) *audit.Break {
	anchor := read(t, path+audit.AnchorSuffix)
	return func(t testing.TB, name string, lines ...[]byte) *audit.Break {
		t.Helper()
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		write(t, path, bytes.Join(lines, nil))
		write(t, path+audit.AnchorSuffix, anchor)
		mustBreak(t, nil, path)
		b := mustBreak(t, testKey, path)
		// Open looks at the end only.
		if l, err := audit.Open(context.Background(), audit.Options{Path: path, AnchorKey: testKey}); err == nil {
			closeLog(t, l)
		} else if !errors.Is(err, audit.ErrTampered) {
			t.Fatalf("%s: Open = %v", name, err)
		}
		return b
	}
}

func TestVerifyFindsWhatWasDone(t *testing.T) {
	t.Parallel()
	path := newFile(t, 6)
	l := bytes.SplitAfter(read(t, path), []byte("\n"))[:6]
	try := tamper(t, path)
	edit := func(line []byte) []byte { return bytes.Replace(line, []byte("Alice"), []byte("Malic"), 1) }
	for _, c := range []struct {
		name  string
		lines [][]byte
		kind  audit.Kind
		line  int
	}{
		{"first removed", l[1:], audit.Removed, 1},
		{"middle removed", slices.Concat(l[:2], l[3:]), audit.Removed, 3},
		{"last removed", l[:5], audit.Truncated, 6},
		{"two swapped", [][]byte{l[0], l[2], l[1], l[3], l[4], l[5]}, audit.Removed, 2},
		{"one twice", [][]byte{l[0], l[1], l[1], l[2], l[3], l[4], l[5]}, audit.Inserted, 3},
		{"foreign line", [][]byte{l[0], []byte("{\"eventName\":\"x\"}\n"), l[1], l[2], l[3], l[4], l[5]}, audit.Garbage, 2},
		{"blank line", [][]byte{l[0], []byte("\n"), l[1], l[2], l[3], l[4], l[5]}, audit.Garbage, 2},
		{"first edited", [][]byte{edit(l[0]), l[1], l[2], l[3], l[4], l[5]}, audit.Edited, 2},
		{"last edited", [][]byte{l[0], l[1], l[2], l[3], l[4], edit(l[5])}, audit.Edited, 6},
		{"emptied", nil, audit.Truncated, 1},
		{"endless line", [][]byte{l[0], bytes.Repeat([]byte("x"), audit.MaxLine+2)}, audit.Garbage, 2},
	} {
		b := try(t, c.name, c.lines...)
		if b.Kind != c.kind || b.Line != c.line {
			t.Errorf("%s: %v, want %s at line %d", c.name, b, c.kind, c.line)
		}
		at := 0
		for _, line := range c.lines[:min(c.line-1, len(c.lines))] {
			at += len(line)
		}
		if b.Offset != int64(at) {
			t.Errorf("%s: byte %d, want %d", c.name, b.Offset, at)
		}
	}
}

func TestVerifyFindsAnyFlippedByte(t *testing.T) {
	t.Parallel()
	path := newFile(t, 4)
	whole := read(t, path)
	dir := t.TempDir()
	flipped := filepath.Join(dir, "audit.log")
	write(t, flipped+audit.AnchorSuffix, read(t, path+audit.AnchorSuffix))
	for i := range whole { // all of them, each with another bit
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		rewrite(t, flipped, b)
		mustBreak(t, nil, flipped)
	}
	rapid.Check(t, func(r *rapid.T) {
		b := bytes.Clone(whole)
		i := rapid.IntRange(0, len(b)-1).Draw(r, "at")
		b[i] = rapid.Byte().Filter(func(c byte) bool { return c != b[i] }).Draw(r, "byte")
		rewrite(t, flipped, b)
		mustBreak(t, testKey, flipped)
	})
}

func TestVerifyFindsAnyTruncation(t *testing.T) {
	t.Parallel()
	path := newFile(t, 4)
	whole := read(t, path)
	cut := filepath.Join(t.TempDir(), "audit.log")
	write(t, cut+audit.AnchorSuffix, read(t, path+audit.AnchorSuffix))
	for n := range whole {
		rewrite(t, cut, whole[:n])
		if b := mustBreak(t, testKey, cut); b.Kind != audit.Truncated {
			t.Fatalf("cut at byte %d: %v", n, b)
		}
	}
	if err := os.Remove(cut); err != nil {
		t.Fatal(err)
	}
	if b := mustBreak(t, testKey, cut); b.Kind != audit.Truncated {
		t.Errorf("deleted: %v", b)
	}
}

func TestVerifyFindsALogMadeAnewWithoutTheKey(t *testing.T) {
	t.Parallel()
	path := newFile(t, 4)
	forged := filepath.Join(t.TempDir(), "audit.log")
	for _, key := range [][]byte{[]byte("not the key"), {}} {
		l := open(t, audit.Options{Path: forged, AnchorKey: key})
		appendEvents(t, l, 100, 104)
		closeLog(t, l)
		if len(key) == 0 {
			if _, err := audit.Verify([]string{forged}, audit.VerifyOptions{}); err != nil {
				t.Fatalf("without the key the forgery must pass: %v", err)
			}
		}
		if b := mustBreak(t, testKey, forged); b.Kind != audit.Anchor {
			t.Errorf("forged with its own anchor: %v", b)
		}
		// And with the anchor of the real log, whose last record has the same number.
		write(t, forged+audit.AnchorSuffix, read(t, path+audit.AnchorSuffix))
		if b := mustBreak(t, testKey, forged); b.Kind != audit.Edited || b.Line != 4 {
			t.Errorf("forged with the real anchor: %v", b)
		}
		os.Remove(forged)
		os.Remove(forged + audit.AnchorSuffix)
	}
}

func TestVerifyFindsATamperedAnchor(t *testing.T) {
	t.Parallel()
	path := newFile(t, 3)
	whole := read(t, path+audit.AnchorSuffix)
	for name, content := range map[string][]byte{
		"emptied": {}, "cut": whole[:600], "lengthened": append(bytes.Clone(whole), '\n'), "zeros": make([]byte, len(whole)),
	} {
		write(t, path+audit.AnchorSuffix, content)
		if b := mustBreak(t, testKey, path); b.Kind != audit.Anchor {
			t.Errorf("%s: %v", name, b)
		}
		if _, err := audit.Open(t.Context(), audit.Options{Path: path, AnchorKey: testKey}); !errors.Is(err, audit.ErrTampered) {
			t.Errorf("%s: Open = %v", name, err)
		}
	}
	// One slot may be torn, for each way in which its write can end.
	for n := range len(whole) / 2 {
		b := bytes.Clone(whole)
		b[n] ^= 0x40
		rewrite(t, path+audit.AnchorSuffix, b)
		if r := verify(t, path); !r.SlotDamaged && n < 250 {
			t.Fatalf("byte %d changed: %+v", n, r)
		}
	}
	os.Remove(path + audit.AnchorSuffix)
	if b := mustBreak(t, testKey, path); b.Kind != audit.Anchor {
		t.Errorf("removed: %v", b)
	}
}

func TestVerifyFollowsRotatedFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	for i := range 3 {
		l := open(t, audit.Options{Path: path})
		appendEvents(t, l, 10*i, 10*i+10)
		closeLog(t, l)
		if i < 2 {
			rename(t, path, fmt.Sprintf("%s.%d", path, i))
		}
	}
	r := verify(t, path+".0", path+".1", path)
	if r.Records != 32 || r.Last != 32 { // ten each, and two notices
		t.Errorf("%+v", r)
	}
	if b := mustBreak(t, testKey, path+".1", path); b.Kind != audit.Removed || b.Line != 1 {
		t.Errorf("without the first: %v", b)
	}
	if b := mustBreak(t, testKey, path+".0", path); b.Kind != audit.Removed {
		t.Errorf("without the second: %v", b)
	}
	if b := mustBreak(t, testKey, path+".1", path+".0", path); b.Kind != audit.Removed {
		t.Errorf("in the wrong order: %v", b)
	}
	r, err := audit.Verify([]string{path + ".1", path}, audit.VerifyOptions{Key: testKey, Partial: true})
	if err != nil || r.First != 11 || r.Records != 22 {
		t.Errorf("partial: %+v, %v", r, err)
	}
}

func TestVerifyWhileTheLogIsWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, audit.Options{Path: path})
	done := make(chan error)
	go func() {
		var err error
		for n := 0; n < 2000 && err == nil; n++ {
			err = l.Append(context.Background(), event(n))
		}
		done <- err
	}()
	for {
		if _, err := audit.Verify([]string{path}, audit.VerifyOptions{Key: testKey}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}
