// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package vaultproxy is the interface of Vault's Lambda extension: an HTTP server on
// 127.0.0.1:8200 that passes any request on to Vault with a token of its own, so that
// programs need none, and files that secrets are written to.
//
// The answers are Vault's, unmodified. A failure before there is an answer is a plain text:
// 500 without a token, 502 without an answer.
//
// Reads are kept and given out again as the header X-Vault-Cache-Control and the settings
// say. Programs that ask for the same share what is kept, whatever their clients' headers;
// a header that could change an answer keeps it out of there.
package vaultproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/source/vault"
	"github.com/coffer-secrets/coffer/internal/turn"
)

const (
	// maxBody bounds what a request may bring, in bytes.
	maxBody = 8 << 20
	// timeout bounds a request. It is what Vault's clients have.
	timeout = 60 * time.Second
)

// Config is what a Proxy needs. Source, Guard, HoldBack, Log and Now are required.
type Config struct {
	// Source sends requests to Vault.
	Source *vault.Source
	// Guard returns the status and the text to refuse a request with, or zero.
	Guard func(*http.Request) (status int, text string)
	// TTL is how long answers are kept. Zero keeps none.
	TTL time.Duration
	// Always keeps answers to requests that don't say whether to.
	Always bool
	// HoldBack reports whether nothing may be held: no answer, no token.
	HoldBack func() bool
	// Log takes failures. It is never told a value.
	Log *slog.Logger
	// Now is the wall clock.
	Now func() time.Time
}

// Proxy is an http.Handler. It is safe for concurrent use.
type Proxy struct {
	Config
	answers answers
	turns   turn.Turns
}

// New returns a Proxy.
func New(cfg Config) *Proxy {
	return &Proxy{Config: cfg, answers: answers{ttl: cfg.TTL, now: cfg.Now, held: map[string]*kept{}}}
}

// Forget overwrites the answers that are kept.
func (p *Proxy) Forget() { p.answers.forget() }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, text := p.Guard(r); status != 0 {
		p.refuse(w, status, text)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	if p.HoldBack() {
		defer p.Source.Forget()
	}
	req, err := forward(w, r)
	if err != nil {
		p.refuse(w, http.StatusRequestEntityTooLarge, "failed to read request body: "+err.Error())
		return
	}
	defer clear(req.Body)
	if hasOption(r.Header, "X-Vault-Token-Options", "revoke") {
		p.Source.Renounce()
	}
	session, err := p.Source.Session(ctx)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	a, err := p.answer(ctx, req, p.wish(r), session)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	defer clear(a.Body)
	p.Log.Debug("passed a request on to Vault", "method", r.Method, "path", r.URL.Path, "status", a.Status)
	h := w.Header()
	copyHeader(h, a.Header)
	if r.Method != http.MethodHead {
		h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// wish is what a request says of answers that are kept.
type wish struct {
	take bool // one that is kept will do
	keep bool // keep what comes
}

// wish reads the header X-Vault-Cache-Control.
func (p *Proxy) wish(r *http.Request) wish {
	const name = "X-Vault-Cache-Control"
	if p.TTL <= 0 || r.Method != http.MethodGet || hasOption(r.Header, name, "nocache") || isSpecial(r.Header) || p.HoldBack() {
		return wish{}
	}
	again := hasOption(r.Header, name, "recache")
	wanted := p.Always || hasOption(r.Header, name, "cache")
	return wish{take: wanted && !again, keep: wanted || again}
}

// answer answers from what is kept, or from Vault. Of those who ask for the same, and would
// take what is kept, one goes to Vault.
func (p *Proxy) answer(ctx context.Context, req vault.Request, w wish, session uint64) (*vault.Answer, error) {
	if !w.keep {
		return p.Source.Do(ctx, req)
	}
	key := keyOf(req, session)
	leave, err := p.turns.Enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	if w.take {
		if a := p.answers.get(key); a != nil {
			return a, nil
		}
	}
	a, err := p.Source.Do(ctx, req)
	if err == nil && a.Status >= 200 && a.Status < 300 {
		p.answers.put(key, a)
	}
	return a, err
}

// fail answers a request that Vault did not.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, what := http.StatusBadGateway, "failed to proxy request"
	if _, ok := errors.AsType[*vault.LoginError](err); ok {
		status, what = http.StatusInternalServerError, "failed to get valid Vault token"
	}
	p.Log.Error(what, "method", r.Method, "path", r.URL.Path, "error", err.Error())
	p.refuse(w, status, fmt.Sprintf("%s: %v", what, err))
}

func (p *Proxy) refuse(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// forward returns the request to Vault for a request.
func forward(w http.ResponseWriter, r *http.Request) (vault.Request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return vault.Request{}, err
	}
	req := vault.Request{
		Method: r.Method, Path: r.URL.Path, RawPath: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: http.Header{}, Body: body,
		// What may have had an effect is not to have it twice.
		Once: r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != "LIST",
	}
	copyHeader(req.Header, r.Header)
	for name := range req.Header {
		if ours(name) {
			delete(req.Header, name)
		}
	}
	return req, nil
}

// ours reports whether a header is for us and not for Vault: what a program shows to us, and
// what it would like to be as to Vault. Vault is to see our token, and to send its answer in
// a form that everybody can be given.
func ours(name string) bool {
	switch name {
	case "X-Vault-Token", "Authorization", "Cookie", "X-Aws-Parameters-Secrets-Token",
		"X-Vault-Cache-Control", "X-Vault-Token-Options", "Accept-Encoding":
		return true
	}
	return false
}

// copyHeader copies the headers that are not of one connection (RFC 9110, section 7.6.1).
func copyHeader(to, from http.Header) {
	for name, values := range from {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
			"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length":
			continue
		}
		to[name] = values
	}
	for _, list := range from["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(to, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
}

// hasOption reports whether a header, which may be there more than once and have several
// options with commas between, has an option.
func hasOption(h http.Header, name, option string) bool {
	for _, list := range h[name] {
		for o := range strings.SplitSeq(list, ",") {
			if strings.TrimSpace(o) == option {
				return true
			}
		}
	}
	return false
}

// isSpecial reports whether a header of Vault's may make the answer another one than
// somebody else would get: one to be unwrapped once, or one that a second factor is for.
func isSpecial(h http.Header) bool {
	for name := range h {
		switch name {
		case "X-Vault-Request", "X-Vault-Namespace", "X-Vault-Token", "X-Vault-Cache-Control", "X-Vault-Token-Options",
			"X-Vault-Index", "X-Vault-Inconsistent", "X-Vault-Forward":
			continue
		}
		if strings.HasPrefix(name, "X-Vault-") {
			return true
		}
	}
	return false
}
