// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // SHA-256
	_ "crypto/sha512" // SHA-384 and SHA-512
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxKeys is how many keys of a set are looked at (IAM User Guide, "Create an OpenID
	// Connect (OIDC) identity provider in IAM": up to 100 RSA keys and 100 EC keys).
	maxKeys = 200
	// minRSA and maxRSA bound an RSA key, in bits: less is not safe (RFC 7518, section
	// 3.3), and more would cost us too much.
	minRSA, maxRSA = 2048, 8192
)

// algorithm is a way to sign (RFC 7518, section 3.1).
type algorithm struct {
	hash  crypto.Hash
	curve elliptic.Curve // nil for RSA
}

// algorithms are those that AWS STS takes.
var algorithms = map[string]*algorithm{
	"RS256": {crypto.SHA256, nil},
	"RS384": {crypto.SHA384, nil},
	"RS512": {crypto.SHA512, nil},
	"ES256": {crypto.SHA256, elliptic.P256()},
	"ES384": {crypto.SHA384, elliptic.P384()},
	"ES512": {crypto.SHA512, elliptic.P521()},
}

// key is a key of an issuer's.
type key struct {
	public    crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
	algorithm string           // the only one that it is for, or empty
}

// fits reports whether signatures of that kind are made with such a key.
func (k *key) fits(name string) bool {
	a := algorithms[name]
	if a == nil || k.algorithm != "" && k.algorithm != name {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return a.curve == nil
	case *ecdsa.PublicKey:
		return a.curve == public.Curve
	}
	return false
}

// verify reports whether the signature is the key's, which fits.
func (k *key) verify(name string, signed, signature []byte) bool {
	a := algorithms[name]
	h := a.hash.New()
	h.Write(signed)
	digest := h.Sum(nil)
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, a.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := (public.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(public, digest, r, s)
	}
	return false
}

// parseKeys reads a set of keys (RFC 7517), by key id. Those that no token can be signed
// with are left out, as an issuer may have others.
func parseKeys(raw []byte) (map[string][]*key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	// An issuer whose documents have names twice would not be the only one who reads them
	// otherwise than we do.
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, err
	}
	keys := map[string][]*key{}
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var j jwk
		if json.Unmarshal(raw, &j) != nil || j.ID == "" || !j.verifies() {
			continue
		}
		k := &key{algorithm: j.Algorithm}
		switch j.Type {
		case "RSA":
			k.public = j.rsa()
		case "EC":
			k.public = j.ec()
		}
		if k.public != nil {
			keys[j.ID] = append(keys[j.ID], k)
		}
	}
	return keys, nil
}

// jwk is a JSON Web Key.
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	Modulus    string   `json:"n"`
	Exponent   string   `json:"e"`
	Curve      string   `json:"crv"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
}

// verifies reports whether the key is there for signatures.
func (j *jwk) verifies() bool {
	return (j.Use == "" || j.Use == "sig") && (len(j.Operations) == 0 || slices.Contains(j.Operations, "verify"))
}

// rsa returns the key, or nil when it is none.
func (j *jwk) rsa() crypto.PublicKey {
	n, err := decode([]byte(j.Modulus))
	if err != nil || len(n) > maxRSA/8 {
		return nil
	}
	e, err := decode([]byte(j.Exponent))
	if err != nil || len(e) > 4 {
		return nil
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if public.N.BitLen() < minRSA || public.N.Bit(0) == 0 || public.E < 3 || public.E%2 == 0 || public.E > 1<<31-1 {
		return nil
	}
	return public
}

// ec returns the key, or nil when it is none: when its point is not on the curve, above all.
func (j *jwk) ec() crypto.PublicKey {
	var curve elliptic.Curve
	for _, a := range algorithms {
		if a.curve != nil && a.curve.Params().Name == j.Curve {
			curve = a.curve
		}
	}
	if curve == nil {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	point := []byte{4} // uncompressed
	for _, text := range []string{j.X, j.Y} {
		coordinate, err := decode([]byte(text))
		if err != nil || len(coordinate) != size {
			return nil
		}
		point = append(point, coordinate...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil
	}
	return public
}
