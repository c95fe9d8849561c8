// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/client"
)

const (
	// maxMounts bounds what is remembered of engines.
	maxMounts = 64
	// mountLife is how long an engine's version is believed. An upgrade of a KV engine
	// is the only change.
	mountLife = 10 * time.Minute
	// refusedLife is how long we don't ask again where we were not told.
	refusedLife = time.Minute
)

// The kinds of engines that are told apart.
const (
	kindUnknown = iota // we may not know
	kindOther
	kindKV
	kindVersioned // KV of version 2
)

// mount is an engine, as far as it is known.
type mount struct {
	prefix string // of the paths for which this is known, with a slash at its end
	engine string // where the engine is, with a slash at its end: the prefix, or what we take for it
	kind   int
	until  time.Time
}

// mounts are the engines that are known.
type mounts struct {
	mu    sync.Mutex
	known []mount
}

// find returns what is known of a path, the closest to it.
func (m *mounts) find(path string, now time.Time) (found mount, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.known {
		fits := strings.HasPrefix(path+"/", k.prefix) && len(k.prefix) > len(found.prefix)
		if fits && now.Before(k.until) && k.until.Sub(now) <= mountLife {
			found, ok = k, true
		}
	}
	return found, ok
}

func (m *mounts) add(k mount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.known {
		if m.known[i].prefix == k.prefix {
			m.known[i] = k
			return
		}
	}
	if len(m.known) >= maxMounts {
		m.known = m.known[1:]
	}
	m.known = append(m.known, k)
}

func (m *mounts) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = nil
}

// place is where to read a path.
type place struct {
	path string // as the server wants it
	kind int
}

func (p place) versioned() bool { return p.kind == kindVersioned }

// in returns the place of a path in an engine.
func (k mount) in(path string) place {
	rest := strings.TrimPrefix(path, k.engine)
	if k.kind == kindVersioned && rest != path && !strings.HasPrefix(rest, "data/") {
		path = k.engine + "data/" + rest
	}
	return place{path, k.kind}
}

// locate finds out what engine a path belongs to. Vault tells whoever may do anything with
// the path; then it is the way the command line uses as well.
func (s *Source) locate(ctx context.Context, path string) (place, error) {
	if k, ok := s.mounts.find(path, s.now()); ok {
		return k.in(path), nil
	}
	r, _, err := s.call(ctx, Request{Method: http.MethodGet, Path: prefix + "sys/internal/ui/mounts/" + path}, maybeDenied)
	if refused(err) {
		return s.unknown(path), nil
	}
	if err != nil {
		return place{}, err
	}
	var about struct {
		Path    string            `json:"path"`
		Type    string            `json:"type"`
		Options map[string]string `json:"options"`
	}
	if json.Unmarshal(r.Data, &about) != nil || !strings.HasPrefix(path+"/", about.Path) || !strings.HasSuffix(about.Path, "/") {
		return s.unknown(path), nil
	}
	k := mount{about.Path, about.Path, kindOther, s.now().Add(mountLife)}
	if about.Type == "kv" || about.Type == "generic" {
		k.kind = kindKV
		if about.Options["version"] == "2" {
			k.kind = kindVersioned
		}
	}
	s.mounts.add(k)
	return k.in(path), nil
}

// refused reports whether the server gives no answer to a request that it would answer
// somebody else.
func refused(err error) bool {
	_, ok := errors.AsType[*api.Error](err)
	_, login := errors.AsType[*LoginError](err)
	return ok && !login && !client.Unavailable(err)
}

// unknown is the place of a path in an engine that we are not told of.
func (s *Source) unknown(path string) place {
	return s.suppose(path, kindUnknown, refusedLife)
}

// learn notes that the engine of a path, which we are not told of, has versions, and returns
// the path's place.
func (s *Source) learn(path string) place {
	return s.suppose(path, kindVersioned, mountLife)
}

// suppose notes something for one path, whose engine it takes to be at its first part. It
// may be elsewhere, and so this says nothing of other paths.
func (s *Source) suppose(path string, kind int, life time.Duration) place {
	first, _, _ := strings.Cut(path, "/")
	k := mount{path + "/", first + "/", kind, s.now().Add(life)}
	s.mounts.add(k)
	return k.in(path)
}
