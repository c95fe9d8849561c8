// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package source is what the sources of values have in common, and how several are one.
//
// A ref's id may begin with the name of a source and a colon: "vault:secret/db" is what
// Vault has at secret/db. An id without a source's name is AWS's or a Coffer server's;
// no name of a secret has a colon in it, and an ARN's "arn:" names no source.
package source

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
)

// Source is where values come from. It is safe for concurrent use.
type Source interface {
	cache.Source
	// Forget drops credentials, sessions and connections: what must not outlive a
	// snapshot of the process. The values are the cache's own.
	Forget()
}

// names are the sources that ids can name.
var names = map[string]bool{"vault": true, "doppler": true, "file": true, "kms": true}

// Cut returns the source that an id of a secret names, and what it is there. The name is
// empty if the id is AWS's or a Coffer server's.
func Cut(id string) (name, rest string) {
	name, rest, found := strings.Cut(id, ":")
	if !found || !names[name] {
		return "", id
	}
	return name, rest
}

// Mux is several sources in one. It is not changed once it is in use.
type Mux struct {
	// Default has what names no source.
	Default Source
	// Named are the other sources by their names. One that is not configured is absent.
	Named map[string]Source
}

var (
	_ Source        = (*Mux)(nil)
	_ cache.Batcher = (*Mux)(nil)
)

// Fetch implements cache.Source. The source is asked for the id without its name.
func (m *Mux) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	_, s, own, err := m.of(ref)
	if err != nil {
		return cache.Value{}, err
	}
	return s.Fetch(ctx, own)
}

// part is what one source is asked for of many refs.
type part struct {
	source Source
	refs   []cache.Ref // as the source knows them
	places []int       // of the refs among all
}

// FetchMany implements cache.Batcher: the sources are asked at the same time.
func (m *Mux) FetchMany(ctx context.Context, refs []cache.Ref, done func(i int, v cache.Value, err error)) {
	parts := map[string]*part{}
	for i, ref := range refs {
		name, s, own, err := m.of(ref)
		if err != nil {
			done(i, cache.Value{}, err)
			continue
		}
		p := parts[name]
		if p == nil {
			p = &part{source: s}
			parts[name] = p
		}
		p.refs, p.places = append(p.refs, own), append(p.places, i)
	}
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(func() {
			cache.FetchMany(ctx, p.source, p.refs, func(i int, v cache.Value, err error) { done(p.places[i], v, err) })
		})
	}
	wg.Wait()
}

// of returns the source of a ref by its name, and the ref as it knows it.
func (m *Mux) of(ref cache.Ref) (name string, s Source, own cache.Ref, err error) {
	rest := ref.ID
	if ref.Kind == cache.Secret {
		name, rest = Cut(ref.ID)
	}
	if name == "" {
		return name, m.Default, ref, nil
	}
	if s = m.Named[name]; s == nil {
		return name, nil, ref, &Unconfigured{name}
	}
	if ref.Role != "" { // else it would be read as somebody else than the caller meant
		return name, nil, ref, api.ValidationException.Newf("A role of AWS can't be assumed for the source %s.", name)
	}
	ref.ID = rest
	return name, s, ref, nil
}

// Forget implements Source.
func (m *Mux) Forget() {
	m.Default.Forget()
	for _, s := range m.Named {
		s.Forget()
	}
}

// Unconfigured is the refusal of an id of a source that the settings say nothing of.
type Unconfigured struct{ Name string }

// Error implements error.
func (u *Unconfigured) Error() string {
	return fmt.Sprintf("the source %s is not configured", u.Name)
}
