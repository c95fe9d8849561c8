// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKey = []byte("an anchor key for tests, 32 bytes")

// event returns the n-th of a series of events that differ.
func event(n int) []byte {
	e := audit.Event{
		UserIdentity:      audit.UserIdentity{Type: "IAMUser", ARN: "arn:aws:iam::123456789012:user/Alice", UserName: "Alice"},
		EventTime:         time.Date(2026, 1, 2, 3, 4, n%60, 0, time.UTC),
		EventSource:       "secretsmanager.amazonaws.com",
		EventName:         "GetSecretValue",
		AWSRegion:         "eu-west-1",
		SourceIPAddress:   "192.0.2.7",
		UserAgent:         "aws-cli/2.31",
		RequestParameters: []byte(`{"secretId":"prod/db"}`),
		EventID:           fmt.Sprintf("event-%06d", n),
		ReadOnly:          true,
	}
	return e.AppendJSON(nil)
}

func open(t testing.TB, o audit.Options) *audit.Log {
	t.Helper()
	if o.AnchorKey == nil {
		o.AnchorKey = testKey
	}
	l, err := audit.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func appendEvents(t testing.TB, l *audit.Log, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := l.Append(context.Background(), event(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func closeLog(t testing.TB, l *audit.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// newFile returns the path of a closed log with n records.
func newFile(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, audit.Options{Path: path})
	appendEvents(t, l, 0, n)
	closeLog(t, l)
	return path
}

func verify(t testing.TB, paths ...string) audit.Report {
	t.Helper()
	r, err := audit.Verify(paths, audit.VerifyOptions{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mustBreak verifies a log that must not pass, and returns what was found.
func mustBreak(t testing.TB, key []byte, paths ...string) *audit.Break {
	t.Helper()
	_, err := audit.Verify(paths, audit.VerifyOptions{Key: key})
	b, ok := errors.AsType[*audit.Break](err)
	if !ok || !errors.Is(err, audit.ErrTampered) {
		t.Fatalf("Verify = %v, want a Break", err)
	}
	return b
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// rewrite writes a new file in the place of another, which is faster than to truncate that.
func rewrite(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	write(t, path, b)
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
