// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package doppler

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// config is what is held of one of Doppler's configs. The source's lock guards it.
type config struct {
	// turn has room for one: whoever is in it may call Doppler for this config.
	turn    chan struct{}
	content *content // nil while there is none
	fetched time.Time
	// The last call that failed, when, and whether that was for Doppler's reasons and not
	// for those of the one who called.
	failed   error
	failedAt time.Time
}

// content is a config's secrets at one time. It is overwritten when neither the config nor
// a reader needs it any more. The source's lock guards users; the rest does not change.
type content struct {
	etag    string
	secrets map[string]item
}

// item is one secret.
type item struct {
	value   secret.Value
	version string
}

// release overwrites the values.
func (c *content) release() {
	if c == nil {
		return
	}
	for _, i := range c.secrets {
		i.value.Wipe()
	}
}

// value returns a secret of a config, of a time after the call was made or shortly before.
// Whoever asks while Doppler is being asked waits for that call.
func (s *Source) value(ctx context.Context, at place, name string) (cache.Value, error) {
	began := s.now()
	turn := s.turn(at)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return cache.Value{}, context.Cause(ctx)
	}
	for {
		if v, err, ok := s.held(at, name, began); ok {
			return v, err
		}
		if v, err, ok := s.renew(ctx, at, name); ok {
			return v, err
		}
	}
}

// turn returns the config's, which it makes room for if it is not held yet.
func (s *Source) turn(at place) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config(at).turn
}

// config returns what is held of a config. The caller holds the lock.
func (s *Source) config(at place) *config {
	if c := s.configs[at]; c != nil {
		return c
	}
	for len(s.configs) >= maxConfigs {
		s.drop()
	}
	c := &config{turn: make(chan struct{}, 1)}
	s.configs[at] = c
	return c
}

// drop forgets the config that was fetched first.
func (s *Source) drop() {
	var oldest place
	var found *config
	for at, c := range s.configs {
		if found == nil || c.fetched.Before(found.fetched) {
			oldest, found = at, c
		}
	}
	found.content.release()
	delete(s.configs, oldest)
}

// held answers from what is held, if that is as good as a call: it came within shareFor, or
// a call failed since began, while others waited for it.
func (s *Source) held(at place, name string, began time.Time) (cache.Value, error, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.config(at)
	age := s.now().Sub(c.fetched)
	switch {
	case c.content != nil && age >= 0 && age < shareFor:
		v, err := c.content.value(name)
		return v, err, true
	case c.failed != nil && c.failedAt.After(began):
		return cache.Value{}, c.failed, true
	}
	return cache.Value{}, nil, false
}

// value returns a copy of a secret.
func (c *content) value(name string) (cache.Value, error) {
	i, ok := c.secrets[name]
	if !ok {
		return cache.Value{}, notFound("The config has no secret %s.", name)
	}
	return cache.Value{Name: name, VersionID: i.version, Stages: []string{current}, Text: i.value.Clone()}, nil
}

// renew asks Doppler for a config, and returns one of its secrets. The caller has the
// config's turn. It is not ok if Doppler said that a config is unchanged which was forgotten
// meanwhile.
func (s *Source) renew(ctx context.Context, at place, name string) (v cache.Value, err error, ok bool) {
	if s.patience() > 0 {
		return cache.Value{}, &cache.Unavailable{Err: errors.New("doppler: asked for patience")}, true
	}
	s.mu.Lock()
	etag := ""
	if c := s.config(at); c.content != nil {
		etag = c.content.etag
	}
	s.mu.Unlock()
	answer, err := s.download(ctx, at, etag)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.config(at)
	if err != nil {
		c.fail(err, s.now(), ctx.Err() == nil)
		return cache.Value{}, err, true
	}
	if answer.unchanged && c.content == nil {
		return cache.Value{}, nil, false
	}
	if !answer.unchanged {
		c.replace(answer)
	}
	c.failed, c.fetched = nil, s.now()
	v, err = c.content.value(name)
	return v, err, true
}

// fail notes an error, for others who wait too if it is not due to the one who asked. Who may
// not read the config any more must not find it here.
func (c *config) fail(err error, now time.Time, shared bool) {
	if shared {
		c.failed, c.failedAt = err, now
	}
	if _, soft := errors.AsType[*cache.Unavailable](err); !soft {
		c.content.release()
		c.content = nil
	}
}

// replace takes over what Doppler answered. A secret whose value is the same keeps its
// version.
func (c *config) replace(answer *download) {
	before := c.content
	mark := mark(answer.etag)
	next := &content{etag: answer.etag, secrets: make(map[string]item, len(answer.secrets))}
	for name, value := range answer.secrets {
		version := mark + "/" + name
		if before != nil {
			if old, ok := before.secrets[name]; ok && old.value.Equal(value) {
				version = old.version
			}
		}
		next.secrets[name] = item{value, version}
	}
	before.release()
	c.content = next
}

// maxMark bounds what of an ETag becomes a part of versions' ids, in bytes.
const maxMark = 128

// mark returns what distinguishes an ETag, or a random text if there is none.
func mark(etag string) string {
	m := strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	if m == "" || len(m) > maxMark || strings.ContainsFunc(m, func(r rune) bool { return r <= ' ' || r == '"' || r >= 0x7f }) {
		return rand.Text()
	}
	return m
}

var errContent = errors.New("doppler: the answer is not an object of secrets")

// decode reads a config in the format "json": an object of strings. What is another kind of
// value is kept as JSON; null is no secret. The body is overwritten.
func decode(body []byte) (map[string]secret.Value, error) {
	defer clear(body)
	var members map[string]json.RawMessage
	defer func() {
		for m := range maps.Values(members) {
			clear(m)
		}
	}()
	if json.Unmarshal(body, &members) != nil || members == nil {
		return nil, errContent // the decoder's error could quote a value
	}
	secrets := make(map[string]secret.Value, len(members))
	for name, m := range members {
		switch m[0] {
		case 'n':
		case '"':
			var text secret.Text
			if text.UnmarshalJSON(m) != nil {
				return nil, errContent
			}
			secrets[name] = text.Value
		default:
			secrets[name] = secret.New(append([]byte{}, m...))
		}
	}
	return secrets, nil
}
