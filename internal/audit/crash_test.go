// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
)

// mortal is a store whose process can be killed: it fails from then on.
type mortal struct {
	kv.Store
	dead atomic.Bool
}

func (m *mortal) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	if m.dead.Load() {
		return 0, errCrashed
	}
	return m.Store.Update(ctx, fn)
}

// counts returns how often each event is in the log, which must verify. It reads the disk
// in memory, as Verify and Records read files.
func counts(t testing.TB, d *memDisk) map[string]int {
	t.Helper()
	d.mu.Lock()
	log, slots := bytes.Clone(d.nodes[memPath].data), bytes.Clone(d.nodes[memPath+AnchorSuffix].data)
	d.mu.Unlock()
	st, err := readAnchor(bytes.NewReader(slots), memKey)
	if err != nil || st.absent {
		t.Fatalf("anchor: %+v, %v", st, err)
	}
	v := verifier{anchor: st.newest}
	if err := v.lines(newLineReader(bytes.NewReader(log), 0)); err != nil {
		t.Fatal(err)
	}
	if err := v.end(); err != nil || v.TornBytes > 0 {
		t.Fatalf("%+v, %v", v.Report, err)
	}
	n := map[string]int{}
	r := recordReader{ctx: context.Background(), yield: func(r Record, err error) bool {
		if err != nil {
			t.Fatal(err)
		}
		n[r.EventID]++
		return true
	}}
	r.read(newLineReader(bytes.NewReader(log), 0))
	return n
}

// workload runs calls of both sorts until the disk is gone, and returns what was
// acknowledged.
func workload(t testing.TB, d *memDisk, store *mortal, interval time.Duration) (acknowledged []string) {
	l, err := openMem(t, d, store, interval)
	if err != nil {
		store.dead.Store(true)
		return nil
	}
	for n := range 4 {
		if id := fmt.Sprintf("read%d", n); l.Append(context.Background(), testEvent(id)) == nil && interval == SyncAlways {
			acknowledged = append(acknowledged, id)
		}
		if id := fmt.Sprintf("write%d", n); stage(l, store, id) {
			acknowledged = append(acknowledged, id+"a", id+"b")
		}
	}
	if d.dead() { // a killed process says no goodbye
		store.dead.Store(true)
	}
	l.Close()
	store.dead.Store(true)
	return acknowledged
}

// check opens the log after a crash and holds it to what was acknowledged.
func check(t *testing.T, d *memDisk, store kv.Store, acknowledged []string, what string) {
	t.Helper()
	l, err := openMem(t, d, store, SyncAlways)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := errors.Join(l.Ready(), l.Append(context.Background(), testEvent("after")), l.Close()); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	n := counts(t, d)
	for _, id := range append(acknowledged, "after") {
		if n[id] != 1 {
			t.Fatalf("%s: %s is in the log %d times", what, id, n[id])
		}
	}
	for id, c := range n {
		if c != 1 {
			t.Fatalf("%s: %s is in the log %d times", what, id, c)
		}
		if strings.HasPrefix(id, "write") { // recorded: then it happened, wholly
			if n[id[:len(id)-1]+"a"] != 1 || n[id[:len(id)-1]+"b"] != 1 {
				t.Fatalf("%s: %s is there by half", what, id)
			}
		}
	}
	_, err = store.View(context.Background(), func(r kv.Reader) error {
		for p, err := range r.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			if id, ok := strings.CutPrefix(p.Key, "effect/"); !ok || n[id+"a"] != 1 {
				t.Errorf("%s: %s is in the store, recorded %d times", what, p.Key, n[id+"a"])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCrashes kills the process in each operation on its files, with writes torn
// in several places, with and without the power failing too.
func TestCrashes(t *testing.T) {
	t.Parallel()
	powers := map[string]func(string, int) int{
		"killed":           nil,
		"power, all lost":  func(string, int) int { return 0 },
		"power, half lost": func(_ string, n int) int { return n / 2 },
		"power, nothing":   func(_ string, n int) int { return n },
		"power, anchor late": func(path string, n int) int {
			return map[bool]int{true: 0, false: n}[strings.HasSuffix(path, AnchorSuffix)]
		},
	}
	for _, interval := range []time.Duration{SyncAlways, time.Hour} {
		for name, power := range powers {
			for crashAt := 1; ; crashAt++ {
				died := false
				for _, torn := range []int{0, 1, 100, 600, 1 << 20} {
					d, mem := newMemDisk(), memkv.New()
					store := &mortal{Store: mem}
					d.crashAt, d.torn = crashAt, torn
					acknowledged := workload(t, d, store, interval)
					died = d.dead()
					d.restart(power)
					check(t, d, mem, acknowledged, fmt.Sprintf("%s in operation %d after %d bytes, sync %v", name, crashAt, torn, interval))
					mem.Close()
				}
				if !died {
					if crashAt < 20 {
						t.Errorf("only %d operations", crashAt)
					}
					break
				}
			}
		}
	}
}

// TestTornAtEveryByte tears the last write of a process at each of its bytes.
func TestTornAtEveryByte(t *testing.T) {
	t.Parallel()
	d, store := newMemDisk(), memkv.New()
	defer store.Close()
	l := mustOpenMem(t, d, store, SyncAlways)
	if err := l.Append(t.Context(), testEvent("kept")); err != nil {
		t.Fatal(err)
	}
	start := len(d.nodes[memPath].data)
	anchor := append([]byte(nil), d.nodes[memPath+AnchorSuffix].data...)
	if err := l.Append(t.Context(), testEvent("x"), testEvent("y")); err != nil {
		t.Fatal(err)
	}
	whole := append([]byte(nil), d.nodes[memPath].data...)
	l.Close()
	for n := start; n <= len(whole); n++ {
		d := newMemDisk()
		d.last = 9
		d.nodes[memPath] = &memNode{inode: 7, links: 1, data: whole[:n:n]}
		d.nodes[memPath+AnchorSuffix] = &memNode{inode: 8, links: 1, data: append([]byte(nil), anchor...)}
		l := mustOpenMem(t, d, store, SyncAlways)
		rec := l.Recovery()
		if err := errors.Join(l.Append(t.Context(), testEvent("after")), l.Close()); err != nil {
			t.Fatal(err)
		}
		got := counts(t, d)
		if got["kept"] != 1 || got["after"] != 1 || rec.Beyond != uint64(got["x"]+got["y"]) {
			t.Fatalf("cut at %d: %v, %+v", n, got, rec)
		}
		torn := ""
		if node := d.nodes[memPath+TornSuffix]; node != nil {
			torn = string(node.data)
		}
		if want := string(whole[n-int(rec.TornBytes) : n]); torn != want {
			t.Fatalf("cut at %d: kept %q as evidence, want %q", n, torn, want)
		}
	}
}
