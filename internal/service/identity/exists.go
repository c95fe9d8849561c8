// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// Exists reports whether the policy of a resource may name that principal: the ARN of
// a user or a role that there is, or of a session of one. Any account's root may be
// named, whether anybody has a key of it or not.
func (d *Directory) Exists(r kv.Reader, name string) (bool, error) {
	a, err := arn.Parse(name)
	if err != nil || a.Region != "" || !arn.IsAccount(a.Account) {
		return false, nil
	}
	kind, rest, _ := strings.Cut(a.Resource, "/")
	switch a.Service + " " + kind {
	case "iam root":
		return rest == "", nil
	case "iam user", "sts federated-user":
		return d.has(r, a.Account, User, rest)
	case "iam role":
		return d.has(r, a.Account, Role, rest)
	case "sts assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		if !sessionPattern.MatchString(session) {
			return false, nil
		}
		return d.has(r, a.Account, Role, role)
	}
	return false, nil
}

// has reports whether there is a principal of that name. Principals here have no path.
func (d *Directory) has(r kv.Reader, account string, kind Kind, name string) (bool, error) {
	if !namePattern.MatchString(name) {
		return false, nil
	}
	p, err := d.principals.Get(r, account, string(kind), name)
	return p != nil, err
}
