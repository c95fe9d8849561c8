// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity keeps who may call: the root of each account, users, groups, roles,
// managed policies, and the access keys that stand for principals. It implements the
// gate's Directory; IAM's and STS's APIs stand on it.
//
// A principal is a record; an access key is a record that names its principal.
// Both are read from the store on every call, so that what is withdrawn is refused
// at once, and decoded and compiled only when they changed. What else bears on a
// principal, its groups and managed policies, is read when the account's revision
// changed, which every change of those changes: see Directory.Touch.
//
// A session of STS's is in no record: its token is the record, sealed, so that
// sessions cost the store nothing and end by themselves. A session that must be
// withdrawable, such as that of a function that the server runs, is an access key
// with a record like others.
package identity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Kind is what a principal is.
type Kind string

// The kinds of principal, as they stand in ARNs and keys.
const (
	Root Kind = "root"
	User Kind = "user"
	Role Kind = "role"
)

// Title is the kind as names of operations have it: "Role".
func (k Kind) Title() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

// Principal is the record of one principal.
type Principal struct {
	Account string
	Kind    Kind
	// Name is the friendly name; for the root it is "root".
	Name string
	// ID is AWS's unique id: the account for the root, AIDA… for a user, AROA… for a role.
	ID      string
	Created time.Time
	// Path groups principals in ARNs. Empty means "/"; otherwise it begins and ends with
	// a slash.
	Path string `json:",omitzero"`
	// Policies are the inline policies by name, as JSON documents.
	Policies map[string]string
	// Attached are the ARNs of the managed policies, sorted.
	Attached []string `json:",omitzero"`
	// Boundary is the ARN of the managed policy that bounds the permissions, or empty.
	Boundary string `json:",omitzero"`
	// Groups are the unique ids of the groups that a user is in, sorted: a group's other
	// name changes nothing here. Directory.GroupsOf has the groups.
	Groups []string `json:",omitzero"`
	// Tags are the user's or role's. No two keys differ in case alone.
	Tags map[string]string `json:",omitzero"`
	// Trust is who may assume a role: the document of its trust policy.
	Trust string `json:",omitzero"`
	// Trusted are the unique ids of those whom Trust names, by the ARNs that they had when
	// it was written.
	Trusted map[string]string `json:",omitzero"`
	// Description and MaxSessionSeconds are a role's: see SessionLimit.
	Description       string `json:",omitzero"`
	MaxSessionSeconds int32  `json:",omitzero"`
	// From says what made the principal, and may take it away: empty for the command
	// line. A fixed key belongs to whatever its principal belongs to.
	From string `json:",omitzero"`
}

// ARN is the principal's name in policies.
func (p *Principal) ARN() string {
	resource := string(p.Kind)
	if p.Kind != Root {
		resource += cmp.Or(p.Path, "/") + p.Name
	}
	return arn.ARN{Partition: "aws", Service: "iam", Account: p.Account, Resource: resource}.String()
}

// AccessKey is the record of one access key. Secret and SessionToken are plaintext
// here: the record is sealed as every record is.
type AccessKey struct {
	ID           string
	Secret       []byte
	SessionToken []byte    `json:",omitzero"`
	Expires      time.Time `json:",omitzero"`
	Inactive     bool      `json:",omitzero"`
	Created      time.Time
	Account      string
	Kind         Kind
	Name         string
	// Session is the name of the role's session. Empty but for a role.
	Session string `json:",omitzero"`
	// PrincipalID is the unique id of a session's principal: another one of the same name
	// is not the one whose session it is. Empty asks for the name alone.
	PrincipalID string `json:",omitzero"`
	// Terms are what else a session was made with. Nil for none.
	Terms *Terms `json:",omitzero"`
	// Fixed says that the key's id and secret were given, and not made here.
	Fixed bool `json:",omitzero"`
}

// Terms are what a session was made with, and keeps for its life (STS API Reference,
// AssumeRole, AssumeRoleWithWebIdentity and GetFederationToken).
type Terms struct {
	// Federated is the name that GetFederationToken gave the session of a user. Empty
	// for other sessions.
	Federated string `json:",omitzero"`
	// Policies are the documents of session policies, and PolicyARNs name managed ones.
	Policies   []string `json:",omitzero"`
	PolicyARNs []string `json:",omitzero"`
	// Tags are the session's own, which come before those of its role or user.
	// Transitive are the keys of those that pass on to the next role of a chain.
	Tags           map[string]string `json:",omitzero"`
	Transitive     []string          `json:",omitzero"`
	SourceIdentity string            `json:",omitzero"`
	// Provider is who vouched for a web identity: the issuer of its token.
	Provider string `json:",omitzero"`
}

// Group is the record of a group of users, who have its policies. Members are with the
// users: see Principal.Groups.
type Group struct {
	Account, Name string
	Path          string `json:",omitzero"`
	ID            string // AGPA…
	Created       time.Time
	Policies      map[string]string `json:",omitzero"`
	Attached      []string          `json:",omitzero"`
}

// ARN is the group's name in IAM's API. Policies can't name a group as a principal.
func (g *Group) ARN() string {
	return arn.ARN{Partition: "aws", Service: "iam", Account: g.Account, Resource: "group" + cmp.Or(g.Path, "/") + g.Name}.String()
}

// ManagedPolicy is the record of a customer managed policy with its versions.
type ManagedPolicy struct {
	Account, Name    string
	Path             string `json:",omitzero"`
	ID               string // ANPA…
	Description      string `json:",omitzero"`
	Created, Updated time.Time
	Tags             map[string]string `json:",omitzero"`
	// Default is the id of the version that holds, and Versions are all there are, oldest
	// first. Last is the number of the newest one there ever was.
	Default  string
	Versions []PolicyVersion
	Last     int
}

// PolicyVersion is one text of a managed policy.
type PolicyVersion struct {
	ID       string // v1
	Document string
	Created  time.Time
}

// ARN is the policy's name, by which it is attached.
func (p *ManagedPolicy) ARN() string {
	return arn.ARN{Partition: "aws", Service: "iam", Account: p.Account, Resource: "policy" + cmp.Or(p.Path, "/") + p.Name}.String()
}

// Version returns the version with that id, or nil.
func (p *ManagedPolicy) Version(id string) *PolicyVersion {
	i := slices.IndexFunc(p.Versions, func(v PolicyVersion) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return &p.Versions[i]
}

// Account is the record of what an account has once.
type Account struct {
	// Alias is the account's alias, or empty.
	Alias string `json:",omitzero"`
	// Revision is another after each change of a group or a managed policy.
	Revision string
}

// Format keeps the record's secrets out of logs.
func (k AccessKey) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "access key %s of %s %s", k.ID, k.Kind, k.Name)
}

// GrantedKey is a new access key with its secret, which is shown this once.
type GrantedKey struct {
	ID           string
	Secret       secret.Value
	SessionToken secret.Value
	Expires      time.Time
}
