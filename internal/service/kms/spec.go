// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
)

// keySpec is what a key spec allows (AWS KMS Developer Guide, "Key spec reference").
type keySpec struct {
	// algorithms are those of each key usage, in AWS's order.
	algorithms map[string][]string
	// generate makes the key material. Nil for specs that the standard library has
	// no key for.
	generate func() ([]byte, error)
	// slow says that it takes so long that few may run at once.
	slow bool
}

// symmetricLen is the length of a symmetric encryption key's material in bytes.
const symmetricLen = 32

var (
	rsaEncryption = []string{kms.EncryptionAlgorithmSpecRSAESOAEPSHA1, kms.EncryptionAlgorithmSpecRSAESOAEPSHA256}
	rsaSigning    = []string{
		kms.SigningAlgorithmSpecRSASSAPKCS1V15SHA256, kms.SigningAlgorithmSpecRSASSAPKCS1V15SHA384, kms.SigningAlgorithmSpecRSASSAPKCS1V15SHA512,
		kms.SigningAlgorithmSpecRSASSAPSSSHA256, kms.SigningAlgorithmSpecRSASSAPSSSHA384, kms.SigningAlgorithmSpecRSASSAPSSSHA512,
	}
)

// keySpecs are AWS's key specs.
var keySpecs = map[string]keySpec{
	kms.KeySpecSymmetricDefault: {
		algorithms: map[string][]string{kms.KeyUsageTypeEncryptDecrypt: {kms.EncryptionAlgorithmSpecSymmetricDefault}},
		generate:   randomBytes(symmetricLen),
	},
	kms.KeySpecRSA2048:             rsaSpec(2048),
	kms.KeySpecRSA3072:             rsaSpec(3072),
	kms.KeySpecRSA4096:             rsaSpec(4096),
	kms.KeySpecECCNISTP256:         curveSpec(elliptic.P256(), kms.SigningAlgorithmSpecECDSASHA256),
	kms.KeySpecECCNISTP384:         curveSpec(elliptic.P384(), kms.SigningAlgorithmSpecECDSASHA384),
	kms.KeySpecECCNISTP521:         curveSpec(elliptic.P521(), kms.SigningAlgorithmSpecECDSASHA512),
	kms.KeySpecECCNISTEDWARDS25519: edwardsSpec(),
	kms.KeySpecHMAC224:             macSpec(224/8, kms.MacAlgorithmSpecHMACSHA224),
	kms.KeySpecHMAC256:             macSpec(256/8, kms.MacAlgorithmSpecHMACSHA256),
	kms.KeySpecHMAC384:             macSpec(384/8, kms.MacAlgorithmSpecHMACSHA384),
	kms.KeySpecHMAC512:             macSpec(512/8, kms.MacAlgorithmSpecHMACSHA512),
	kms.KeySpecECCSECGP256K1:       signSpec(kms.SigningAlgorithmSpecECDSASHA256),
	kms.KeySpecMLDSA44:             signSpec(kms.SigningAlgorithmSpecMLDSAShake256),
	kms.KeySpecMLDSA65:             signSpec(kms.SigningAlgorithmSpecMLDSAShake256),
	kms.KeySpecMLDSA87:             signSpec(kms.SigningAlgorithmSpecMLDSAShake256),
	kms.KeySpecSM2: {algorithms: map[string][]string{
		kms.KeyUsageTypeEncryptDecrypt: {kms.EncryptionAlgorithmSpecSM2PKE},
		kms.KeyUsageTypeSignVerify:     {kms.SigningAlgorithmSpecSM2DSA},
		kms.KeyUsageTypeKeyAgreement:   {kms.KeyAgreementAlgorithmSpecECDH},
	}},
}

func rsaSpec(bits int) keySpec {
	return keySpec{
		algorithms: map[string][]string{kms.KeyUsageTypeEncryptDecrypt: rsaEncryption, kms.KeyUsageTypeSignVerify: rsaSigning},
		slow:       true,
		generate: func() ([]byte, error) {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				return nil, err
			}
			return x509.MarshalPKCS8PrivateKey(key)
		},
	}
}

func curveSpec(curve elliptic.Curve, signing string) keySpec {
	return keySpec{
		algorithms: map[string][]string{
			kms.KeyUsageTypeSignVerify:   {signing},
			kms.KeyUsageTypeKeyAgreement: {kms.KeyAgreementAlgorithmSpecECDH},
		},
		generate: func() ([]byte, error) {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				return nil, err
			}
			return x509.MarshalPKCS8PrivateKey(key)
		},
	}
}

func edwardsSpec() keySpec {
	spec := signSpec(kms.SigningAlgorithmSpecED25519SHA512, kms.SigningAlgorithmSpecED25519PHSHA512)
	spec.generate = func() ([]byte, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		return x509.MarshalPKCS8PrivateKey(key)
	}
	return spec
}

func signSpec(algorithms ...string) keySpec {
	return keySpec{algorithms: map[string][]string{kms.KeyUsageTypeSignVerify: algorithms}}
}

func macSpec(length int, algorithm string) keySpec {
	return keySpec{
		algorithms: map[string][]string{kms.KeyUsageTypeGenerateVerifyMAC: {algorithm}},
		generate:   randomBytes(length),
	}
}

func randomBytes(n int) func() ([]byte, error) {
	return func() ([]byte, error) {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b, nil
	}
}

// chosenSpec returns the key spec and usage that CreateKey asks for.
func chosenSpec(in *kms.CreateKeyInput) (spec, usage string, err error) {
	spec = kms.KeySpecSymmetricDefault
	switch {
	case in.KeySpec != nil && in.CustomerMasterKeySpec != nil:
		return "", "", api.ValidationException.New("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	case in.KeySpec != nil:
		spec = *in.KeySpec
	case in.CustomerMasterKeySpec != nil:
		spec = *in.CustomerMasterKeySpec
	}
	switch {
	case in.KeyUsage != nil:
		usage = *in.KeyUsage
	case spec == kms.KeySpecSymmetricDefault:
		usage = kms.KeyUsageTypeEncryptDecrypt
	default:
		return "", "", api.ValidationException.New("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	}
	known := keySpecs[spec]
	switch {
	case known.algorithms[usage] == nil:
		return "", "", api.ValidationException.Newf("KeyUsage %s is not compatible with KeySpec %s", usage, spec)
	case known.generate == nil:
		return "", "", kms.UnsupportedOperationException.Newf("This server can't make keys of the key spec %s.", spec)
	}
	return spec, usage, nil
}
