// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// anySession is the name of a role's session of which nothing is asked but the role.
const anySession = "any-session"

// sessionNames are those that a role's session may have (STS API Reference, AssumeRole).
var sessionNames = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// named is what a request calls a principal.
type named struct {
	account string
	kind    identity.Kind
	name    string
	path    string // if an ARN tells it, with its slashes
	session string // of a role
}

// arn is the principal's ARN, there or not. A session is its role's.
func (n *named) arn() string {
	p := identity.Principal{Account: n.account, Kind: n.kind, Name: n.name, Path: n.path}
	return p.ARN()
}

// named reads the name of a principal. A name alone is a user's if there is one, and else a
// role's. The path of what is there is told with it.
func (a *access) named(r kv.Reader, call *gate.Call, text string) (*named, error) {
	n, err := parseNamed(call.Account, text)
	if err != nil {
		return nil, err
	}
	kinds := []identity.Kind{n.kind}
	if n.kind == "" {
		kinds = []identity.Kind{identity.User, identity.Role}
		n.kind = identity.User // what it is called if it is neither
	}
	for _, kind := range kinds {
		p, err := a.directory.Principals.Get(r, n.account, string(kind), n.name)
		if err != nil {
			return nil, err
		}
		if p != nil {
			n.kind, n.path = kind, cmp.Or(n.path, p.Path)
			return n, nil
		}
	}
	return n, nil
}

func parseNamed(account, text string) (*named, error) {
	n := &named{account: account, session: anySession}
	kind, rest := "", text
	if arn.IsARN(text) {
		parsed, err := arn.Parse(text)
		if err != nil || !arn.IsAccount(parsed.Account) || parsed.Service != "iam" && parsed.Service != "sts" {
			return nil, errNoName(text)
		}
		n.account, rest = parsed.Account, parsed.Resource
		kind, rest, _ = strings.Cut(rest, "/")
		if i := strings.LastIndexByte(rest, '/'); i >= 0 && kind != "assumed-role" {
			n.path, rest = "/"+rest[:i+1], rest[i+1:]
		} else if parsed.Service == "iam" {
			n.path = "/"
		}
	} else if before, after, ok := strings.Cut(text, "/"); ok || before == string(identity.Root) {
		kind, rest = before, after
	}
	switch kind {
	case "root":
		n.kind, n.name, n.path = identity.Root, string(identity.Root), ""
		return n, nil
	case "role", "assumed-role":
		n.kind = identity.Role
		name, session, ok := strings.Cut(rest, "/")
		if rest = name; ok {
			n.session = session
		}
	case "user":
		n.kind = identity.User
	case "":
	default:
		return nil, errNoName(text)
	}
	n.name = rest
	if n.name == "" || strings.Contains(n.name, "/") || !sessionNames.MatchString(n.session) {
		return nil, errNoName(text)
	}
	return n, nil
}

func errNoName(text string) error {
	return api.ValidationException.Newf("Principal: %.256q is no user, role, session of a role, or root.", text)
}

// principal returns whom a name means, as a caller.
func (a *access) principal(r kv.Reader, n *named) (*gate.Principal, error) {
	p, err := a.directory.Principals.Get(r, n.account, string(n.kind), n.name)
	if err != nil {
		return nil, err
	}
	if p == nil || n.path != "" && p.ARN() != n.arn() {
		return nil, errNoPrincipal.Newf("There is no principal %s.", n.arn())
	}
	return a.directory.As(r, p, n.session)
}

// errNoPrincipal answers for a principal that is not there.
var errNoPrincipal = api.ErrorCode{Code: "ResourceNotFoundException", Status: 400}
