// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// fingerprints are the SHA-256 hashes that https://www.amazontrust.com/repository/ and
// Starfield publish of their certificates.
var fingerprints = map[string]string{
	"Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
	"Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
	"Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
	"Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
	"Starfield Services Root Certificate Authority - G2": "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
	"Starfield Class 2 Certification Authority":          "1465fa205397b876faa6f0a9958e5590e40fcc7faa4fb7c2c8677521fb5fb658",
}

func parse(t *testing.T, data []byte) map[string]*x509.Certificate {
	t.Helper()
	found := map[string]*x509.Certificate{}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue // one of the system's that Go does not read
		}
		sum := sha256.Sum256(block.Bytes)
		found[hex.EncodeToString(sum[:])] = cert
	}
	return found
}

func TestTheEmbeddedCertificatesAreAWSs(t *testing.T) {
	t.Parallel()
	got := parse(t, embedded)
	if len(got) != len(fingerprints) {
		t.Errorf("%d certificates", len(got))
	}
	for name, sum := range fingerprints {
		cert := got[sum]
		if cert == nil {
			t.Errorf("%s is missing", name)
		} else if !strings.Contains(cert.Subject.String(), name) || !cert.IsCA {
			t.Errorf("%s is %s", name, cert.Subject)
		}
	}
}

func TestTheEmbeddedCertificatesAreTheSystems(t *testing.T) {
	t.Parallel()
	bundle, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		testneed.Missing(t, "the package ca-certificates")
	}
	system := parse(t, bundle)
	for name, sum := range fingerprints {
		// Mozilla retires roots: one that is not there proves nothing.
		if cert := system[sum]; cert != nil && !strings.Contains(cert.Subject.String(), name) {
			t.Errorf("%s is %s to the system", name, cert.Subject)
		}
	}
	if system[fingerprints["Amazon Root CA 1"]] == nil {
		t.Error("the system does not know Amazon Root CA 1 by this fingerprint")
	}
}

// secure is a TLS server, and a request for it.
func secure(t *testing.T) (*httptest.Server, *http.Request) {
	t.Helper()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	return srv, req
}

func authority(t *testing.T, srv *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAFileOfAuthoritiesTakesThePlaceOfAllOthers(t *testing.T) {
	t.Parallel()
	srv, req := secure(t)
	tr := newTransport(1, authority(t, srv))
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()

	without := newTransport(1, "")
	_, req = secure(t)
	if _, err := without.RoundTrip(req); err == nil {
		t.Error("a certificate of nobody was trusted")
	}
}

func TestSessionsOfTLSAreForgotten(t *testing.T) {
	t.Parallel()
	srv, req := secure(t)
	w := NewWire(nil, 1, authority(t, srv), time.Now)
	defer w.Drop()
	resumed := func() bool {
		t.Helper()
		again := req.Clone(t.Context())
		again.Body, again.ContentLength = nil, 0
		res, err := w.RoundTrip(again)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.ReadAll(res.Body); err != nil { // the tickets come before its end
			t.Fatal(err)
		}
		return res.TLS.DidResume
	}
	if resumed() {
		t.Error("there was nothing to resume")
	}
	w.Drop()
	if !resumed() {
		t.Error("no session was kept when connections were dropped")
	}
	w.Forget()
	if resumed() {
		t.Error("a session was kept that was to be forgotten")
	}
}

func TestAFileOfAuthoritiesThatIsMissingIsNotTheNetworksFault(t *testing.T) {
	t.Parallel()
	_, req := secure(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"/does/not/exist", empty} {
		_, err := newTransport(1, file).RoundTrip(req)
		if err == nil || Unavailable(transportError(err)) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestTheSystemsAuthoritiesAreAskedWhenTheEmbeddedOnesFail(t *testing.T) {
	t.Parallel()
	srv, req := secure(t)
	req.URL.Host = "secretsmanager.eu-west-1.amazonaws.com"
	tr := newTransport(1, "")
	own, err := tr.amazon()
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", srv.Listener.Addr().String())
	}
	own.DialContext, tr.system.DialContext = dial, dial
	own.TLSClientConfig.ServerName, tr.system.TLSClientConfig.ServerName = "example.com", "example.com"
	defer tr.CloseIdleConnections()

	if _, err := tr.RoundTrip(req); !isUnknown(err) || !tr.widen.Load() {
		t.Fatalf("neither pool has the authority, and yet: %v", err)
	}
	tr.widen.Store(false)
	tr.system.TLSClientConfig.RootCAs = x509.NewCertPool()
	tr.system.TLSClientConfig.RootCAs.AddCert(srv.Certificate())
	again := req.Clone(t.Context())
	again.Body, _ = req.GetBody()
	res, err := tr.RoundTrip(again)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, _ := io.ReadAll(res.Body); !bytes.Equal(got, []byte("body")) {
		t.Errorf("the body came as %q", got)
	}
}

func isUnknown(err error) bool {
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}

func BenchmarkRoots(b *testing.B) {
	b.Run("embedded", func(b *testing.B) {
		for b.Loop() {
			if _, err := roots(""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("system's file", func(b *testing.B) {
		for b.Loop() {
			if _, err := roots("/etc/ssl/certs/ca-certificates.crt"); err != nil {
				b.Skip(err)
			}
		}
	})
}
