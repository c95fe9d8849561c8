// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// Key is the record of one KMS key. Its material is plaintext in here: the record is
// sealed as every record is.
type Key struct {
	Account, Region string
	ID              string
	Created         time.Time
	State           string // of kms.KeyState…
	Manager         string // of kms.KeyManagerType…
	Service         string `json:",omitzero"` // whose AWS managed key it is
	Spec            string // of kms.KeySpec…
	Usage           string // of kms.KeyUsageType…
	Origin          string // of kms.OriginType…
	Description     string `json:",omitzero"`
	MultiRegion     bool   `json:",omitzero"`
	// Policy is the key policy as it was given. Empty means the default one.
	Policy       string            `json:",omitzero"`
	Tags         map[string]string `json:",omitzero"`
	DeletionDate time.Time         `json:",omitzero"`
	// Material has the generations, the newest last.
	Material []Material

	// compiled is the key policy for decisions. Nil for the default one.
	compiled *policy.Attached
}

// owner is the record of whose a key is.
type owner struct{ Account string }

// resourceType is CloudTrail's name of a key.
const resourceType = "AWS::KMS::Key"

// ARN is the key's name in its call's partition and region.
func (k *Key) ARN(call *gate.Call) string { return keyARN(call.InAccount(k.Account), k.ID) }

func keyARN(call *gate.Call, id string) string { return call.ARN("kms", "key/"+id) }

// current is the generation that encrypts.
func (k *Key) current() *Material { return &k.Material[len(k.Material)-1] }

// usable refuses a key whose state forbids cryptographic use (AWS KMS Developer Guide,
// "Key states of AWS KMS keys").
func (k *Key) usable(call *gate.Call) error {
	if k.State == kms.KeyStateDisabled {
		return kms.DisabledException.Newf("%s is disabled.", k.ARN(call))
	}
	return k.mutable(call)
}

// mutable refuses a key whose state forbids changes, which a disabled key allows.
func (k *Key) mutable(call *gate.Call) error {
	switch k.State {
	case kms.KeyStateEnabled, kms.KeyStateDisabled:
		return nil
	case kms.KeyStatePendingDeletion:
		return kms.KMSInvalidStateException.Newf("%s is pending deletion.", k.ARN(call))
	case kms.KeyStatePendingImport:
		return kms.KMSInvalidStateException.Newf("%s is pending import.", k.ARN(call))
	}
	return kms.KMSInvalidStateException.Newf("%s is in the state %s, which is not valid for this operation.", k.ARN(call), k.State)
}

// metadata is the key as CreateKey and DescribeKey show it.
func (k *Key) metadata(call *gate.Call) *kms.KeyMetadata {
	name := k.ARN(call)
	m := &kms.KeyMetadata{
		AWSAccountId: &k.Account, KeyId: &k.ID, Arn: &name,
		CreationDate: new(api.Time{Time: k.Created}), Description: &k.Description,
		Enabled: new(k.State == kms.KeyStateEnabled), KeyState: &k.State,
		KeyManager: &k.Manager, KeySpec: &k.Spec, CustomerMasterKeySpec: &k.Spec, KeyUsage: &k.Usage,
		Origin: &k.Origin, MultiRegion: &k.MultiRegion,
	}
	algorithms := keySpecs[k.Spec].algorithms[k.Usage]
	switch k.Usage {
	case kms.KeyUsageTypeEncryptDecrypt:
		m.EncryptionAlgorithms = algorithms
	case kms.KeyUsageTypeSignVerify:
		m.SigningAlgorithms = algorithms
	case kms.KeyUsageTypeGenerateVerifyMAC:
		m.MacAlgorithms = algorithms
	case kms.KeyUsageTypeKeyAgreement:
		m.KeyAgreementAlgorithms = algorithms
	}
	if k.Spec == kms.KeySpecSymmetricDefault {
		m.CurrentKeyMaterialId = &k.current().ID
	}
	if !k.DeletionDate.IsZero() {
		m.DeletionDate = new(api.Time{Time: k.DeletionDate})
	}
	if k.MultiRegion {
		m.MultiRegionConfiguration = &kms.MultiRegionConfiguration{
			MultiRegionKeyType: new(kms.MultiRegionKeyTypePrimary),
			PrimaryKey:         &kms.MultiRegionKey{Arn: &name, Region: &k.Region},
			ReplicaKeys:        []kms.MultiRegionKey{},
		}
	}
	return m
}

const multiRegionPrefix = "mrk-"

// uuidLen is the length of a UUID in bytes, which all key ids are written from.
const uuidLen = 16

// newKeyID returns a random key id.
func newKeyID(multiRegion bool) string {
	var u [uuidLen]byte
	_, _ = rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return formatKeyID(u, multiRegion)
}

// formatKeyID writes a UUID, or, for a multi-Region key, AWS's form "mrk-" with 32
// hexadecimal digits.
func formatKeyID(u [uuidLen]byte, multiRegion bool) string {
	var b [36]byte // of both forms
	if multiRegion {
		copy(b[:], multiRegionPrefix)
		hex.Encode(b[len(multiRegionPrefix):], u[:])
		return string(b[:])
	}
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	hex.Encode(b[:], u[:4])
	hex.Encode(b[9:], u[4:6])
	hex.Encode(b[14:], u[6:8])
	hex.Encode(b[19:], u[8:10])
	hex.Encode(b[24:], u[10:])
	return string(b[:])
}

// parseKeyID reads what formatKeyID writes, and nothing else.
func parseKeyID(id string) (u [uuidLen]byte, multiRegion, ok bool) {
	if len(id) != 36 {
		return u, false, false
	}
	digits, multiRegion := strings.CutPrefix(id, multiRegionPrefix)
	if !multiRegion {
		if id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
			return u, false, false
		}
		digits = id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
	}
	_, err := hex.Decode(u[:], []byte(digits))
	return u, multiRegion, err == nil && strings.ToLower(digits) == digits
}
