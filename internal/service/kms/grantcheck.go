// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

const (
	// maxConstraintPairs is how many pairs of an encryption context a grant's constraint
	// may have, and maxConstraintValue how many characters a value has at most (KMS API
	// Reference, CreateGrant).
	maxConstraintPairs = 8
	maxConstraintValue = 384
)

// The operations that a grant may be for, by what the key is for (AWS KMS Developer Guide,
// "Grant operations").
var (
	grantAny        = []string{kms.GrantOperationCreateGrant, kms.GrantOperationRetireGrant, kms.GrantOperationDescribeKey}
	grantEncryption = []string{
		kms.GrantOperationEncrypt, kms.GrantOperationDecrypt, kms.GrantOperationReEncryptFrom, kms.GrantOperationReEncryptTo,
	}
	grantSymmetric = []string{
		kms.GrantOperationGenerateDataKey, kms.GrantOperationGenerateDataKeyWithoutPlaintext,
		kms.GrantOperationGenerateDataKeyPair, kms.GrantOperationGenerateDataKeyPairWithoutPlaintext,
	}
	grantUsage = map[string][]string{
		kms.KeyUsageTypeEncryptDecrypt:    grantEncryption,
		kms.KeyUsageTypeSignVerify:        {kms.GrantOperationSign, kms.GrantOperationVerify},
		kms.KeyUsageTypeGenerateVerifyMAC: {kms.GrantOperationGenerateMac, kms.GrantOperationVerifyMac},
		kms.KeyUsageTypeKeyAgreement:      {kms.GrantOperationDeriveSharedSecret},
	}
)

// grants reports whether a grant on the key may be for the operation.
func (k *Key) grants(operation string) bool {
	symmetric := k.Spec == kms.KeySpecSymmetricDefault
	switch {
	case slices.Contains(grantAny, operation), slices.Contains(grantUsage[k.Usage], operation):
		return true
	case operation == kms.GrantOperationGetPublicKey:
		return !symmetric && k.Usage != kms.KeyUsageTypeGenerateVerifyMAC
	}
	return symmetric && slices.Contains(grantSymmetric, operation)
}

// grantable refuses a grant that can't be made on the key.
func (s *Service) grantable(r kv.Reader, call *gate.Call, k *Key, g *Grant, in *kms.CreateGrantInput) error {
	if err := checkTokens(in.GrantTokens); err != nil {
		return err
	}
	if err := k.usable(call); err != nil {
		return err
	}
	if len(g.Operations) == 0 {
		return api.ValidationException.New("1 validation error detected: Value '[]' at 'operations' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	for _, operation := range g.Operations {
		if !k.grants(operation) {
			return api.ValidationException.Newf("The operation %s is not supported in a grant on a KMS key with the key spec %s and the key usage %s.", operation, k.Spec, k.Usage)
		}
	}
	if in.Constraints != nil {
		if err := k.checkConstraints(in.Constraints); err != nil {
			return err
		}
	}
	if err := s.checkPrincipal(r, g.Grantee); err != nil || g.Retiring == "" {
		return err
	}
	return s.checkPrincipal(r, g.Retiring)
}

// checkConstraints refuses constraints that could not be held, or hold nothing.
func (k *Key) checkConstraints(c *kms.GrantConstraints) error {
	if k.Spec != kms.KeySpecSymmetricDefault {
		return api.ValidationException.Newf("A grant on a KMS key with the key spec %s can't have an encryption context constraint.", k.Spec)
	}
	for _, pairs := range []map[string]string{c.EncryptionContextSubset, c.EncryptionContextEquals} {
		if pairs != nil && len(pairs) == 0 || len(pairs) > maxConstraintPairs {
			return api.ValidationException.Newf("An encryption context constraint has 1 to %d pairs.", maxConstraintPairs)
		}
		for _, value := range pairs {
			if utf8.RuneCountInString(value) > maxConstraintValue {
				return api.ValidationException.Newf("A value of an encryption context constraint has at most %d characters.", maxConstraintValue)
			}
		}
	}
	return nil
}

// checkPrincipal refuses who is not there, and what is none.
func (s *Service) checkPrincipal(r kv.Reader, name string) error {
	exists, err := s.directory.Exists(r, name)
	if err == nil && !exists {
		err = errPrincipal(name)
	}
	return err
}

func errPrincipal(name string) error {
	return kms.InvalidArnException.Newf("ARN does not refer to a valid principal: %s", name)
}

// A grant token is this version, random bytes, and where the grant is. It proves nothing:
// grants are in force as soon as they are made, for whom they name.
const (
	grantTokenVersion = 1
	grantTokenRandom  = 16
)

func newGrantToken(k *Key, id string) string {
	token := make([]byte, 1+grantTokenRandom)
	token[0] = grantTokenVersion
	_, _ = rand.Read(token[1:])
	return base64.RawURLEncoding.EncodeToString(kv.AppendKey(token, k.Account, k.Region, k.ID, id))
}

// grantPlace is what a grant token says.
type grantPlace struct{ account, region, key, grant string }

func parseGrantToken(token string) (grantPlace, error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(raw) > 1+grantTokenRandom && raw[0] == grantTokenVersion {
		at := kv.Split(string(raw[1+grantTokenRandom:]))
		if len(at) == 4 && arn.IsAccount(at[0]) && isGrantID(at[3]) {
			return grantPlace{at[0], at[1], at[2], at[3]}, nil
		}
	}
	return grantPlace{}, kms.InvalidGrantTokenException.New("The grant token is not valid.")
}

// checkTokens refuses what is no grant token. One of a grant that is gone does no harm.
func checkTokens(tokens []string) error {
	for _, token := range tokens {
		if _, err := parseGrantToken(token); err != nil {
			return err
		}
	}
	return nil
}

func isGrantID(id string) bool {
	if len(id) != 2*grantIDLen {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
