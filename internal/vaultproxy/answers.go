// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vaultproxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/source/vault"
)

const (
	// maxKept bounds the bodies that are kept, all together, in bytes.
	maxKept = 8 << 20
	// keptOverhead is what an answer counts for beside its body: its headers.
	keptOverhead = 1 << 10
)

// answers are the answers that are kept, in bounds, for the TTL by the wall clock.
type answers struct {
	ttl time.Duration
	now func() time.Time

	mu    sync.Mutex
	held  map[string]*kept
	bytes int
}

type kept struct {
	answer      vault.Answer
	until, used time.Time
}

// keyOf is the same for requests whose answers are: method, path, query, namespace and body,
// in one session. What was read under a lease ends with the session's token.
func keyOf(r vault.Request, session uint64) string {
	h := sha256.New()
	for _, part := range []string{strconv.FormatUint(session, 10), r.Method, r.RawPath, r.Query, r.Header.Get("X-Vault-Namespace"), string(r.Body)} {
		_, _ = io.WriteString(h, strconv.Itoa(len(part))+":"+part)
	}
	return string(h.Sum(nil))
}

// get returns a copy of what is kept.
func (s *answers) get(key string) *vault.Answer {
	now := s.now().Round(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.held[key]
	if k == nil {
		return nil
	}
	if left := k.until.Sub(now); left <= 0 || left > s.ttl { // or the clock went back
		s.drop(key, k)
		return nil
	}
	k.used = now
	a := k.answer
	a.Body = bytes.Clone(a.Body)
	return &a
}

// put keeps a copy of an answer, for what is left of its lease at most.
func (s *answers) put(key string, a *vault.Answer) {
	ttl := min(s.ttl, leaseOf(a.Body, s.ttl))
	size := len(a.Body) + keptOverhead
	if ttl <= 0 || size > maxKept {
		return
	}
	now := s.now().Round(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.held[key]; old != nil {
		s.drop(key, old)
	}
	for s.bytes+size > maxKept {
		s.evict()
	}
	k := &kept{*a, now.Add(ttl), now}
	k.answer.Body = bytes.Clone(a.Body)
	s.held[key] = k
	s.bytes += size
}

// evict drops what was used least recently. The caller holds the lock.
func (s *answers) evict() {
	var oldest string
	for key, k := range s.held {
		if o := s.held[oldest]; o == nil || k.used.Before(o.used) {
			oldest = key
		}
	}
	s.drop(oldest, s.held[oldest])
}

// drop forgets and overwrites. The caller holds the lock.
func (s *answers) drop(key string, k *kept) {
	clear(k.answer.Body)
	s.bytes -= len(k.answer.Body) + keptOverhead
	delete(s.held, key)
}

func (s *answers) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.held {
		s.drop(key, k)
	}
}

// leaseOf is how long the lease of an answer lasts, or otherwise if it has none.
func leaseOf(body []byte, otherwise time.Duration) time.Duration {
	var a struct {
		ID       string `json:"lease_id"`
		Duration int64  `json:"lease_duration"`
	}
	if json.Unmarshal(body, &a) != nil || a.ID == "" || a.Duration > int64(otherwise/time.Second) {
		return otherwise
	}
	return time.Duration(a.Duration) * time.Second
}
