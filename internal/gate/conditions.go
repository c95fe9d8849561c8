// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// conditions are the condition keys of one decision, looked up as a policy asks
// for them. Names are those of AWS's "global condition context keys"; those of the
// principal and the resource's account are the engine's.
//
// What a key says is what the gate knows. A key that would have to be believed (the
// network that a call came through, the organization of an account) is absent, so that a
// policy which relies on it lets nobody in; the endpoint too, but for those whose word the
// configuration takes for it: see Endpoints.
type conditions struct {
	call   *Call
	target Target
}

// Values implements policy.Context.
func (k conditions) Values(key string) ([]string, bool) {
	c := k.call
	switch key {
	case "aws:currenttime":
		return one(c.Time.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return one(strconv.FormatInt(c.Time.Unix(), 10))
	case "aws:securetransport":
		return one(strconv.FormatBool(c.Secure))
	case "aws:sourceip":
		return c.sourceIP()
	case "aws:sourcevpce":
		return c.sourceEndpoint()
	case "aws:useragent":
		return oneUnlessEmpty(c.UserAgent)
	case "aws:requestedregion":
		return one(c.Region)
	case "aws:tokenissuetime":
		return c.fromSession(func(s *Session) string { return s.Created.UTC().Format(time.RFC3339) })
	case "aws:multifactorauthpresent": // nobody has shown a second factor
		return c.fromSession(func(*Session) string { return "false" })
	case "aws:sourceidentity":
		return c.fromSession(func(s *Session) string { return s.SourceIdentity })
	case "aws:federatedprovider":
		return c.provider()
	case "aws:viaawsservice":
		return one(strconv.FormatBool(c.Via != ""))
	case "aws:calledvia", "aws:calledviafirst", "aws:calledvialast":
		return c.calledVia(strings.TrimPrefix(key, "aws:calledvia"))
	case "kms:viaservice":
		return oneUnlessEmpty(c.Via)
	}
	if k.target.Keys != nil {
		return k.target.Keys(key)
	}
	return nil, false
}

// sourceIP is the client's address, in its own calls.
func (c *Call) sourceIP() ([]string, bool) {
	if c.Via != "" || !c.SourceIP.IsValid() {
		return nil, false
	}
	return one(c.SourceIP.String())
}

// calledVia are the services that made the call for the caller, the first one first, or
// the one that is asked for.
func (c *Call) calledVia(which string) (via []string, found bool) {
	for ; c.outer != nil; c = c.outer {
		if c.service != c.outer.service {
			via = append(via, c.outer.service.EventSource())
		}
	}
	slices.Reverse(via)
	switch {
	case via == nil:
		return nil, false
	case which == "first":
		via = via[:1]
	case which == "last":
		via = via[len(via)-1:]
	}
	return via, true
}

// fromSession is a key that only temporary credentials have, if they have it.
func (c *Call) fromSession(value func(*Session) string) ([]string, bool) {
	if c.Principal == nil || c.Principal.Session == nil {
		return nil, false
	}
	return oneUnlessEmpty(value(c.Principal.Session))
}

// provider is who vouches for the caller, or vouched when its session was made.
func (c *Call) provider() ([]string, bool) {
	if p := c.Principal; p != nil && p.Type == policy.WebIdentity {
		return oneUnlessEmpty(p.Issuer)
	}
	return c.fromSession(func(s *Session) string { return s.Provider })
}

func one(v string) ([]string, bool) { return []string{v}, true }

func oneUnlessEmpty(v string) ([]string, bool) {
	if v == "" {
		return nil, false
	}
	return one(v)
}
