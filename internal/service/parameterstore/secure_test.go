// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/record"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// canary is in every value that these tests store.
const canary = "hunter2-canary"

// secure puts a SecureString.
func (f *fixture) secure(name string, tier types.ParameterTier, key *string) {
	f.tb.Helper()
	f.put(&awsssm.PutParameterInput{
		Name: &name, Value: aws.String(canary), Type: types.ParameterTypeSecureString, Tier: tier, KeyId: key, Overwrite: aws.Bool(true),
	})
}

func TestASecureStringIsCiphertextUntilItIsDecrypted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mine := f.key("alias/mine")
	for name, tier := range map[string]types.ParameterTier{"/s/standard": types.ParameterTierStandard, "/s/advanced": types.ParameterTierAdvanced} {
		for _, key := range []*string{nil, &mine, aws.String("alias/mine")} {
			f.secure(name, tier, key)
		}
		var sealed []string
		one, err := f.ssm.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		many, err := f.ssm.GetParameters(t.Context(), &awsssm.GetParametersInput{Names: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		path, err := f.ssm.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: aws.String("/s")})
		if err != nil {
			t.Fatal(err)
		}
		history, err := f.ssm.GetParameterHistory(t.Context(), &awsssm.GetParameterHistoryInput{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, *one.Parameter.Value, *many.Parameters[0].Value)
		for _, p := range path.Parameters {
			sealed = append(sealed, *p.Value)
		}
		for _, p := range history.Parameters {
			sealed = append(sealed, *p.Value)
		}
		for _, value := range sealed {
			blob, err := base64.StdEncoding.DecodeString(value)
			if err != nil || bytes.Contains(blob, []byte(canary)) {
				t.Errorf("%s: %.40q is not ciphertext in base64 (%v)", name, value, err)
			}
		}
		if got := *f.get(name).Value; got != canary {
			t.Errorf("%s decrypts to %q", name, got)
		}
		history, err = f.ssm.GetParameterHistory(t.Context(), &awsssm.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil || len(history.Parameters) != 3 {
			t.Fatalf("history: %+v, %v", history, err)
		}
		for i, key := range []string{"alias/aws/ssm", mine, "alias/mine"} {
			if p := history.Parameters[i]; *p.Value != canary || *p.KeyId != key {
				t.Errorf("%s, version %d: %q under %s", name, p.Version, *p.Value, *p.KeyId)
			}
		}
	}
}

// What Parameter Store gives undecrypted in the standard tier, KMS decrypts, given
// the documented encryption context, as on AWS.
func TestKMSDecryptsTheStandardTier(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.key("alias/mine")
	f.secure("/s/x", types.ParameterTierStandard, aws.String("alias/mine"))
	got, err := f.ssm.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/s/x")})
	if err != nil {
		t.Fatal(err)
	}
	blob, err := base64.StdEncoding.DecodeString(*got.Parameter.Value)
	if err != nil {
		t.Fatal(err)
	}
	client := kms.NewFromConfig(f.Config(f.Root))
	for context, want := range map[string]string{arnPrefix + "/s/x": "success", arnPrefix + "/s/y": "InvalidCiphertextException"} {
		out, err := client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"PARAMETER_ARN": context}})
		if code(err) != want || err == nil && string(out.Plaintext) != canary {
			t.Errorf("context %s: %v", context, err)
		}
	}
}

func TestAKeyThatCanNotBeUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mine := f.key("alias/mine")
	f.secure("/s/x", "", &mine)
	for _, key := range []string{"alias/none", "1234abcd-12ab-34cd-56ef-1234567890ab", "nonsense"} {
		got := f.Post(f.Root, "AmazonSSM.PutParameter", `{"Name":"new","Value":"v","Type":"SecureString","KeyId":"`+key+`"}`)
		if got.Type != "InvalidKeyId" || !strings.Contains(got.Message, "(Service: AWSKMS; Status Code: 400; Error Code: NotFoundException; Request ID: ") {
			t.Errorf("key %s: %s: %s", key, got.Type, got.Message)
		}
	}
	keys := record.New[kmsservice.Key]("kms/key")
	id := mine[strings.LastIndexByte(mine, '/')+1:]
	if _, err := f.Store.Update(t.Context(), func(tx kv.Tx) error {
		k, err := keys.Get(tx, servicetest.Account, servicetest.Region, id)
		if err != nil {
			return err
		}
		k.State = "Disabled"
		return keys.Put(tx, k, servicetest.Account, servicetest.Region, id)
	}); err != nil {
		t.Fatal(err)
	}
	for operation, body := range map[string]string{
		"GetParameter":        `{"Name":"/s/x","WithDecryption":true}`,
		"GetParameters":       `{"Names":["/s/x"],"WithDecryption":true}`,
		"GetParametersByPath": `{"Path":"/s","WithDecryption":true}`,
		"GetParameterHistory": `{"Name":"/s/x","WithDecryption":true}`,
		"PutParameter":        `{"Name":"/s/x","Value":"v","Overwrite":true}`,
	} {
		got := f.Post(f.Root, "AmazonSSM."+operation, body)
		if got.Type != "InvalidKeyId" || !strings.Contains(got.Message, "Error Code: DisabledException") {
			t.Errorf("%s: %d %s: %s", operation, got.Status, got.Type, got.Message)
		}
	}
}

func TestTheCallerNeedsTheKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mine := f.key("alias/mine")
	f.secure("/s/mine", "", &mine)
	f.secure("/s/advanced", types.ParameterTierAdvanced, &mine)
	f.secure("/d/default", "", nil)
	ada := f.as(f.User("ada", servicetest.Allow("*", "ssm:*")))
	_, err := ada.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/s/mine"), WithDecryption: aws.Bool(true)})
	if code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "kms:Decrypt") || !strings.Contains(err.Error(), "Service: AWSKMS") {
		t.Errorf("without the key, ada got %v", err)
	}
	_, err = ada.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: aws.String("/s"), WithDecryption: aws.Bool(true)})
	if code(err) != "AccessDeniedException" {
		t.Errorf("without the key, ada got by path %v", err)
	}
	if _, err := ada.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/s/mine")}); err != nil {
		t.Errorf("the ciphertext needs no key: %v", err)
	}
	if _, err := ada.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/d/default"), WithDecryption: aws.Bool(true)}); err != nil {
		t.Errorf("the default key lets the account's users in: %v", err)
	}
	for tier, action := range map[types.ParameterTier]string{types.ParameterTierStandard: "kms:Encrypt", types.ParameterTierAdvanced: "kms:GenerateDataKey"} {
		in := &awsssm.PutParameterInput{
			Name: aws.String("/new/" + string(tier)), Value: aws.String(canary), Type: types.ParameterTypeSecureString, KeyId: &mine, Tier: tier,
		}
		if _, err := ada.PutParameter(t.Context(), in); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), action) {
			t.Errorf("without the key, ada put in tier %s: %v", tier, err)
		}
		bob := f.as(f.User("bob-"+string(tier), servicetest.Allow("*", "ssm:*"), servicetest.Allow(mine, action)))
		if _, err := bob.PutParameter(t.Context(), in); err != nil {
			t.Errorf("with %s, bob got %v", action, err)
		}
	}
}

// No value is anywhere but in the answers that are asked for it.
func TestValuesStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := strings.Repeat(canary, 300)
	for _, in := range []*awsssm.PutParameterInput{
		{Name: aws.String("s"), Value: aws.String(canary), Type: types.ParameterTypeString},
		{Name: aws.String("l"), Value: aws.String(canary), Type: types.ParameterTypeStringList},
		{Name: aws.String("x"), Value: aws.String(canary), Type: types.ParameterTypeSecureString},
		{Name: aws.String("a"), Value: aws.String(long), Type: types.ParameterTypeSecureString, Tier: types.ParameterTierIntelligentTiering},
	} {
		f.put(in)
	}
	for _, in := range []*awsssm.PutParameterInput{
		{Name: aws.String("s"), Value: aws.String(canary), Type: types.ParameterTypeString},
		{Name: aws.String("bad name"), Value: aws.String(canary), Type: types.ParameterTypeString},
		{Name: aws.String("n"), Value: aws.String(canary), Type: "Text"},
		{Name: aws.String("n"), Value: aws.String(long), Type: types.ParameterTypeString},
		{Name: aws.String("n"), Value: aws.String(canary), Type: types.ParameterTypeString, AllowedPattern: aws.String("[0-9]")},
		{Name: aws.String("n"), Value: aws.String(canary), Type: types.ParameterTypeString, DataType: aws.String("aws:ec2:image")},
		{Name: aws.String("n"), Value: aws.String("{{" + canary + "}}"), Type: types.ParameterTypeString},
		{Name: aws.String("n"), Value: aws.String(canary), Type: types.ParameterTypeSecureString, KeyId: aws.String("alias/none")},
	} {
		if _, err := f.ssm.PutParameter(t.Context(), in); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error is %v", *in.Name, err)
		}
	}
	for _, name := range []string{"s", "l", "x", "a"} {
		if !strings.Contains(*f.get(name).Value, canary) {
			t.Errorf("%s has no canary in it: the test tests nothing", name)
		}
	}
	f.Restart()
	files, err := filepath.Glob(filepath.Join(f.Dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))[:16]} {
			if bytes.Contains(data, []byte(form)) {
				t.Errorf("%s holds a value", filepath.Base(file))
			}
		}
	}
}
