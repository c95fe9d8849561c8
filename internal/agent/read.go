// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// The paths that ask for one value.

func (a *Agent) secret(c call) int {
	req, err := parseSecret(c.r.URL.RawQuery, c.contract.strict)
	return a.read(c, req, err)
}

func (a *Agent) secretByPath(c call) int {
	req, err := parsePath(c.r.URL.Path[len(a.prefix):], c.r.URL.RawQuery)
	return a.read(c, req, err)
}

func (a *Agent) parameter(c call) int {
	req, err := parseParameter(c.r.URL.RawQuery)
	return a.read(c, req, err)
}

func (a *Agent) reportOfFailure(c call) int {
	req, err := parseFailed(c.r.URL.RawQuery)
	return a.read(c, req, err)
}

// read answers a request for one value, or tells what is wrong with it.
func (a *Agent) read(c call, req request, wrong error) int {
	if wrong != nil {
		return c.invalid(wrong)
	}
	got, err := a.ask(c.r.Context(), c.who, req)
	if err != nil {
		return a.fail(c, req.ref.ID, err)
	}
	defer got.Wipe()
	if req.field == "" {
		writeAnswer(c.w, c.contract.body, &got)
		return http.StatusOK
	}
	v, err := secret.Field(got.Text, req.field)
	if err != nil {
		return a.fail(c, req.ref.ID, errNoField.New(err.Error()))
	}
	defer v.Wipe()
	writeField(c.w, &got, v)
	return http.StatusOK
}

// ask fetches what a request asks for. The Answer is the caller's.
func (a *Agent) ask(ctx context.Context, who caller, req request) (cache.Answer, error) {
	store := a.callers.store(who)
	var got cache.Answer
	var err error
	switch {
	case req.failed != "":
		a.log.Info("a version was reported to fail", "id", req.ref.ID, "version", req.failed)
		got, err = store.Failed(ctx, req.ref, req.failed)
	case req.refresh:
		got, err = store.Refresh(ctx, req.ref)
	default:
		got, err = store.Get(ctx, req.ref)
	}
	if err != nil {
		return got, err
	}
	a.metrics.read(got.Status)
	if got.Status == cache.Stale {
		a.log.Warn("the source is unavailable: answering with the last value known", "id", req.ref.ID, "age", got.Age.String())
	}
	return got, nil
}

// writeAnswer writes a value, and what the body does not tell in headers. The buffer is
// overwritten before anybody else gets it.
func writeAnswer(w http.ResponseWriter, body func([]byte, *cache.Value) []byte, a *cache.Answer) {
	withBuffer(room(&a.Value), func(b []byte) []byte {
		b = body(b, &a.Value)
		headers(w, a, jsonText, len(b))
		_, _ = w.Write(b)
		return b
	})
}

// writeField writes one member of a value as it is.
func writeField(w http.ResponseWriter, a *cache.Answer, v secret.Value) {
	headers(w, a, plainText, v.Len())
	w.Header()["X-Content-Type-Options"] = []string{"nosniff"}
	_, _ = w.Write(v.Reveal())
}

// headers tells of what kind an answer is, where it comes from, how old it is, and which
// version.
func headers(w http.ResponseWriter, a *cache.Answer, kind string, size int) {
	h := w.Header()
	values := [...]string{kind, strconv.Itoa(size), string(a.Status), strconv.FormatInt(int64(a.Age/time.Second), 10), ""}
	for i, name := range [...]string{"Content-Type", "Content-Length", "X-Cache", "Age"} {
		h[name] = values[i : i+1 : i+1]
	}
	if a.VersionID != "" && strings.IndexFunc(a.VersionID, notInETag) < 0 {
		values[4] = `"` + a.VersionID + `"`
		h["Etag"] = values[4:]
	}
}

func notInETag(r rune) bool { return r <= ' ' || r == '"' || r >= 0x7f }
