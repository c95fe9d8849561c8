// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// TestDerive holds the derivation against the example of AWS's General Reference,
// "Examples of how to derive a signing key for Signature Version 4".
func TestDerive(t *testing.T) {
	t.Parallel()
	const example = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	for want, s := range map[string]scope{
		"f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d": {"20120215", "us-east-1", "iam"},
		"c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9": {"20150830", "us-east-1", "iam"},
	} {
		c := derive([]byte(example), s).macs.New().(*mac)
		c.hmac.Write([]byte("message"))
		key, err := hex.DecodeString(want)
		if err != nil {
			t.Fatal(err)
		}
		reference := hmac.New(sha256.New, key)
		reference.Write([]byte("message"))
		if !bytes.Equal(c.hmac.Sum(nil), reference.Sum(nil)) {
			t.Errorf("%v: another key than %s", s, want)
		}
	}
}

func numbered(i int) keyID { return keyID{scope: scope{region: strconv.Itoa(i)}} }

func TestKeyCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	var c keyCache
	kept := derive(nil, scope{})
	c.put(numbered(-1), kept)
	for i := range 5 * generationSize {
		c.put(numbered(i), kept)
		if i%100 == 0 && c.get(numbered(-1)) == nil {
			t.Fatalf("a key in use was forgotten after %d others", i)
		}
		if n := len(c.young) + len(c.old); n > 2*generationSize {
			t.Fatalf("%d keys", n)
		}
	}
	if c.get(numbered(0)) != nil {
		t.Error("a key that nobody used was kept")
	}
}

// TestOnlyMatchesAreKept: nobody can push the keys in use out without knowing one.
func TestOnlyMatchesAreKept(t *testing.T) {
	t.Parallel()
	standIn := make([]byte, standInBytes)
	for name, c := range map[string]struct {
		signer, secret []byte
		kept           int
	}{
		"a match":                           {[]byte("secret"), []byte("secret"), 1},
		"another secret":                    {[]byte("another"), []byte("secret"), 0},
		"an unknown key":                    {[]byte("another"), nil, 0},
		"an unknown key and the stand-in's": {standIn, nil, 0},
	} {
		var v Verifier
		m := message{req: &http.Request{Host: "example.com"}, names: "host", scope: scope{"d", "r", "s"}}
		signature, _ := derive(c.signer, m.scope).sign(&m)
		v.matches(&Presented{signature: string(signature[:])}, &m, c.secret)
		if got := len(v.keys.young); got != c.kept {
			t.Errorf("%s: %d keys kept, want %d", name, got, c.kept)
		}
	}
}

func TestKeyCacheConcurrently(t *testing.T) {
	t.Parallel()
	var c keyCache
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 3 * generationSize {
				id := numbered(i % (2 * generationSize))
				if c.get(id) == nil {
					c.put(id, new(signingKey))
				}
			}
		})
	}
	wg.Wait()
}

// TestAuthority: an HTTP/2 client may sign :authority in place of host.
func TestAuthority(t *testing.T) {
	t.Parallel()
	req := &http.Request{Host: "example.com", RequestURI: "/", Header: http.Header{"X-Amz-Date": {"20150830T123600Z"}}}
	m := message{
		req: req, path: "/", names: ":authority;x-amz-date", body: sha256.Sum256(nil),
		stamp: "20150830T123600Z", scope: scope{"20150830", "us-east-1", "kms"},
	}
	signature, _ := derive([]byte("secret"), m.scope).sign(&m)
	req.Header.Set("Authorization", algorithm+" Credential=K/20150830/us-east-1/kms/aws4_request, SignedHeaders="+m.names+
		", Signature="+string(signature[:]))
	p, err := Parse(req)
	if err != nil {
		t.Fatal(err)
	}
	var v Verifier
	terms := Terms{Secret: secret.FromString("secret"), Now: p.Time}
	if err := v.Verify(p, nil, terms); err != nil {
		t.Error(err)
	}
	req.Host = "example.org"
	if err := v.Verify(p, nil, terms); err == nil {
		t.Error("another authority was accepted")
	}
}
