// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// The states of a key that this version knows (AWS KMS Developer Guide, "Key states").
const (
	stateEnabled         = "Enabled"
	stateDisabled        = "Disabled"
	statePendingDeletion = "PendingDeletion"
)

// The values of KeyManager.
const (
	managerAWS      = "AWS"
	managerCustomer = "CUSTOMER"
)

// Key is the record of one KMS key. The material is plaintext here: the record is
// sealed as every record is.
type Key struct {
	Account, Region string
	ID              string
	Created         time.Time
	State           string
	Manager         string
	Service         string `json:",omitzero"` // whose AWS managed key it is
	Spec            string
	Usage           string
	Origin          string
	Description     string            `json:",omitzero"`
	MultiRegion     bool              `json:",omitzero"`
	Policy          string            `json:",omitzero"`
	Tags            map[string]string `json:",omitzero"`
	DeletionDate    time.Time         `json:",omitzero"`
	Material        []Material
}

// Material is one generation of a key's material: 32 bytes for a symmetric key, the
// HMAC key's bytes, or a private key in PKCS #8.
type Material struct {
	Created time.Time
	Bytes   []byte
}

// ID is what AWS shows of key material (KeyMaterialId): 64 hexadecimal digits.
func (m *Material) ID() string {
	sum := sha256.Sum256(append([]byte("coffer key material id\x00"), m.Bytes...))
	return hex.EncodeToString(sum[:])
}

// Format keeps the record's material out of logs.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "KMS key %s", k.ID) }

// ARN is the key's name in its call's partition.
func (k *Key) ARN(call *gate.Call) string { return call.ARN("kms", "key/"+k.ID) }

// target is the key for a decision. The key policy of an AWS managed key lets every
// principal of the account use it through the service that it belongs to, and only so
// (AWS KMS Developer Guide, "AWS managed keys"): nobody needs a permission of KMS to
// read a secret under the default key.
func (k *Key) target(call *gate.Call) gate.Target {
	return gate.Target{
		ARN: k.ARN(call), Type: "AWS::KMS::Key",
		Granted: k.Manager == managerAWS && k.Service != "" && call.Via == k.Service+"."+call.Region+".amazonaws.com",
	}
}

// usable refuses a key whose state forbids cryptographic use.
func (k *Key) usable(call *gate.Call) error {
	switch k.State {
	case stateEnabled:
		return nil
	case stateDisabled:
		return kms.DisabledException.Newf("%s is disabled.", k.ARN(call))
	case statePendingDeletion:
		return kms.KMSInvalidStateException.Newf("%s is pending deletion.", k.ARN(call))
	}
	return kms.KMSInvalidStateException.Newf("%s is in state %s.", k.ARN(call), k.State)
}

// Alias is the record of one alias. The name begins with "alias/".
type Alias struct {
	Name             string
	KeyID            string
	Created, Updated time.Time
}

// newKeyID returns a UUID, or, for a multi-Region key, AWS's form "mrk-" with 32
// hexadecimal digits.
func newKeyID(multiRegion bool) string {
	var u [16]byte
	_, _ = rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	if multiRegion {
		return "mrk-" + hex.EncodeToString(u[:])
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// EnsureManaged returns the id of the account's AWS managed key behind an alias such
// as "alias/aws/secretsmanager", making it on first use, as AWS does.
func (s *Service) EnsureManaged(tx kv.Tx, call *gate.Call, alias string) (string, error) {
	old, err := s.aliases.Get(tx, call.Account, call.Region, alias)
	if err != nil {
		return "", err
	}
	if old != nil {
		return old.KeyID, nil
	}
	material := make([]byte, 32)
	_, _ = rand.Read(material)
	k := &Key{
		Account: call.Account, Region: call.Region, ID: newKeyID(false), Created: call.Time.UTC(),
		State: stateEnabled, Manager: managerAWS, Service: strings.TrimPrefix(alias, "alias/aws/"), Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS",
		Description: managedDescriptions[alias],
		Material:    []Material{{call.Time.UTC(), material}},
	}
	if err := s.keys.Put(tx, k, k.Account, k.Region, k.ID); err != nil {
		return "", err
	}
	a := &Alias{Name: alias, KeyID: k.ID, Created: k.Created, Updated: k.Created}
	return k.ID, s.aliases.Put(tx, a, k.Account, k.Region, alias)
}

// The aliases of the AWS managed keys that other services encrypt under by default.
const (
	AliasSecretsManager = "alias/aws/secretsmanager"
	AliasSSM            = "alias/aws/ssm"
)

// managedDescriptions are the descriptions that AWS gives those keys.
var managedDescriptions = map[string]string{
	AliasSecretsManager: "Default key that protects my Secrets Manager data when no other key is defined",
	AliasSSM:            "Default key that protects my SSM Parameters when no other key is defined",
}
