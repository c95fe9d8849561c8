// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package doppler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
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
	// defaultPatience is how long Doppler is left alone after a 429 that does not say, and
	// maxPatience the most that it can ask for.
	defaultPatience = time.Second
	maxPatience     = time.Minute
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
	var tries client.Tries
	for {
		answer, err := s.try(ctx, &tries, at, etag)
		_, soft := errors.AsType[*cache.Unavailable](err)
		if !soft || s.patience() > 0 || ctx.Err() != nil || !tries.Sleep(ctx, tries.Backoff(false, nil)) {
			return answer, err
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

func (s *Source) try(ctx context.Context, tries *client.Tries, at place, etag string) (*download, error) {
	ctx, cancel := tries.Begin(ctx)
	defer cancel()
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
	res, err := s.wire.RoundTrip(req)
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
	body, err := client.ReadAll(res, maxBody)
	if err != nil {
		return nil, noAnswer(err)
	}
	secrets, err := decode(body)
	if err != nil {
		return nil, err
	}
	return &download{etag: res.Header.Get("ETag"), secrets: secrets}, nil
}

// noAnswer returns an error of the network, unless it is one that will stay, such as a
// certificate that is not trusted.
func noAnswer(err error) error {
	soft := client.Unavailable(err)
	err = fmt.Errorf("doppler: %w", err)
	if soft {
		return &cache.Unavailable{Err: err}
	}
	return err
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
