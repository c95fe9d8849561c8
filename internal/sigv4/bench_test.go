// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// BenchmarkVerify parses and verifies a request with a body of 400 bytes, its
// derived key at hand.
func BenchmarkVerify(b *testing.B) {
	req, body := benchRequest(b)
	terms := sigv4.Terms{Secret: exampleSecret, Now: suiteTime, Service: "service"}
	var v sigv4.Verifier
	b.ReportAllocs()
	for b.Loop() {
		p, err := sigv4.Parse(req)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(p, body, terms); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParse is the part of BenchmarkVerify before the key is looked up.
func BenchmarkParse(b *testing.B) {
	req, _ := benchRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sigv4.Parse(req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyColdKey does the same without the derived key.
func BenchmarkVerifyColdKey(b *testing.B) {
	req, body := benchRequest(b)
	terms := sigv4.Terms{Secret: exampleSecret, Now: suiteTime, Service: "service"}
	b.ReportAllocs()
	for b.Loop() {
		var v sigv4.Verifier
		p, err := sigv4.Parse(req)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(p, body, terms); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse compares the ways to be refused, which should take the same time.
func BenchmarkRefuse(b *testing.B) {
	req, body := benchRequest(b)
	p, err := sigv4.Parse(req)
	if err != nil {
		b.Fatal(err)
	}
	var used sigv4.Verifier
	if err := used.Verify(p, body, sigv4.Terms{Secret: exampleSecret, Now: suiteTime}); err != nil {
		b.Fatal(err)
	}
	forged, err := sigv4.Parse(forge(req))
	if err != nil {
		b.Fatal(err)
	}
	for name, key := range map[string]secret.Value{
		"unknown key":    {},
		"key in use":     exampleSecret,
		"key not in use": secret.FromString("wJalrXUtnFEMI/K7MDENG+bPxRfiCYOTHERKEY00"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := used.Verify(forged, body, sigv4.Terms{Secret: key, Now: suiteTime}); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	req, body := benchRequest(b)
	var s sigv4.Signer
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Sign(req, body, exampleSigning()); err != nil {
			b.Fatal(err)
		}
	}
}
