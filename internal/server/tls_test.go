// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"os"
	"testing"
	"time"
)

// TestSelfSignedAnew holds that a pair is made anew when it is over or half of it is
// lost, and not before.
func TestSelfSignedAnew(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Now()
	serial := func(now time.Time) string {
		t.Helper()
		cert, key, err := selfSigned(dir, "secrets.example.com:8420", now)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"localhost", "127.0.0.1", "::1", "secrets.example.com"} {
			if err := pair.Leaf.VerifyHostname(name); err != nil {
				t.Error(err)
			}
		}
		return pair.Leaf.SerialNumber.String()
	}
	first := serial(now)
	if serial(now.Add(selfSignedFor-time.Minute)) != first {
		t.Error("made anew too early")
	}
	second := serial(now.Add(selfSignedFor + time.Minute))
	if second == first {
		t.Error("not made anew")
	}
	// A crash while the pair is renewed leaves the new certificate without its key.
	if err := os.Chmod(dir+"/server.key", 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/server.key.new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/server.key.new/in-the-way", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := selfSigned(dir, "", now.Add(2*selfSignedFor+time.Hour)); err == nil {
		t.Error("made anew without writing its key")
	}
	if err := os.RemoveAll(dir + "/server.key.new"); err != nil {
		t.Fatal(err)
	}
	third := serial(now.Add(2*selfSignedFor + time.Hour))
	if info, err := os.Stat(dir + "/server.key"); third == second || err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("after a crash: made anew %t, its key %v, %v", third != second, info, err)
	}
	if err := os.Remove(dir + "/server.key"); err != nil {
		t.Fatal(err)
	}
	if serial(now) == third {
		t.Error("not made anew without its key")
	}
	if err := os.WriteFile(dir+"/server.key", []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := selfSigned(dir, "", now); err == nil {
		t.Error("a damaged key was taken, or written over")
	}
}
