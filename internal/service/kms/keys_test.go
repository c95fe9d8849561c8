// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore SA1019 the former names of members are served, and tested, too

package kms_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

var metadata = cmpopts.IgnoreUnexported(types.KeyMetadata{}, types.MultiRegionConfiguration{}, types.MultiRegionKey{})

func TestCreateKeyAnswersAsAWSDoes(t *testing.T) {
	t.Parallel()
	w := serve(t)
	out, err := w.CreateKey(t.Context(), &awskms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	got := out.KeyMetadata
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(*got.KeyId) {
		t.Errorf("key id %s", *got.KeyId)
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(*got.CurrentKeyMaterialId) {
		t.Errorf("key material id %s", *got.CurrentKeyMaterialId)
	}
	want := &types.KeyMetadata{
		AWSAccountId: aws.String(servicetest.Account), KeyId: got.KeyId, Arn: new(arn("key/" + *got.KeyId)),
		CreationDate: &servicetest.Start, CurrentKeyMaterialId: got.CurrentKeyMaterialId,
		CustomerMasterKeySpec: "SYMMETRIC_DEFAULT", Description: new(""), Enabled: true,
		EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{"SYMMETRIC_DEFAULT"},
		KeyManager:           "CUSTOMER", KeySpec: "SYMMETRIC_DEFAULT", KeyState: "Enabled", KeyUsage: "ENCRYPT_DECRYPT",
		MultiRegion: new(false), Origin: "AWS_KMS",
	}
	if diff := cmp.Diff(want, got, metadata); diff != "" {
		t.Errorf("CreateKey (-want +got):\n%s", diff)
	}
	w.Restart()
	again, err := w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: got.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again.KeyMetadata, metadata); diff != "" {
		t.Errorf("DescribeKey after a restart (-want +got):\n%s", diff)
	}
}

func TestMultiRegionKey(t *testing.T) {
	t.Parallel()
	w := serve(t)
	out, err := w.CreateKey(t.Context(), &awskms.CreateKeyInput{MultiRegion: new(true), Description: new("d")})
	if err != nil {
		t.Fatal(err)
	}
	k := out.KeyMetadata
	if !regexp.MustCompile(`^mrk-[0-9a-f]{32}$`).MatchString(*k.KeyId) {
		t.Errorf("key id %s", *k.KeyId)
	}
	want := &types.MultiRegionConfiguration{
		MultiRegionKeyType: "PRIMARY", PrimaryKey: &types.MultiRegionKey{Arn: k.Arn, Region: new(servicetest.Region)},
		ReplicaKeys: []types.MultiRegionKey{},
	}
	if diff := cmp.Diff(want, k.MultiRegionConfiguration, metadata); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	blob := must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})).CiphertextBlob
	if got := must(w.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: blob})); string(got.Plaintext) != "x" || *got.KeyId != *k.Arn {
		t.Errorf("Decrypt: %q by %s", got.Plaintext, *got.KeyId)
	}
}

// TestKeySpecs makes a key of each spec and usage that the KMS Developer Guide's "Key
// spec reference" has and this server can make.
func TestKeySpecs(t *testing.T) {
	t.Parallel()
	w := serve(t)
	for _, c := range []struct {
		spec, usage string
		algorithms  []string
	}{
		{"RSA_2048", "ENCRYPT_DECRYPT", []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}},
		{"RSA_3072", "SIGN_VERIFY", []string{
			"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
			"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
		}},
		{"ECC_NIST_P256", "SIGN_VERIFY", []string{"ECDSA_SHA_256"}},
		{"ECC_NIST_P256", "KEY_AGREEMENT", []string{"ECDH"}},
		{"ECC_NIST_P384", "SIGN_VERIFY", []string{"ECDSA_SHA_384"}},
		{"ECC_NIST_P521", "SIGN_VERIFY", []string{"ECDSA_SHA_512"}},
		{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", []string{"ED25519_SHA_512", "ED25519_PH_SHA_512"}},
		{"HMAC_224", "GENERATE_VERIFY_MAC", []string{"HMAC_SHA_224"}},
		{"HMAC_256", "GENERATE_VERIFY_MAC", []string{"HMAC_SHA_256"}},
		{"HMAC_384", "GENERATE_VERIFY_MAC", []string{"HMAC_SHA_384"}},
		{"HMAC_512", "GENERATE_VERIFY_MAC", []string{"HMAC_SHA_512"}},
	} {
		out, err := w.CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: types.KeySpec(c.spec), KeyUsage: types.KeyUsageType(c.usage)})
		if err != nil {
			t.Errorf("%s, %s: %v", c.spec, c.usage, err)
			continue
		}
		k := out.KeyMetadata
		var got []string
		for _, a := range k.EncryptionAlgorithms {
			got = append(got, string(a))
		}
		for _, a := range k.SigningAlgorithms {
			got = append(got, string(a))
		}
		for _, a := range k.MacAlgorithms {
			got = append(got, string(a))
		}
		for _, a := range k.KeyAgreementAlgorithms {
			got = append(got, string(a))
		}
		if !slices.Equal(got, c.algorithms) || string(k.KeySpec) != c.spec || string(k.CustomerMasterKeySpec) != c.spec ||
			string(k.KeyUsage) != c.usage || k.CurrentKeyMaterialId != nil {
			t.Errorf("%s, %s: got %+v", c.spec, c.usage, k)
		}
	}
}

const rootPolicy = `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow",` +
	`"Principal":{"AWS":"arn:aws:iam::` + servicetest.Account + `:root"},"Action":"kms:*","Resource":"*"}]}`

func tags(n int) (all []types.Tag) {
	for i := range n {
		all = append(all, types.Tag{TagKey: new(fmt.Sprintf("k%d", i)), TagValue: new("")})
	}
	return all
}

func TestCreateKeyTakes(t *testing.T) {
	t.Parallel()
	w := serve(t)
	for name, in := range map[string]awskms.CreateKeyInput{
		"the default policy as text":  {Policy: new(rootPolicy)},
		"the same in other words":     {Policy: new(`{"Statement":{"Effect":"Allow","Principal":{"AWS":["` + servicetest.Account + `"]},"Action":["kms:*"],"Resource":["*"]},"Version":"2012-10-17"}`)},
		"a policy without a version":  {Policy: new(strings.Replace(rootPolicy, `"Version":"2012-10-17",`, "", 1))},
		"a policy without the check":  {Policy: new(rootPolicy), BypassPolicyLockoutSafetyCheck: true},
		"fifty tags":                  {Tags: tags(50)},
		"the former name of the spec": {CustomerMasterKeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC"},
		"all defaults, named":         {KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS"},
		"the longest description":     {Description: new(strings.Repeat("d", 8192))},
	} {
		if _, err := w.CreateKey(t.Context(), &in); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCreateKeyRefuses(t *testing.T) {
	t.Parallel()
	w := serve(t)
	const lockout = "The new key policy will not allow you to update the key policy in the future."
	for name, c := range map[string]struct {
		in            awskms.CreateKeyInput
		code, message string
	}{
		"both names of the spec": {
			awskms.CreateKeyInput{KeySpec: "SYMMETRIC_DEFAULT", CustomerMasterKeySpec: "SYMMETRIC_DEFAULT"},
			"ValidationException",
			"You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
		},
		"no usage": {
			awskms.CreateKeyInput{KeySpec: "HMAC_256"},
			"ValidationException",
			"You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
		},
		"a usage of another spec": {
			awskms.CreateKeyInput{KeyUsage: "SIGN_VERIFY"}, "ValidationException", "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
		},
		"a curve that encrypts": {
			awskms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "ENCRYPT_DECRYPT"},
			"ValidationException",
			"KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_NIST_P256",
		},
		"an unknown spec": {awskms.CreateKeyInput{KeySpec: "RSA_20"}, "ValidationException", ""},
		"secp256k1": {
			awskms.CreateKeyInput{KeySpec: "ECC_SECG_P256K1", KeyUsage: "SIGN_VERIFY"},
			"UnsupportedOperationException",
			"This server can't make keys of the key spec ECC_SECG_P256K1.",
		},
		"SM2":    {awskms.CreateKeyInput{KeySpec: "SM2", KeyUsage: "SIGN_VERIFY"}, "UnsupportedOperationException", "This server can't make keys of the key spec SM2."},
		"ML-DSA": {awskms.CreateKeyInput{KeySpec: "ML_DSA_44", KeyUsage: "SIGN_VERIFY"}, "UnsupportedOperationException", "This server can't make keys of the key spec ML_DSA_44."},
		"imported material": {
			awskms.CreateKeyInput{Origin: "EXTERNAL"}, "UnsupportedOperationException", "This server does not serve keys of the origin EXTERNAL.",
		},
		"a custom key store": {
			awskms.CreateKeyInput{CustomKeyStoreId: new("cks-1")}, "CustomKeyStoreNotFoundException", "Custom key store cks-1 is not found.",
		},
		"an external key": {
			awskms.CreateKeyInput{XksKeyId: new("x")}, "UnsupportedOperationException", "This server has no external key stores, so XksKeyId names nothing.",
		},
		"too many tags":  {awskms.CreateKeyInput{Tags: tags(51)}, "TagException", "Too many tags"},
		"a tag twice":    {awskms.CreateKeyInput{Tags: append(tags(2), tags(1)...)}, "TagException", "Duplicate tag keys"},
		"a tag of AWS's": {awskms.CreateKeyInput{Tags: []types.Tag{{TagKey: new("AWS:x"), TagValue: new("")}}}, "TagException", "Tags beginning with aws: are reserved"},
		"broken JSON":    {awskms.CreateKeyInput{Policy: new(`{"Version":`)}, "MalformedPolicyDocumentException", ""},
		"a policy that is too long": {
			awskms.CreateKeyInput{Policy: new(rootPolicy + strings.Repeat(" ", 32<<10))}, "LimitExceededException", "The key policy is longer than 32768 bytes.",
		},
		"a denial of everything": {
			awskms.CreateKeyInput{Policy: new(strings.Replace(rootPolicy, `}]}`, `},{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}`, 1))},
			"MalformedPolicyDocumentException", lockout,
		},
		"a principal that is not there": {
			awskms.CreateKeyInput{Policy: new(strings.Replace(rootPolicy, ":root", ":user/ada", 1))},
			"MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.",
		},
		"no principal": {
			awskms.CreateKeyInput{Policy: new(servicetest.Allow("*", "kms:*"))},
			"MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.",
		},
		"a service that is none": {
			awskms.CreateKeyInput{Policy: new(strings.Replace(rootPolicy, `{"AWS":"`, `{"Service":"example.com","AWS":"`, 1))},
			"MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.",
		},
		"another account": {
			awskms.CreateKeyInput{Policy: new(strings.Replace(rootPolicy, servicetest.Account, "210987654321", 1))}, "MalformedPolicyDocumentException", lockout,
		},
		"fewer actions": {
			awskms.CreateKeyInput{Policy: new(strings.Replace(rootPolicy, "kms:*", "kms:Encrypt", 1))}, "MalformedPolicyDocumentException", lockout,
		},
		"a condition that is not met": {
			awskms.CreateKeyInput{Policy: new(strings.Replace(rootPolicy, `"Resource":"*"`, `"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`, 1))},
			"MalformedPolicyDocumentException", lockout,
		},
		"a denial": {awskms.CreateKeyInput{Policy: new(strings.Replace(rootPolicy, "Allow", "Deny", 1))}, "MalformedPolicyDocumentException", lockout},
	} {
		_, err := w.CreateKey(t.Context(), &c.in)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		t.Run(name, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
	if keys := w.Keys("kms/key/"); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
}

func TestCreateKeyNeedsPermission(t *testing.T) {
	t.Parallel()
	w := serve(t)
	_, err := w.as("ada").CreateKey(t.Context(), &awskms.CreateKeyInput{})
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:CreateKey", "*"))
	// Nor does the server work on a key for her: it did not even read what she wants.
	_, err = w.as("ada").CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: "RSA_4096", KeyUsage: "KEY_AGREEMENT"})
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:CreateKey", "*"))

	maker := w.as("bob", servicetest.Allow("*", "kms:CreateKey"))
	if _, err := maker.CreateKey(t.Context(), &awskms.CreateKeyInput{}); err != nil {
		t.Error(err)
	}
	_, err = maker.CreateKey(t.Context(), &awskms.CreateKeyInput{Tags: tags(1)})
	if wantError(t, err, "AccessDeniedException", ""); err != nil && !strings.Contains(err.Error(), "kms:TagResource") {
		t.Errorf("got %v", err)
	}
	if got := len(w.Keys("kms/key/")); got != 1 {
		t.Errorf("there are %d keys", got)
	}
}

func TestListKeysPages(t *testing.T) {
	t.Parallel()
	w := serve(t)
	var want []string
	for range 5 {
		want = append(want, w.key(t, awskms.CreateKeyInput{}))
	}
	slices.Sort(want)
	var got []string
	pages := awskms.NewListKeysPaginator(w.Client, &awskms.ListKeysInput{Limit: new(int32(2))})
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wantLen := min(2, len(want)-2*n); len(page.Keys) != wantLen || page.Truncated != (n < 2) {
			t.Errorf("page %d has %d keys, truncated: %v", n, len(page.Keys), page.Truncated)
		}
		for _, k := range page.Keys {
			if *k.KeyArn != arn("key/"+*k.KeyId) {
				t.Errorf("got %s for %s", *k.KeyArn, *k.KeyId)
			}
			got = append(got, *k.KeyId)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if all := must(w.ListKeys(t.Context(), &awskms.ListKeysInput{})); len(all.Keys) != 5 || all.Truncated || all.NextMarker != nil {
		t.Errorf("got %+v", all)
	}
	_, err := w.ListKeys(t.Context(), &awskms.ListKeysInput{Marker: new("x")})
	wantError(t, err, "InvalidMarkerException", "The marker is not valid.")
	_, err = w.as("ada").ListKeys(t.Context(), &awskms.ListKeysInput{})
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:ListKeys", "*"))
	elsewhere := awskms.NewFromConfig(w.ConfigIn("us-east-2", w.Root))
	if got := must(elsewhere.ListKeys(t.Context(), &awskms.ListKeysInput{})); len(got.Keys) != 0 {
		t.Errorf("another region has %+v", got.Keys)
	}
}

// TestIdentifiers holds AWS's answers to every way to name a key.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.alias(t, "alias/a", id)
	for _, name := range []string{id, arn("key/" + id), "alias/a", arn("alias/a")} {
		if got, err := w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &name}); err != nil || *got.KeyMetadata.KeyId != id {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := "alias/" + strings.Repeat("/", 2048-len("alias/"))
	const mrk = "mrk-d3b95762d3b95762d3b95762d3b95762"
	for name, want := range map[string][2]string{
		stranger:                           {"NotFoundException", "Key '" + arn("key/"+stranger) + "' does not exist"},
		arn("key/" + stranger):             {"NotFoundException", "Key '" + arn("key/"+stranger) + "' does not exist"},
		mrk:                                {"NotFoundException", "Key '" + arn("key/"+mrk) + "' does not exist"},
		"fake-key-id":                      {"NotFoundException", "Invalid keyId 'fake-key-id'"},
		"mrk-fake-key-id":                  {"NotFoundException", "Invalid keyId 'mrk-fake-key-id'"},
		"134f2428cec14b25a1ae9048164dba47": {"NotFoundException", "Invalid keyId '134f2428cec14b25a1ae9048164dba47'"},
		strings.ToUpper(id):                {"NotFoundException", "Invalid keyId '" + strings.ToUpper(id) + "'"},
		"alias/b":                          {"NotFoundException", "Alias " + arn("alias/b") + " is not found."},
		long:                               {"NotFoundException", "Alias " + arn(long) + " is not found."},
		arn("alias/b"):                     {"NotFoundException", "Alias " + arn("alias/b") + " is not found."},
		"arn:aws:kms:ap-southeast-1:" + servicetest.Account + ":key/" + id: {"NotFoundException", "Invalid arn ap-southeast-1"},
		"arn:aws:s3:::bucket": {"InvalidArnException", "Invalid arn arn:aws:s3:::bucket"},
		"arn:aws:kms":         {"InvalidArnException", "Invalid arn arn:aws:kms"},
		arn("grant/x"):        {"InvalidArnException", "Invalid arn " + arn("grant/x")},
		"arn:aws:kms:" + servicetest.Region + ":210987654321:key/" + stranger: {
			"AccessDeniedException", "User: arn:aws:iam::" + servicetest.Account + ":root is not authorized to perform: kms:DescribeKey on resource: arn:aws:kms:" +
				servicetest.Region + ":210987654321:key/" + stranger + " because the resource does not exist in this Region, no resource-based policies allow access, " +
				"or a resource-based policy explicitly denies access",
		},
	} {
		_, err := w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &name})
		t.Run(name, func(t *testing.T) { wantError(t, err, want[0], want[1]) })
	}
}

func TestStrangersLearnNothing(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.alias(t, "alias/there", id)
	ada := w.as("ada", servicetest.Allow(arn("key/"+stranger[:35]+"1"), "kms:*"))
	for name, asked := range map[string]string{
		id: arn("key/" + id), stranger: arn("key/" + stranger), "alias/there": arn("alias/there"), "alias/gone": arn("alias/gone"),
		arn("key/" + id): arn("key/" + id), arn("alias/there"): arn("alias/there"), arn("alias/gone"): arn("alias/gone"),
	} {
		_, err := ada.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &name})
		wantError(t, err, "AccessDeniedException", denied("ada", "kms:DescribeKey", asked))
		_, err = ada.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &name, Plaintext: []byte("x")})
		wantError(t, err, "AccessDeniedException", denied("ada", "kms:Encrypt", asked))
		_, err = ada.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: &name, KeySpec: "AES_256"})
		wantError(t, err, "AccessDeniedException", denied("ada", "kms:GenerateDataKey", asked))
	}
	// Whoever may use all keys is told that there is none.
	bob := w.as("bob", servicetest.Allow(arn("key/*"), "kms:*"))
	_, err := bob.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new("alias/gone")})
	wantError(t, err, "NotFoundException", "Alias "+arn("alias/gone")+" is not found.")
	if _, err := bob.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new("alias/there")}); err != nil {
		t.Error(err)
	}
}
