// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// maxSessionToken bounds the token that a request brings, in characters: of a session
// with all the policies and tags that it may have.
const maxSessionToken = 16 << 10

func newTokens(key [32]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a length that AES takes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // the cipher is AES
	}
	return aead
}

// NewSession asks for a session of a principal.
type NewSession struct {
	// Session is the name of a role's session, which has been checked. Empty for others.
	Session  string
	Duration time.Duration
	Terms    Terms
}

// StartSession makes temporary credentials of a principal that exists. They are in no
// record: the token holds them, sealed, and ends with them. They end before, when the
// principal is gone.
func (d *Directory) StartSession(p *Principal, n NewSession, now time.Time) (*GrantedKey, error) {
	id, err := sessionKeyID(p.Account)
	if err != nil {
		return nil, err
	}
	key := &AccessKey{
		ID: id, Secret: newSecret(), Created: now.UTC(), Expires: now.UTC().Add(n.Duration),
		Account: p.Account, Kind: p.Kind, Name: p.Name, PrincipalID: p.ID, Session: n.Session, Terms: &n.Terms,
	}
	plain, err := json.Marshal(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a session: %w", err)
	}
	defer clear(plain)
	token := base64.StdEncoding.AppendEncode(nil, d.tokens.Seal(nil, nil, plain, []byte(key.ID)))
	return &GrantedKey{ID: key.ID, Secret: secret.New(key.Secret), SessionToken: secret.New(token), Expires: key.Expires}, nil
}

// carried returns the key that a session token holds, or nil when it holds none. It is
// the one that is known if that came with the same token.
func (d *Directory) carried(known *built, accessKeyID, token string) *AccessKey {
	if token == "" || len(token) > maxSessionToken {
		return nil
	}
	if known != nil && subtle.ConstantTimeCompare(known.key.SessionToken, []byte(token)) == 1 {
		return known.key
	}
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil
	}
	plain, err := d.tokens.Open(nil, nil, sealed, []byte(accessKeyID))
	if err != nil {
		return nil
	}
	defer clear(plain)
	key := new(AccessKey)
	if err := json.Unmarshal(plain, key); err != nil || key.ID != accessKeyID {
		return nil
	}
	key.SessionToken = []byte(token)
	return key
}
