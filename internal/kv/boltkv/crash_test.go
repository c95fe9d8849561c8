// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

// recordedUpdates is how many Updates the recorded process makes.
const recordedUpdates = 12

// writeRecorded makes Updates and notes each in a file beside the database when it has
// returned, which the recording shows in its place among the calls.
func writeRecorded(path string) error {
	s, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		return err
	}
	notes, err := os.Create(path + ".notes")
	if err != nil {
		return err
	}
	for i := range recordedUpdates {
		_, err := s.Update(context.Background(), func(tx kv.Tx) error { return recordedUpdate(tx, i) })
		if err != nil {
			return err
		}
		if _, err := notes.WriteAt([]byte{1}, int64(i)); err != nil {
			return err
		}
	}
	return s.Close()
}

// recordedUpdate makes the ith Update: some keys come, some change, some go.
func recordedUpdate(tx kv.Tx, i int) error {
	for k := range 20 {
		key := fmt.Sprintf("key/%03d", (i*7+k*13)%90)
		var err error
		if k%4 == 3 {
			err = tx.Delete(key)
		} else {
			err = tx.Put(key, []byte(strings.Repeat(strconv.Itoa(i), 50*k)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A call is a system call on the database's file.
type call struct {
	sync bool
	note bool // an Update has returned
	size int64
	data []byte // of a write, else size is of a truncation
	at   int64
}

var (
	callLine = regexp.MustCompile(`^\d+ +(\w+)\(\d+<([^>]*)>(?:, (.*))?\) += (\d+)`)
	hexByte  = regexp.MustCompile(`\\x([0-9a-f]{2})`)
)

// recording runs a process under strace and returns its calls on the file.
func recording(t *testing.T) []call {
	t.Helper()
	strace := testneed.Program(t, "strace")
	dir := t.TempDir()
	path, log := filepath.Join(dir, "db"), filepath.Join(dir, "log")
	cmd := child(t, "record", path, strace, "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "100000000", "-o", log,
		"-e", "trace=pwrite64,ftruncate,fsync,fdatasync")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	begun := make(map[string]string) // :: thread -> its call, of which the rest comes later
	for line := range strings.Lines(string(text)) {
		thread, _, _ := strings.Cut(line, " ")
		if head, ok := strings.CutSuffix(line, " <unfinished ...>\n"); ok {
			begun[thread] = head
			continue
		}
		if _, tail, ok := strings.Cut(line, " resumed>"); ok {
			line = begun[thread] + tail
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue // a signal
		}
		if c, ok := parseCall(t, m[1], unhex(m[2]), m[3]); ok {
			calls = append(calls, c)
		}
	}
	return calls
}

// unhex decodes \x escapes; strace writes with -xx all that is text in this way.
func unhex(s string) string {
	return hexByte.ReplaceAllStringFunc(s, func(h string) string {
		n, _ := strconv.ParseUint(h[2:], 16, 8)
		return string([]byte{byte(n)})
	})
}

func parseCall(t *testing.T, name, file, args string) (call, bool) {
	t.Helper()
	switch base := filepath.Base(file); {
	case base == "db.notes":
		return call{note: true}, true
	case base != "db" && base != "db.new":
		return call{}, false // a directory
	}
	switch name {
	case "fsync", "fdatasync":
		return call{sync: true}, true
	case "ftruncate":
		size, err := strconv.ParseInt(args, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return call{size: size}, true
	}
	text, rest, ok := strings.Cut(strings.TrimPrefix(args, `"`), `", `)
	_, at, ok2 := strings.Cut(rest, ", ")
	offset, err := strconv.ParseInt(at, 10, 64)
	if !ok || !ok2 || err != nil {
		t.Fatalf("cannot read the arguments %.60s ... %s", args, rest)
	}
	return call{data: []byte(unhex(text)), at: offset}, true
}

// An image is a file's bytes, followed by zeros up to its size.
type image struct {
	data []byte
	size int64
}

// apply does the call; of a write, to the sectors that keep picks.
func (im *image) apply(c call, keep func() bool) {
	const sector = 512
	if c.data == nil {
		if keep() {
			im.size = c.size // the store only ever lets its file grow
		}
		return
	}
	if end := int(c.at) + len(c.data); end > len(im.data) {
		im.data = append(im.data, make([]byte, end-len(im.data))...)
	}
	for i := 0; i < len(c.data); i += sector {
		if end := min(i+sector, len(c.data)); keep() {
			copy(im.data[int(c.at)+i:], c.data[i:end])
		}
	}
}

// TestCrashPoints stops the world at every call that the store makes on its file, and lets
// the disk have kept any part of what was not synced by then: whole writes and torn ones,
// in any order. Whatever it is, it opens, and holds all Updates that had returned.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	calls := recording(t)
	path := filepath.Join(t.TempDir(), "db")
	var durable image
	var pending []call
	noted, points := 0, 0
	for _, c := range calls {
		switch {
		case c.note:
			noted++
			if len(pending) > 0 {
				t.Fatalf("update %d returned with %d calls that were not synced", noted, len(pending))
			}
		case c.sync:
			for _, p := range pending {
				durable.apply(p, func() bool { return true })
			}
			pending = nil
		default:
			pending = append(pending, c)
		}
		if noted == 0 {
			continue // it is not certain that the file has its name yet
		}
		for seed := range uint64(6) {
			points++
			rng := rand.New(rand.NewPCG(seed, uint64(points)))
			im := crash(durable, pending, rng, int(seed))
			write(t, path, im.data, max(im.size, int64(len(im.data))))
			verifyCrash(t, path, noted)
		}
	}
	if noted != recordedUpdates || points < recordedUpdates*6 {
		t.Errorf("%d updates and %d crashes were seen", noted, points)
	}
	t.Logf("%d crashes of %d calls", points, len(calls))
}

// crash returns what the disk may hold. Of each pending call it keeps, by mode: nothing,
// all, or by chance all, nothing or some of the sectors.
func crash(durable image, pending []call, rng *rand.Rand, mode int) image {
	im := image{data: bytes.Clone(durable.data), size: durable.size}
	for _, p := range pending {
		whole, torn := rng.IntN(2) == 0, mode >= 2 && rng.IntN(3) == 0
		im.apply(p, func() bool {
			switch {
			case mode < 2:
				return mode == 1
			case torn:
				return rng.IntN(2) == 0
			}
			return whole
		})
	}
	return im
}

// verifyCrash holds that the file opens and is as after noted Updates, or one more.
func verifyCrash(t *testing.T, path string, noted int) {
	t.Helper()
	s, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		t.Fatalf("after %d updates: %v", noted, err)
	}
	defer s.Close()
	all, rev := contents(t, s)
	if int(rev) != noted && int(rev) != noted+1 {
		t.Errorf("after %d updates, the revision is %d", noted, rev)
	}
	want := make(map[string]string)
	for i := range int(rev) {
		_ = recordedUpdate(mapTx{to: want}, i)
	}
	if len(all) != len(want) {
		t.Errorf("at revision %d, there are %d keys, want %d", rev, len(all), len(want))
	}
	for key, value := range want {
		if all[key] != value {
			t.Errorf("at revision %d, %s is another", rev, key)
		}
	}
}

// mapTx is what recordedUpdate needs of a transaction, on a map.
type mapTx struct {
	kv.Tx
	to map[string]string
}

func (m mapTx) Put(key string, value []byte) error {
	m.to[key] = string(value)
	return nil
}

func (m mapTx) Delete(key string) error {
	delete(m.to, key)
	return nil
}
