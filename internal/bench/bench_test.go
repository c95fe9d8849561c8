// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveFloor serves a floor, and returns a target that may call it.
func serveFloor(t *testing.T) (Target, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	dir, done, key := t.TempDir(), make(chan error, 1), secret.FromString("floor-secret-access-key")
	go func() { done <- ServeFloor(ctx, l, key, dir) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	credentials := sigv4.Credentials{AccessKeyID: "AKIAFLOORFLOORFLOOR0", SecretAccessKey: key}
	return Target{Addr: l.Addr().String(), Credentials: credentials, Region: "us-east-1"}, dir
}

// some is a Source of n requests, after which it ends the run.
func some(s Source, n int, end func()) Source {
	return func() ([]byte, error) {
		if n--; n < 0 {
			end()
		}
		return s()
	}
}

func TestTheFloorDoesWhatItSays(t *testing.T) {
	t.Parallel()
	target, dir := serveFloor(t)
	const calls = 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := Run(ctx, target.Addr, []Source{some(FloorSource(target), calls, cancel)}, Options{Duration: time.Minute})
	if err != nil || r.Calls != calls || r.Failed != 0 || r.P50 <= 0 || r.P99 < r.P50 {
		t.Errorf("%+v, %v", r, err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "floor.log"))
	if lines := bytes.Count(log, []byte("\n")); err != nil || lines != calls || len(log)/max(lines, 1) < 800 {
		t.Errorf("%d lines of %d bytes in all, %v", lines, len(log), err)
	}
}

func TestRefusedCallsAreCounted(t *testing.T) {
	t.Parallel()
	target, _ := serveFloor(t)
	target.Credentials.SecretAccessKey = secret.FromString("another")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := Run(ctx, target.Addr, []Source{some(FloorSource(target), 3, cancel)}, Options{Duration: time.Minute})
	if err != nil || r.Calls != 3 || r.Failed != 3 || r.PerSecond() != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCompareMeasuresEachSide(t *testing.T) {
	t.Parallel()
	const rate = 100
	target, _ := serveFloor(t)
	side := Side{Name: "floor", Addr: target.Addr, Sources: []Source{FloorSource(target), FloorSource(target)}}
	all, err := Compare(t.Context(), []Side{side, side}, Options{Rate: rate, Duration: 50 * time.Millisecond}, 2)
	if err != nil || len(all) != 2 || len(all[0]) != 2 || len(all[1]) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, r := range all[0] {
		if most := int(r.Elapsed.Seconds()*rate) + 2; r.Failed != 0 || int(r.Calls) > most { // an open loop starts no more than it is told to
			t.Errorf("%+v", r)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	if quantile(took, .5) != 0 {
		t.Error("of nothing")
	}
	for i := range 100 {
		took = append(took, time.Duration(i+1))
	}
	if quantile(took, .5) != 50 || quantile(took, .99) != 99 || quantile(took, 1) != 100 || quantile(took[:1], .5) != 1 {
		t.Errorf("%d, %d, %d", quantile(took, .5), quantile(took, .99), quantile(took, 1))
	}
}

func TestCommits(t *testing.T) {
	t.Parallel()
	rate, err := Commits(t.Context(), t.TempDir(), 4, time.Second)
	if err != nil || rate <= 0 {
		t.Errorf("%f, %v", rate, err)
	}
}
