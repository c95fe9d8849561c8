// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package doppler

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	// downloadPath is the operation "Download" of Doppler's secrets.
	downloadPath = "/v3/configs/config/secrets/download"
	// maxBody bounds a config, in bytes: a thousand secrets of 4 KiB.
	maxBody = 4 << 20
	// maxErrorBody bounds what is read of an answer that is an error, and maxMessage what
	// is told of it, in bytes.
	maxErrorBody = 16 << 10
	maxMessage   = 200
	// ordinaryBody is what room is made for ahead, in bytes, if no length is announced.
	ordinaryBody = 64 << 10
	// defaultPatience is how long Doppler is left alone after a 429 that does not say, and
	// maxPatience the most that it can ask for.
	defaultPatience = time.Second
	maxPatience     = time.Minute
	// maxTries is how often a call is made, and firstWait bounds the random wait before the
	// second try. It doubles.
	maxTries  = 3
	firstWait = 100 * time.Millisecond
)

// download is an answer: a config, or that it is unchanged.
type download struct {
	unchanged bool
	etag      string
	secrets   map[string]secret.Value
}

// download asks for a config, unless it is the one that etag stands for. What may pass is
// tried again, but for a request to come slower, which is heeded.
func (s *Source) download(ctx context.Context, at place, etag string) (*download, error) {
	for try := 1; ; try++ {
		answer, err := s.try(ctx, at, etag)
		if _, soft := errors.AsType[*cache.Unavailable](err); !soft || try == maxTries || s.patience() > 0 {
			return answer, err
		}
		t := time.NewTimer(firstWait<<(try-1)/2 + rand.N(firstWait<<(try-1)/2))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, err
		}
	}
}

// patience is how long Doppler is to be left alone.
func (s *Source) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.retryAt.Sub(s.now()); wait <= maxPatience {
		return wait
	}
	return 0 // the clock went back
}

func (s *Source) try(ctx context.Context, at place, etag string) (*download, error) {
	query := url.Values{"format": {"json"}}
	if at.project != "" {
		query.Set("project", at.project)
	}
	if at.config != "" {
		query.Set("config", at.config)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.host+downloadPath+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("doppler: %w", err)
	}
	token := strings.TrimSpace(s.getenv("DOPPLER_TOKEN"))
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return nil, errors.New("doppler: no token: set DOPPLER_TOKEN")
	}
	req.Header["Authorization"] = []string{"Bearer " + token}
	req.Header["Accept"] = []string{"application/json"}
	if s.userAgent != "" {
		req.Header["User-Agent"] = []string{s.userAgent}
	}
	if etag != "" {
		req.Header["If-None-Match"] = []string{etag}
	}
	res, err := s.transport.RoundTrip(req)
	if err != nil {
		return nil, noAnswer(err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotModified && etag != "":
		return &download{unchanged: true}, nil
	case res.StatusCode != http.StatusOK:
		return nil, s.refusal(res)
	}
	body, err := readBody(res)
	if err != nil {
		return nil, err
	}
	secrets, err := decode(body)
	if err != nil {
		return nil, err
	}
	return &download{etag: res.Header.Get("ETag"), secrets: secrets}, nil
}

// noAnswer returns an error of the network. A certificate that is not trusted is none.
func noAnswer(err error) error {
	err = fmt.Errorf("doppler: no answer: %w", err)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return err
	}
	return &cache.Unavailable{Err: err}
}

// readBody reads a config into one buffer, if its length is announced or ordinary: one that
// grew would leave parts of secrets behind, which nobody could overwrite.
func readBody(res *http.Response) ([]byte, error) {
	room := res.ContentLength
	if room < 0 {
		room = ordinaryBody
	}
	b := bytes.NewBuffer(make([]byte, 0, min(room, maxBody)+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		clear(b.Bytes())
		return nil, noAnswer(err)
	case b.Len() > maxBody:
		clear(b.Bytes())
		return nil, fmt.Errorf("doppler: the config has more than %d bytes", maxBody)
	}
	return b.Bytes(), nil
}

// refusal returns the error that an answer is, in AWS's terms.
func (s *Source) refusal(res *http.Response) error {
	message := fmt.Sprintf("Doppler answered %d%s", res.StatusCode, explanation(res.Body))
	switch status := res.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return api.AccessDeniedException.New(message)
	case status == http.StatusNotFound:
		return notFound("%s", message)
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		return api.ValidationException.New(message)
	case status == http.StatusTooManyRequests:
		s.mu.Lock()
		s.retryAt = s.now().Add(retryAfter(res.Header))
		s.mu.Unlock()
	case status < http.StatusInternalServerError && status != http.StatusRequestTimeout:
		return errors.New(message)
	}
	return &cache.Unavailable{Err: errors.New(message)}
}

// retryAfter is how long Doppler asks to be left alone.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 16)
	if err != nil || seconds == 0 {
		return defaultPatience
	}
	return min(time.Duration(seconds)*time.Second, maxPatience)
}

// explanation is the first of the messages that Doppler tells with an error, after a colon.
func explanation(body io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(body, maxErrorBody))
	var told struct {
		Messages []string `json:"messages"`
	}
	if err != nil || json.Unmarshal(text, &told) != nil || len(told.Messages) == 0 {
		return ""
	}
	message := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, told.Messages[0])
	return ": " + message[:min(len(message), maxMessage)]
}
