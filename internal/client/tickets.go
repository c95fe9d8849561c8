// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"crypto/tls"
	"sync/atomic"
)

// sessions is how many TLS sessions are kept for resumption.
const sessions = 4

// tickets is a cache of TLS sessions that can be emptied. The keys in it would make
// connections of all environments that are restored from one snapshot.
type tickets struct {
	held atomic.Pointer[tls.ClientSessionCache]
}

var _ tls.ClientSessionCache = (*tickets)(nil)

func newTickets() *tickets {
	t := new(tickets)
	t.forget()
	return t
}

// forget drops all sessions.
func (t *tickets) forget() { t.held.Store(new(tls.NewLRUClientSessionCache(sessions))) }

// Get implements tls.ClientSessionCache.
func (t *tickets) Get(key string) (*tls.ClientSessionState, bool) { return (*t.held.Load()).Get(key) }

// Put implements tls.ClientSessionCache.
func (t *tickets) Put(key string, s *tls.ClientSessionState) { (*t.held.Load()).Put(key, s) }
