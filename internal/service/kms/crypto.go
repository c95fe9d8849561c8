// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"errors"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// bindCrypto binds the operations that encrypt and decrypt. They are the hot path of
// every read of a secret, so they find their key once, and take the decision with it:
// all do it by use or, for a ciphertext without a key id, by useOf.
func (s *Service) bindCrypto(g *gate.Gate) {
	gate.Read(g, kms.Encrypt, gate.Row[kms.EncryptInput]{Access: gate.AccessWrite, PerItem: true}, s.encrypt)
	gate.Read(g, kms.Decrypt, gate.Row[kms.DecryptInput]{Access: gate.AccessWrite, PerItem: true}, s.decrypt)
	gate.Read(g, kms.GenerateDataKey, gate.Row[kms.GenerateDataKeyInput]{Access: gate.AccessWrite, PerItem: true}, s.generateDataKey)
	gate.Read(g, kms.GenerateDataKeyWithoutPlaintext, gate.Row[kms.GenerateDataKeyWithoutPlaintextInput]{
		Access: gate.AccessWrite, PerItem: true,
	}, s.generateDataKeyWithoutPlaintext)
}

// request is what the cryptographic operations have in common.
type request struct {
	keyID       string
	grantTokens []string
	recipient   *kms.RecipientInfo
	dryRun      *bool
	// context is the encryption context, and algorithm that of the encryption, if
	// policies are told of it.
	context   map[string]string
	algorithm string
}

// use returns the key of a cryptographic operation, once the caller was allowed to use
// it and its state allows that.
func (s *Service) use(r kv.Reader, call *gate.Call, q request) (*Key, error) {
	k, missing := s.find(r, call, q.keyID)
	target, err := targetOf(call, q.keyID, k, missing)
	if err != nil {
		return nil, err
	}
	target = s.known(r, call, target, conditions{key: k, asked: q.keyID, context: q.context, algorithm: q.algorithm})
	if err := call.Authorize(call.Action(), target); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	return k, k.ready(call, q)
}

// useOf is use for the key that a ciphertext names. One that does not exist here is
// refused like one that the caller may not use.
func (s *Service) useOf(r kv.Reader, call *gate.Call, h *header, q request) (*Key, error) {
	id := h.keyID()
	k, err := s.named(r, call, id)
	if err != nil {
		return nil, err
	}
	var target gate.Target
	if k != nil {
		target = k.target(call)
	} else {
		target.ARN = keyARN(call, id)
	}
	if k == nil || k.Account != call.Principal.Account { // neither is told from the other
		target.Asked, target.Refused = keyARN(call, id), errNoKey
	}
	target = s.known(r, call, target, conditions{key: k, context: q.context, algorithm: q.algorithm})
	if err := call.Authorize(call.Action(), target); err != nil {
		return nil, err
	}
	if k == nil {
		return nil, errNoKey
	}
	return k, k.ready(call, q)
}

// errNoKey refuses a ciphertext whose key is not to be had.
var errNoKey = api.AccessDeniedException.New("The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")

// named returns the key with the id that a ciphertext has, in whatever account it is. It
// is nil if there is none in the region.
func (s *Service) named(r kv.Reader, call *gate.Call, id string) (*Key, error) {
	k, err := s.keys.Get(r, call.Account, call.Region, id)
	if err != nil || k != nil {
		return k, err
	}
	of, err := s.owners.Get(r, call.Region, id)
	if err != nil || of == nil {
		return nil, err
	}
	return s.keys.Get(r, of.Account, call.Region, id)
}

// ready refuses what an allowed caller can't do with the key.
func (k *Key) ready(call *gate.Call, q request) error {
	switch {
	case q.recipient != nil:
		return kms.UnsupportedOperationException.New("This server does not verify attestation documents, so it takes no Recipient.")
	}
	if err := checkTokens(q.grantTokens); err != nil {
		return err
	}
	return k.usable(call)
}

// rehearsed ends a dry run, when all that could refuse the call has been passed.
func (q *request) rehearsed() error { return rehearsed(q.dryRun) }

func rehearsed(dryRun *bool) error {
	if dryRun != nil && *dryRun {
		return kms.DryRunOperationException.New("The request would have succeeded, but the DryRun option is set.")
	}
	return nil
}

// encrypts refuses an operation that the key's usage or spec does not allow with the
// algorithm.
func (k *Key) encrypts(call *gate.Call, algorithm string) error {
	if k.Usage != kms.KeyUsageTypeEncryptDecrypt {
		return kms.InvalidKeyUsageException.Newf("%s key usage is %s which is not valid for %s.", k.ARN(call), k.Usage, strings.TrimPrefix(call.Action(), "kms:"))
	}
	if !slices.Contains(keySpecs[k.Spec].algorithms[k.Usage], algorithm) {
		return kms.InvalidKeyUsageException.Newf("Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
	}
	return nil
}

// orSymmetric is the algorithm that a request names, or the default.
func orSymmetric(algorithm *string) string {
	if algorithm == nil {
		return kms.EncryptionAlgorithmSpecSymmetricDefault
	}
	return *algorithm
}

// noContext refuses an encryption context that could not be held.
func noContext(algorithm string, context map[string]string) error {
	if algorithm != kms.EncryptionAlgorithmSpecSymmetricDefault && len(context) > 0 {
		return api.ValidationException.Newf("An encryption context is not supported with the algorithm %s.", algorithm)
	}
	return nil
}

// opened is the answer to a ciphertext that can't be decrypted. AWS gives no reason.
func opened(err error) error {
	if errors.Is(err, errCiphertext) {
		return kms.InvalidCiphertextException.New("")
	}
	return err
}
