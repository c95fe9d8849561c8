// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// Material is one generation of a key's material. Nothing prints its bytes: only the
// record that the store seals has them.
type Material struct {
	// ID is AWS's KeyMaterialId: 64 hexadecimal digits.
	ID      string
	Created time.Time
	// Secret is 32 bytes for a symmetric encryption key, the HMAC key's bytes, or a
	// private key in PKCS #8.
	Secret secret.Value
}

// newMaterial takes over the bytes.
func newMaterial(bytes []byte, created time.Time) Material {
	h := sha256.New()
	h.Write([]byte("coffer key material id\x00"))
	h.Write(bytes)
	return Material{ID: hex.EncodeToString(h.Sum(nil)), Created: created, Secret: secret.New(bytes)}
}

// materialRecord is Material as it is stored.
type materialRecord struct {
	ID      string
	Created time.Time
	Bytes   []byte
}

// MarshalJSONTo implements json.MarshalerTo, for the record. It is this way of
// marshalling, and not MarshalJSON, because no logger knows it.
func (m Material) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, materialRecord{m.ID, m.Created, m.Secret.Reveal()})
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (m *Material) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var r materialRecord
	if err := json.UnmarshalDecode(dec, &r); err != nil {
		return errors.New("kms: not a record of key material") // the cause may quote it
	}
	*m = Material{ID: r.ID, Created: r.Created, Secret: secret.New(r.Bytes)}
	return nil
}
