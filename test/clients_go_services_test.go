// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
)

// equal wants two things to be the same.
func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func goSecretsManager(t *testing.T, sm *secretsmanager.Client) {
	ctx := t.Context()
	get := func(in secretsmanager.GetSecretValueInput) *secretsmanager.GetSecretValueOutput {
		t.Helper()
		return must(sm.GetSecretValue(ctx, &in))(t)
	}

	create := &secretsmanager.CreateSecretInput{Name: new("Username"), SecretString: new("MyUsername"), ClientRequestToken: new(goToken)}
	made := must(sm.CreateSecret(ctx, create))(t)
	equal(t, "the value", *get(secretsmanager.GetSecretValueInput{SecretId: new("Username")}).SecretString, "MyUsername")

	// The same call with the same token is done once.
	again := must(sm.CreateSecret(ctx, create))(t)
	equal(t, "the repeated call's version", *again.VersionId, *made.VersionId)
	equal(t, "the repeated call's ARN", *again.ARN, *made.ARN)
	_, err := sm.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new("Username"), SecretString: new("other")})
	wantError[*smtypes.ResourceExistsException](t, err)

	put := &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretBinary: []byte{0, 255, 10}, ClientRequestToken: new(goToken + "2")}
	second := must(sm.PutSecretValue(ctx, put))(t)
	equal(t, "the repeated put's version", *must(sm.PutSecretValue(ctx, put))(t).VersionId, *second.VersionId)
	put.SecretBinary = []byte("changed")
	_, err = sm.PutSecretValue(ctx, put)
	wantError[*smtypes.ResourceExistsException](t, err)
	equal(t, "the binary value", get(secretsmanager.GetSecretValueInput{SecretId: made.ARN}).SecretBinary, []byte{0, 255, 10})
	previous := get(secretsmanager.GetSecretValueInput{SecretId: made.ARN, VersionStage: new("AWSPREVIOUS")})
	equal(t, "the previous version", *previous.VersionId, *made.VersionId)

	must(sm.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: made.ARN}))(t)
	_, err = sm.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: made.ARN})
	wantError[*smtypes.InvalidRequestException](t, err)
	must(sm.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: made.ARN}))(t)
	_, err = sm.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new("none")})
	wantError[*smtypes.ResourceNotFoundException](t, err)

	var names, listed []string
	for n := range 7 {
		names = append(names, fmt.Sprintf("pages/%d", n))
		must(sm.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new(names[n]), SecretString: new("x")}))(t)
	}
	pages := secretsmanager.NewListSecretsPaginator(sm, &secretsmanager.ListSecretsInput{
		MaxResults: new(int32(3)), Filters: []smtypes.Filter{{Key: "name", Values: []string{"pages/"}}},
	})
	for pages.HasMorePages() {
		for _, s := range must(pages.NextPage(ctx))(t).SecretList {
			listed = append(listed, *s.Name)
		}
	}
	slices.Sort(listed)
	equal(t, "the secrets of all pages", listed, names)
}

// goToken is a ClientRequestToken: 32 characters at least.
const goToken = "0f6a4a8e-3c54-4e0b-9d5f-00000000000"

func goParameterStore(t *testing.T, c *ssm.Client) {
	ctx := t.Context()
	put := func(name, value string, kind ssmtypes.ParameterType) {
		t.Helper()
		must(c.PutParameter(ctx, &ssm.PutParameterInput{Name: new(name), Value: new(value), Type: kind}))(t)
	}
	put("/my/secret", "Hello, world!", ssmtypes.ParameterTypeSecureString)
	got := must(c.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/my/secret"), WithDecryption: new(true)}))(t)
	equal(t, "the value", *got.Parameter.Value, "Hello, world!")
	_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: new("/my/secret"), Value: new("x"), Type: ssmtypes.ParameterTypeSecureString})
	wantError[*ssmtypes.ParameterAlreadyExists](t, err)
	_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/none")})
	wantError[*ssmtypes.ParameterNotFound](t, err)

	goLabelsAndTags(t, c)

	var names, listed []string
	for n := range 13 {
		names = append(names, fmt.Sprintf("/pages/%02d", n))
		put(names[n], "x", ssmtypes.ParameterTypeString)
	}
	pages := ssm.NewGetParametersByPathPaginator(c, &ssm.GetParametersByPathInput{Path: new("/pages"), MaxResults: new(int32(5))})
	for pages.HasMorePages() {
		for _, p := range must(pages.NextPage(ctx))(t).Parameters {
			listed = append(listed, *p.Name)
		}
	}
	slices.Sort(listed)
	equal(t, "the parameters of all pages", listed, names)
	deleted := must(c.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/pages/00", "/none"}}))(t)
	equal(t, "what could not be deleted", deleted.InvalidParameters, []string{"/none"})
}

// goLabelsAndTags labels and tags the parameter /my/secret.
func goLabelsAndTags(t *testing.T, c *ssm.Client) {
	ctx := t.Context()
	name := new("/my/secret")
	labelled := must(c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, Labels: []string{"live", "aws"}}))(t)
	equal(t, "the labels that can't be any", labelled.InvalidLabels, []string{"aws"})
	equal(t, "the version of a label", must(c.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/my/secret:live")}))(t).Parameter.Version, 1)
	taken := must(c.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: new(int64(1)), Labels: []string{"live", "none"}}))(t)
	equal(t, "the labels that were removed", taken.RemovedLabels, []string{"live"})
	_, err := c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, ParameterVersion: new(int64(9)), Labels: []string{"live"}})
	wantError[*ssmtypes.ParameterVersionNotFound](t, err)

	tags := []ssmtypes.Tag{{Key: new("team"), Value: new("data")}}
	must(c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: name, Tags: tags}))(t)
	list := &ssm.ListTagsForResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: name}
	equal(t, "the tag", *must(c.ListTagsForResource(ctx, list))(t).TagList[0].Value, "data")
	must(c.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
		ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: name, TagKeys: []string{"team"},
	}))(t)
	equal(t, "the number of tags", len(must(c.ListTagsForResource(ctx, list))(t).TagList), 0)
	list.ResourceId = new("/none")
	_, err = c.ListTagsForResource(ctx, list)
	wantError[*ssmtypes.InvalidResourceId](t, err)
}

func goKMS(t *testing.T, c *kms.Client) {
	ctx := t.Context()
	key := must(c.CreateKey(ctx, &kms.CreateKeyInput{Description: new("go")}))(t).KeyMetadata
	sealed := must(c.Encrypt(ctx, &kms.EncryptInput{
		KeyId: key.KeyId, Plaintext: []byte("Top Secret"), EncryptionContext: map[string]string{"a": "1"},
	}))(t)
	opened := must(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: map[string]string{"a": "1"}}))(t)
	equal(t, "the plaintext", string(opened.Plaintext), "Top Secret")
	equal(t, "the key", *opened.KeyId, *key.Arn)
	_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	wantError[*kmstypes.InvalidCiphertextException](t, err)
	_, err = c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: new("alias/none")})
	wantError[*kmstypes.NotFoundException](t, err)

	data := must(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.Arn, KeySpec: kmstypes.DataKeySpecAes256}))(t)
	reopened := must(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: data.CiphertextBlob}))(t)
	if !bytes.Equal(data.Plaintext, reopened.Plaintext) || len(data.Plaintext) != 32 {
		t.Error("a data key's plaintext and ciphertext do not agree")
	}

	var names, listed []string
	for n := range 5 {
		names = append(names, fmt.Sprintf("alias/pages/%d", n))
		must(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: new(names[n]), TargetKeyId: key.KeyId}))(t)
	}
	_, err = c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: new(names[0]), TargetKeyId: key.KeyId})
	wantError[*kmstypes.AlreadyExistsException](t, err)
	pages := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{KeyId: key.KeyId, Limit: new(int32(2))})
	for pages.HasMorePages() {
		for _, a := range must(pages.NextPage(ctx))(t).Aliases {
			listed = append(listed, *a.AliasName)
		}
	}
	equal(t, "the aliases of all pages", listed, names)
}
