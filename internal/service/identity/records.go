// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity keeps who may call: the root of each account, users, roles, and
// the access keys that stand for them, with their policies. It implements the
// gate's Directory, and serves STS.
//
// A principal is a record; an access key is a record that names its principal.
// Both are read from the store on every call, so that what is withdrawn is refused
// at once, and decoded and compiled only when they changed.
package identity

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
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

// Principal is the record of one principal.
type Principal struct {
	Account string
	Kind    Kind
	// Name is the friendly name; for the root it is "root".
	Name string
	// ID is AWS's unique id: the account for the root, AIDA… for a user, AROA… for a role.
	ID      string
	Created time.Time
	// Policies are the inline policies by name, as JSON documents.
	Policies map[string]string
	// From says what made the principal, and may take it away: empty for the command
	// line. A fixed key belongs to whatever its principal belongs to.
	From string `json:",omitzero"`
}

// ARN is the principal's name in policies.
func (p *Principal) ARN() string {
	resource := string(p.Kind)
	if p.Kind != Root {
		resource += "/" + p.Name
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
	// Fixed says that the key's id and secret were given, and not made here.
	Fixed bool `json:",omitzero"`
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

// AWS's prefixes of unique ids (IAM User Guide, "IAM identifiers").
const (
	prefixUser      = "AIDA"
	prefixRole      = "AROA"
	prefixLongLived = "AKIA"
	prefixTemporary = "ASIA"
)

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// uniqueID returns a prefix followed by n random characters.
func uniqueID(prefix string, n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	for i := range b {
		b[i] = idAlphabet[b[i]%32]
	}
	return prefix + string(b)
}

// newSecret returns 40 characters of base64, the form of AWS's secret keys.
func newSecret() []byte {
	b := make([]byte, 30)
	_, _ = rand.Read(b)
	return base64.StdEncoding.AppendEncode(nil, b)
}
