// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// embedded are the authorities that AWS's certificates stand on, as Amazon Trust Services
// names them (https://www.amazontrust.com/repository/): Amazon Root CA 1 to 4, and
// Starfield's two. To parse these takes a fraction of a millisecond; to parse a
// system's pool takes more time than all else in a cold start.
//
//go:embed roots.pem
var embedded []byte

const (
	dialTimeout      = 2 * time.Second
	handshakeTimeout = 3 * time.Second
	maxHeaderBytes   = 64 << 10
)

// transport sends to AWS's hosts under the embedded authorities, and under the system's
// when those don't vouch for the host, as behind a proxy that breaks TLS open; and to
// other hosts under the system's. A file of authorities takes the place of both.
type transport struct {
	file   string
	system *http.Transport
	kept   *tickets    // of all of its connections
	widen  atomic.Bool // the embedded authorities did not vouch for a host

	amazon func() (*http.Transport, error) // made when it is first used
	made   atomic.Pointer[http.Transport]
}

// rootsError is a fault of configuration, and not one of the network.
type rootsError struct{ err error }

func (e *rootsError) Error() string { return e.err.Error() }
func (e *rootsError) Unwrap() error { return e.err }

func newTransport(maxConns int, file string) *transport {
	kept := newTickets()
	t := &transport{file: file, system: plainTransport(maxConns, kept), kept: kept}
	t.amazon = sync.OnceValues(func() (*http.Transport, error) {
		pool, err := roots(file)
		if err != nil {
			return nil, &rootsError{err}
		}
		own := plainTransport(maxConns, kept)
		own.TLSClientConfig.RootCAs = pool
		t.made.Store(own)
		return own, nil
	})
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" || t.file == "" && (t.widen.Load() || !isAWS(req.URL.Hostname())) {
		return t.system.RoundTrip(req)
	}
	own, err := t.amazon()
	if err != nil {
		return nil, err
	}
	res, err := own.RoundTrip(req)
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown || t.file != "" {
		return res, err
	}
	// Nothing was sent, but the body may have been closed.
	again := req.WithContext(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	t.widen.Store(true)
	return t.system.RoundTrip(again)
}

// CloseIdleConnections closes what no request is using.
func (t *transport) CloseIdleConnections() {
	if own := t.made.Load(); own != nil {
		own.CloseIdleConnections()
	}
	t.system.CloseIdleConnections()
}

// Forget closes what no request is using, and drops the sessions of TLS that connections
// might be resumed by.
func (t *transport) Forget() {
	t.CloseIdleConnections()
	t.kept.forget()
}

func plainTransport(maxConns int, kept *tickets) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    handshakeTimeout,
		TLSClientConfig:        tlsConfig(kept),
		MaxConnsPerHost:        maxConns,
		MaxIdleConnsPerHost:    maxConns,
		IdleConnTimeout:        idleLimit,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
}

func tlsConfig(kept *tickets) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: kept}
}

func caFile(getenv func(string) string) string {
	return first(getenv, "COFFER_CA_FILE", "AWS_CA_BUNDLE")
}

// roots returns the authorities of the file, or the embedded ones if there is none.
func roots(file string) (*x509.CertPool, error) {
	pem := embedded
	if file != "" {
		var err error
		if pem, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("reading certificate authorities: %w", err)
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authorities: %s has no certificate in PEM form", file)
	}
	return pool, nil
}
