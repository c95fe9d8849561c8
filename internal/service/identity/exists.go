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
	_, found, err := d.idOf(r, name)
	return found, err
}

// idOf returns the unique id of the user or role that an ARN names, or of the role whose
// session it names, and whether that exists. Others that a policy may name have no id.
func (d *Directory) idOf(r kv.Reader, name string) (id string, found bool, err error) {
	a, err := arn.Parse(name)
	if err != nil || a.Region != "" || !arn.IsAccount(a.Account) {
		return "", false, nil
	}
	kind, rest, _ := strings.Cut(a.Resource, "/")
	var p *Principal
	switch a.Service + " " + kind {
	case "iam root":
		return "", rest == "", nil
	case "iam user":
		p, err = d.find(r, a.Account, User, "/"+rest)
	case "iam role":
		p, err = d.find(r, a.Account, Role, "/"+rest)
	case "sts federated-user": // whom GetFederationToken makes, under any name
		return "", sessionPattern.MatchString(rest), nil
	case "sts assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		if sessionPattern.MatchString(session) {
			p, err = d.Principals.Get(r, a.Account, string(Role), role)
		}
	}
	if err != nil || p == nil {
		return "", false, err
	}
	return p.ID, true, nil
}

// find returns the principal of that name and path, or nil.
func (d *Directory) find(r kv.Reader, account string, kind Kind, pathAndName string) (*Principal, error) {
	name := strings.LastIndexByte(pathAndName, '/') + 1
	p, err := d.Principals.Get(r, account, string(kind), pathAndName[name:])
	if err != nil || p == nil || cmp.Or(p.Path, "/") != pathAndName[:name] {
		return nil, err
	}
	return p, nil
}
