// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/turn"
)

const (
	// maxLeases bounds the leases that are extended. What is beyond gets a new value
	// each time.
	maxLeases = 256
	// usefulShare is the part of its first life, as a divisor, that an extension must
	// bring. What brings less is near the longest life that Vault allows, and there is a
	// new value while the old one still works.
	usefulShare = 3
	// A value ends this part of its lease's life, as a divisor, before the lease does, but
	// leastMargin at most, so that there is time to use it.
	marginShare = 10
	leastMargin = 10 * time.Second
)

// lease is a value under a lease.
type lease struct {
	id        string
	renewable bool
	life      time.Duration // that Vault gave it at first
	session   uint64        // whose token it hangs from
	text      secret.Value
	began     time.Time
	ends      time.Time // the value's end, a little before the lease's
}

// begin takes over the value that came under a lease.
func (s *Source) begin(path string, r *reply, g grant) *cache.Value {
	l := &lease{
		id: r.LeaseID, renewable: r.Renewable, life: seconds(r.LeaseDuration), session: g.session, text: r.take(), began: s.now(),
	}
	l.extendTo(l.began, l.life, g.ends)
	own := *l
	own.text = l.text.Clone()
	s.leases.put(path, &own)
	return l.answer()
}

// answer is the lease's value, which then is the caller's. Its version is a hash of the
// lease's id, which is not for everybody to see.
func (l *lease) answer() *cache.Value {
	h := sha256.Sum256([]byte(l.id))
	return &cache.Value{Text: l.text, VersionID: hex.EncodeToString(h[:versionBytes]), Created: l.began, Ends: l.ends}
}

// extendTo sets when the value ends: with its lease, or with the token that it hangs from.
func (l *lease) extendTo(now time.Time, life time.Duration, token time.Time) {
	l.ends = now.Add(life - min(leastMargin, life/marginShare))
	if !token.IsZero() && token.Before(l.ends) {
		l.ends = token
	}
}

// leases are the leases by their paths. One who has his turn with a path is the only one
// to change what is held for it, but for forget.
type leases struct {
	turns turn.Turns
	mu    sync.Mutex
	held  map[string]*lease
}

// get returns what is held for a path, with a text of the caller's own.
func (s *leases) get(path string) *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.held[path]
	if l == nil {
		return nil
	}
	own := *l
	own.text = l.text.Clone()
	return &own
}

// put holds l, which it takes over, for a path in place of what was held; nil is nothing.
func (s *leases) put(path string, l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.held[path]; old != nil {
		old.text.Wipe()
		delete(s.held, path)
	}
	switch {
	case l == nil:
	case len(s.held) < maxLeases:
		s.held[path] = l
	default:
		l.text.Wipe()
	}
}

// forget drops and overwrites all values.
func (s *leases) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, l := range s.held {
		l.text.Wipe()
		delete(s.held, path)
	}
}

// extend makes a lease last longer, or, if Vault does not extend it, finds out how long it
// lasts. It reports whether the lease's value is good for a while yet.
func (s *Source) extend(ctx context.Context, l *lease) (alive bool, err error) {
	r := Request{Method: http.MethodPost, Path: prefix + "sys/leases/lookup"}
	ask := map[string]any{"lease_id": l.id}
	if l.renewable {
		r.Path = prefix + "sys/leases/renew"
		ask["increment"] = int64(l.life / time.Second)
	}
	r.Body, err = json.Marshal(ask)
	if err != nil {
		return false, err
	}
	got, g, err := s.call(ctx, r, maybeDenied)
	if err != nil {
		if client.Unavailable(err) || ctx.Err() != nil {
			return false, err
		}
		return false, nil // revoked, ended, or not ours to extend
	}
	if g.session != l.session {
		return false, nil // its token is gone, and it with it
	}
	var about struct {
		TTL int64 `json:"ttl"`
	}
	left := seconds(got.LeaseDuration)
	if !l.renewable && json.Unmarshal(got.Data, &about) == nil {
		left = seconds(about.TTL)
	}
	if left < l.life/usefulShare {
		return false, nil
	}
	l.extendTo(s.now(), left, g.ends)
	return true, nil
}

var errWantsData = errors.New("the path of a versioned KV engine lacks data/")
