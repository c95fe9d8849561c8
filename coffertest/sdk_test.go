// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffertest_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/coffer-secrets/coffer/coffertest"
)

func static(srv *coffertest.Server) credentials.StaticCredentialsProvider {
	return credentials.NewStaticCredentialsProvider(srv.AccessKeyID, srv.SecretAccessKey, "")
}

// oneShot returns an HTTP client that leaves no connections behind.
func oneShot() *http.Client { return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }

// timed is a testing.TB whose cleanups run when it is done, and not with the benchmark.
type timed struct {
	*testing.B
	cleanups []func()
}

func (t *timed) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *timed) done() {
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		t.cleanups[last]()
		t.cleanups = t.cleanups[:last]
	}
}

// BenchmarkNewServer is what a test pays for a server of its own with ten secrets, from
// its start to its end.
func BenchmarkNewServer(b *testing.B) {
	var seeds []coffertest.Option
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		seeds = append(seeds, coffertest.Secret(name, "value"))
	}
	for b.Loop() {
		t := &timed{B: b}
		coffertest.NewServer(t, seeds...)
		t.done()
	}
}
