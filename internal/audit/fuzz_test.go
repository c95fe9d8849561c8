// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

// fuzzLog returns a log of three records and its anchor.
func fuzzLog() (log, slots []byte) {
	var h head
	for _, id := range []string{"a", "b", "c"} {
		log = h.appendLine(log, testEvent(id))
	}
	p := position{h, int64(len(log)), 7}
	return log, p.appendSlot(p.appendSlot(nil, memKey), memKey)
}

func FuzzVerify(f *testing.F) {
	good, slots := fuzzLog()
	f.Add(good, slots)
	f.Add([]byte(`{"a":1,"chain":{"sequence":1,"previous":"`), []byte("coffer-audit-anchor-1 1 1 1 "))
	f.Fuzz(func(t *testing.T, log, anchor []byte) {
		for _, key := range [][]byte{nil, memKey} {
			st, err := readAnchor(bytes.NewReader(anchor), key)
			if err != nil || st.absent {
				continue
			}
			if key != nil && !bytes.Equal(anchor[st.slot*slotSize:][:200], slots[:200]) {
				t.Fatalf("a slot with a forged MAC: %q", anchor)
			}
			v := verifier{anchor: st.newest}
			err = v.lines(newLineReader(bytes.NewReader(log), 0))
			if err == nil {
				err = v.end()
			}
			if _, ok := errors.AsType[*Break](err); err != nil && !ok {
				t.Fatalf("%v is no Break", err)
			}
			if key != nil && err == nil && !bytes.HasPrefix(log, good) {
				t.Fatalf("a forged log passes: %q", log)
			}
		}
	})
}

func FuzzRecords(f *testing.F) {
	log, _ := fuzzLog()
	f.Add(log)
	f.Add([]byte(`{"eventTime":7}` + "\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		for _, follow := range []bool{false, true} {
			r := recordReader{ctx: context.Background(), o: ReadOptions{Follow: follow}, yield: func(rec Record, err error) bool {
				if len(rec.Line) > MaxLine+1 {
					t.Fatalf("a line of %d bytes", len(rec.Line))
				}
				if err == nil && rec.Chain.Sequence == 0 {
					t.Fatalf("no record: %q", rec.Line)
				}
				return true
			}}
			r.read(newLineReader(bytes.NewReader(log), 0))
		}
		at, err := walk(newLineReader(bytes.NewReader(log), 0), position{})
		if err == nil || at.offset > int64(len(log)) {
			t.Fatalf("walk = %+v, %v", at, err)
		}
		for _, sequence := range []uint64{0, 2, 1 << 63} {
			if at := seek(bytes.NewReader(log), int64(len(log)), sequence); at < 0 || at > int64(len(log)) {
				t.Fatalf("seek = %d", at)
			}
		}
	})
}
