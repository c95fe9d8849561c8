// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
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
	case "iam user":
		return d.has(r, a.Account, User, "/"+rest)
	case "iam role":
		return d.has(r, a.Account, Role, "/"+rest)
	case "sts federated-user": // whom GetFederationToken makes, under any name
		return sessionPattern.MatchString(rest), nil
	case "sts assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		if !sessionPattern.MatchString(session) {
			return false, nil
		}
		p, err := d.Principals.Get(r, a.Account, string(Role), role)
		return p != nil, err
	}
	return false, nil
}

// has reports whether there is a principal of that name and path.
func (d *Directory) has(r kv.Reader, account string, kind Kind, pathAndName string) (bool, error) {
	name := strings.LastIndexByte(pathAndName, '/') + 1
	p, err := d.Principals.Get(r, account, string(kind), pathAndName[name:])
	return p != nil && cmp.Or(p.Path, "/") == pathAndName[:name], err
}
