// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/audit"
)

// ids returns the event IDs, or names of notices, that Records yields.
func ids(t testing.TB, path string, o audit.ReadOptions) []string {
	t.Helper()
	var got []string
	for r, err := range audit.Records(context.Background(), path, o) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id(r))
	}
	return got
}

func id(r audit.Record) string {
	if r.EventSource == audit.Source {
		return r.EventName
	}
	return r.EventID
}

func TestRecordsYieldsWhatWasAppended(t *testing.T) {
	t.Parallel()
	path := newFile(t, 5)
	n := uint64(0)
	for r, err := range audit.Records(t.Context(), path, audit.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; r.Chain.Sequence != n || r.EventID != fmt.Sprintf("event-%06d", n-1) || r.UserIdentity.UserName != "Alice" || len(r.Line) == 0 {
			t.Errorf("record %d: %+v", n, r)
		}
	}
	if n != 5 {
		t.Errorf("%d records", n)
	}
	for last, want := range map[int][]string{-1: nil, 1: {"event-000004"}, 2: {"event-000003", "event-000004"}, 99: ids(t, path, audit.ReadOptions{})} {
		if diff := cmp.Diff(want, ids(t, path, audit.ReadOptions{Last: last})); diff != "" {
			t.Errorf("the last %d: %s", last, diff)
		}
	}
}

func TestRecordsFilters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, audit.Options{Path: path})
	if err := l.Append(t.Context(), event(1), fullEvent().AppendJSON(nil), event(3)); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	others := []string{"event-000001", "event-000003"}
	for _, c := range []struct {
		f    audit.Filter
		want []string
	}{
		{audit.Filter{EventSource: "kms"}, []string{"e-1"}},
		{audit.Filter{EventSource: "secretsmanager.amazonaws.com"}, others},
		{audit.Filter{EventName: "GetSecretValue"}, others},
		{audit.Filter{EventName: "GetSecret"}, nil},
		{audit.Filter{Principal: "Alice"}, others},
		{audit.Filter{Principal: "assumed-role/reader"}, []string{"e-1"}},
		{audit.Filter{Principal: "ASIAEXAMPLE"}, []string{"e-1"}},
		{audit.Filter{Resource: "key/k"}, []string{"e-1"}},
		{audit.Filter{ErrorCode: "*"}, []string{"e-1"}},
		{audit.Filter{ErrorCode: "Throttling"}, nil},
		{audit.Filter{Since: time.Date(2026, 1, 2, 3, 4, 4, 0, time.UTC)}, []string{"e-1"}},
		{audit.Filter{Until: time.Date(2026, 1, 2, 3, 4, 3, 0, time.UTC)}, []string{"event-000001"}},
	} {
		if diff := cmp.Diff(c.want, ids(t, path, audit.ReadOptions{Filter: c.f})); diff != "" {
			t.Errorf("%+v: %s", c.f, diff)
		}
	}
}

func TestRecordsGoesOnAfterALineThatIsNone(t *testing.T) {
	t.Parallel()
	path := newFile(t, 2)
	whole := read(t, path)
	write(t, path, slices.Concat([]byte("garbage\n"), whole, []byte(`{"torn":`)))
	var good, bad int
	for r, err := range audit.Records(t.Context(), path, audit.ReadOptions{}) {
		switch {
		case err == nil:
			good++
		case len(r.Line) > 0:
			bad++
		}
	}
	if good != 2 || bad != 2 {
		t.Errorf("%d good, %d bad", good, bad)
	}
}

func TestRecordsFollowsTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, audit.Options{Path: path})
		appendEvents(t, l, 0, 2)
		ctx, cancel := context.WithCancel(t.Context())
		seen := make(chan string)
		go func() {
			defer close(seen)
			for r, err := range audit.Records(ctx, path, audit.ReadOptions{Last: 1, Follow: true}) {
				if err != nil {
					t.Error(err)
				}
				seen <- id(r)
			}
		}()
		expect := func(want ...string) {
			t.Helper()
			for _, w := range want {
				if got := <-seen; got != w {
					t.Fatalf("got %s, want %s", got, w)
				}
			}
		}
		expect("event-000001")
		appendEvents(t, l, 2, 3)
		expect("event-000002")
		appendEvents(t, l, 3, 4)
		rename(t, path, path+".1")
		time.Sleep(2 * time.Second) // until the log looks again
		appendEvents(t, l, 4, 5)
		expect("event-000003", audit.NoticeRenamed, "event-000004")
		cancel()
		if id, more := <-seen; more {
			t.Errorf("after the end: %s", id)
		}
		closeLog(t, l)
	})
}
