// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package doppler is the source of secrets that asks Doppler's REST API:
// https://docs.doppler.com/reference/api
//
// Doppler keeps secrets in configs, and gives out a config as a whole. So does this source
// ask for it: what one call brought answers for all secrets of the config for moments, and
// as long as Doppler says that the config is the same (by its ETag) nothing is sent again.
//
// An id is NAME, in the config that the token or the environment names, or
// PROJECT/CONFIG/NAME. Doppler has no versions of one secret that could be asked for, so
// there is the current one only. Its id is the ETag of the config in which this value was
// first seen, and the name: it stays the same while other secrets of the config change.
package doppler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source"
)

const (
	// DefaultHost is Doppler's own API.
	DefaultHost = "https://api.doppler.com"
	// shareFor is how long what one call brought answers for other secrets of the config.
	// Doppler allows a token some hundred calls a minute.
	shareFor = 2 * time.Second
	// maxConfigs bounds the configs that are held.
	maxConfigs = 32
	// current is the label of a secret's only version.
	current = "AWSCURRENT"
)

// Config says how to call Doppler. Its zero value takes all from the environment.
type Config struct {
	// Getenv reads DOPPLER_TOKEN, at each call; DOPPLER_PROJECT and DOPPLER_CONFIG, which
	// name the config of plain names and which a service token needs neither of; and
	// DOPPLER_API_HOST. Nil means os.Getenv.
	Getenv func(string) string
	// Transport sends requests. Nil means one that trusts the system's authorities.
	Transport http.RoundTripper
	// MaxConns bounds the connections. Zero means client.DefaultMaxConns.
	MaxConns int
	// UserAgent is what calls say that they come from.
	UserAgent string
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
}

// Source fetches secrets from Doppler. It is safe for concurrent use.
type Source struct {
	getenv    func(string) string
	wire      *client.Wire
	userAgent string
	clock     func() time.Time
	host      string // without a slash at its end

	mu      sync.Mutex // guards what follows
	configs map[place]*config
	retryAt time.Time // Doppler asked for patience until then
}

var _ source.Source = (*Source)(nil)

// place is a config's project and name, both empty for the one that a token names.
type place struct{ project, config string }

// New returns a Source. It makes no call. It fails if DOPPLER_API_HOST is not the URL of a
// host that may be sent a token.
func New(cfg Config) (*Source, error) {
	s := &Source{
		getenv: cfg.Getenv, userAgent: cfg.UserAgent, clock: cfg.Now, configs: map[place]*config{},
	}
	if s.getenv == nil {
		s.getenv = os.Getenv
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.wire = client.NewWire(cfg.Transport, cfg.MaxConns, "", s.clock)
	var err error
	s.host, err = checkHost(s.getenv("DOPPLER_API_HOST"))
	return s, err
}

// checkHost returns the URL to send calls to.
func checkHost(host string) (string, error) {
	if host == "" {
		return DefaultHost, nil
	}
	u, err := url.Parse(host)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("DOPPLER_API_HOST is not a URL such as " + DefaultHost)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", errors.New("DOPPLER_API_HOST is not https: the token would travel unencrypted")
	}
	return strings.TrimSuffix(host, "/"), nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Fetch implements cache.Source. The id is without the source's name.
func (s *Source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	at, name, err := s.parse(ref.ID)
	if err != nil {
		return cache.Value{}, err
	}
	if ref.Stage != "" && ref.Stage != current {
		return cache.Value{}, notFound("Doppler has no version %s of %s.", ref.Stage, name)
	}
	v, err := s.value(ctx, at, name)
	switch {
	case err != nil:
		return cache.Value{}, err
	case ref.VersionID != "" && ref.VersionID != v.VersionID:
		v.Wipe()
		return cache.Value{}, notFound("Doppler's current version of %s is another one.", name)
	}
	return v, nil
}

// parse returns where an id says that a secret is.
func (s *Source) parse(id string) (place, string, error) {
	parts := strings.Split(id, "/")
	switch {
	case len(parts) == 1 && id != "":
		return place{s.getenv("DOPPLER_PROJECT"), s.getenv("DOPPLER_CONFIG")}, id, nil
	case len(parts) == 3 && parts[0] != "" && parts[1] != "" && parts[2] != "":
		return place{parts[0], parts[1]}, parts[2], nil
	}
	return place{}, "", api.ValidationException.New("A secret of Doppler's is doppler:NAME or doppler:PROJECT/CONFIG/NAME.")
}

// Forget drops what is held of configs, overwritten, and connections.
func (s *Source) Forget() {
	s.mu.Lock()
	for _, c := range s.configs {
		c.content.release()
	}
	clear(s.configs)
	s.retryAt = time.Time{}
	s.mu.Unlock()
	s.wire.Forget()
}

// now is the wall clock without the monotonic reading, which stands still in a freeze.
func (s *Source) now() time.Time { return s.clock().Round(0) }

func notFound(format string, args ...any) error {
	return secretsmanager.ResourceNotFoundException.New(fmt.Sprintf(format, args...))
}
