// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestXAES has the test vectors of c2sp.org/XAES-256-GCM: one for each value of the
// bit that decides how the subkey is doubled.
func TestXAES(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key        byte
		associated string
		want       string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		aead, nonce, err := xaes(bytes.Repeat([]byte{c.key}, 32), []byte("ABCDEFGHIJKLMNOPQRSTUVWX"))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(aead.Seal(nil, nonce, []byte("XAES-256-GCM"), []byte(c.associated))); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
