// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const wrongPrefix = `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`

func TestCreateAliasRefuses(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.alias(t, "alias/taken", id)
	for _, c := range []struct{ name, target, code, message string }{
		{"taken", id, "ValidationException", wrongPrefix},
		{"alias/", id, "ValidationException", "Invalid identifier"},
		{"alias/a:b", id, "ValidationException", "alias/a:b contains invalid characters for an alias"},
		{"alias/a b", id, "ValidationException", "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: " +
			"Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
		{"alias/aws/mine", id, "NotAuthorizedException", ""},
		{"alias/taken", id, "AlreadyExistsException", "An alias with the name " + arn("alias/taken") + " already exists"},
		{"alias/b", "alias/taken", "ValidationException", "Aliases must refer to keys. Not aliases"},
		{"alias/b", arn("alias/taken"), "ValidationException", "Aliases must refer to keys. Not aliases"},
		{"alias/b", stranger, "NotFoundException", "Key '" + arn("key/"+stranger) + "' does not exist"},
		{"alias/b", "nonsense", "NotFoundException", "Invalid keyId 'nonsense'"},
		{"alias/b", "arn:aws:kms:us-east-1:" + servicetest.Account + ":key/" + id, "NotFoundException", "Invalid arn us-east-1"},
	} {
		_, err := w.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: &c.name, TargetKeyId: &c.target})
		t.Run(c.name+" of "+c.target, func(t *testing.T) { wantError(t, err, c.code, c.message) })
	}
}

func TestAliasesPerKey(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id, other := w.key(t, awskms.CreateKeyInput{}), w.key(t, awskms.CreateKeyInput{})
	for i := range 50 {
		w.alias(t, fmt.Sprintf("alias/%02d", i), id)
	}
	_, err := w.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: new("alias/50"), TargetKeyId: &id})
	wantError(t, err, "LimitExceededException", "The key "+arn("key/"+id)+" has 50 aliases, the most that a key may have.")
	w.alias(t, "alias/50", other)
	if _, err := w.DeleteAlias(t.Context(), &awskms.DeleteAliasInput{AliasName: new("alias/00")}); err != nil {
		t.Fatal(err)
	}
	w.alias(t, "alias/00", id)
}

func TestDeleteAlias(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	w.alias(t, "alias/a", id)
	if _, err := w.DeleteAlias(t.Context(), &awskms.DeleteAliasInput{AliasName: new("alias/a")}); err != nil {
		t.Fatal(err)
	}
	if left := w.Keys("kms/key-alias/"); len(left) != 0 {
		t.Errorf("left in the index: %v", left)
	}
	for name, want := range map[string][2]string{
		"alias/a":         {"NotFoundException", "Alias " + arn("alias/a") + " is not found."},
		"a":               {"ValidationException", wrongPrefix},
		kms.AliasSSM:      {"NotAuthorizedException", ""},
		"alias/aws/other": {"NotAuthorizedException", ""},
	} {
		_, err := w.DeleteAlias(t.Context(), &awskms.DeleteAliasInput{AliasName: &name})
		t.Run(name, func(t *testing.T) { wantError(t, err, want[0], want[1]) })
	}
	if got := must(w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &id})); !got.KeyMetadata.Enabled {
		t.Error("the key went with its alias")
	}
}

// TestAliasPermissions holds "Controlling access to aliases" of the KMS Developer
// Guide: the permission is needed on the alias and on the key.
func TestAliasPermissions(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := w.key(t, awskms.CreateKeyInput{})
	name := "alias/a"
	onAlias := w.as("ada", servicetest.Allow(arn(name), "kms:*"))
	onKey := w.as("bob", servicetest.Allow(arn("key/"+id), "kms:*"))
	onBoth := w.as("eve", servicetest.Allow(arn(name), "kms:*"), servicetest.Allow(arn("key/"+id), "kms:*"))

	create := &awskms.CreateAliasInput{AliasName: &name, TargetKeyId: &id}
	_, err := onAlias.CreateAlias(t.Context(), create)
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:CreateAlias", arn("key/"+id)))
	_, err = onKey.CreateAlias(t.Context(), create)
	wantError(t, err, "AccessDeniedException", denied("bob", "kms:CreateAlias", arn(name)))
	if _, err := onBoth.CreateAlias(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	remove := &awskms.DeleteAliasInput{AliasName: &name}
	_, err = onAlias.DeleteAlias(t.Context(), remove)
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:DeleteAlias", arn("key/"+id)))
	_, err = onKey.DeleteAlias(t.Context(), remove)
	wantError(t, err, "AccessDeniedException", denied("bob", "kms:DeleteAlias", arn(name)))
	if _, err := onBoth.DeleteAlias(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
}

func names(aliases []types.AliasListEntry) (all []string) {
	for _, a := range aliases {
		all = append(all, *a.AliasName)
	}
	return all
}

// pages reads a list to its end, and returns the names of each page.
func pages(t *testing.T, w world, in awskms.ListAliasesInput) (all [][]string) {
	t.Helper()
	for {
		out, err := w.ListAliases(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, names(out.Aliases)); len(all) > 100 {
			t.Fatal("the pages don't end")
		}
		if out.Truncated != (out.NextMarker != nil) {
			t.Fatalf("truncated: %v, with the marker %v", out.Truncated, out.NextMarker)
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			return all
		}
	}
}

func TestListAliases(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id, other := w.key(t, awskms.CreateKeyInput{}), w.key(t, awskms.CreateKeyInput{})
	want := []string{kms.AliasSecretsManager, kms.AliasSSM}
	for i, name := range []string{"alias/a", "alias/a/b", "alias/a-b", "alias/awk", "alias/aws-x", "alias/b", "alias/0"} {
		w.alias(t, name, []string{id, other}[i%2])
		want = append(want, name)
	}
	slices.Sort(want)
	for limit := int32(1); limit <= 9; limit++ {
		got := pages(t, w, awskms.ListAliasesInput{Limit: &limit})
		all := slices.Concat(got...)
		slices.Sort(all)
		if !slices.Equal(all, want) || len(got) != (len(want)+int(limit)-1)/int(limit) {
			t.Errorf("by %d: got %v, want %v", limit, got, want)
		}
	}
	if got := pages(t, w, awskms.ListAliasesInput{KeyId: &id, Limit: new(int32(2))}); !slices.Equal(slices.Concat(got...), []string{"alias/0", "alias/a", "alias/a-b", "alias/aws-x"}) || len(got) != 2 {
		t.Errorf("of one key: %v", got)
	}
	if got := pages(t, w, awskms.ListAliasesInput{KeyId: new(arn("key/" + other))}); len(got) != 1 || len(got[0]) != 3 {
		t.Errorf("of the other: %v", got)
	}
	first := must(w.ListAliases(t.Context(), &awskms.ListAliasesInput{Limit: new(int32(1))}))
	_, err := w.ListAliases(t.Context(), &awskms.ListAliasesInput{KeyId: &id, Marker: first.NextMarker})
	wantError(t, err, "InvalidMarkerException", "The marker is not valid.")
	_, err = w.ListAliases(t.Context(), &awskms.ListAliasesInput{KeyId: new(stranger)})
	wantError(t, err, "NotFoundException", "Key '"+arn("key/"+stranger)+"' does not exist")
	_, err = w.as("ada").ListAliases(t.Context(), &awskms.ListAliasesInput{})
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:ListAliases", "*"))
}

func TestListAliasesDefaultsToFifty(t *testing.T) {
	t.Parallel()
	w := serve(t)
	ids := []string{w.key(t, awskms.CreateKeyInput{}), w.key(t, awskms.CreateKeyInput{}), w.key(t, awskms.CreateKeyInput{})}
	for i := range 110 {
		w.alias(t, fmt.Sprintf("alias/%03d", i), ids[i%3])
	}
	for limit, want := range map[int32]int{0: 50, 1000: 100} {
		in := &awskms.ListAliasesInput{}
		if limit > 0 {
			in.Limit = &limit
		}
		if got := must(w.ListAliases(t.Context(), in)); len(got.Aliases) != want || !got.Truncated {
			t.Errorf("limit %d: %d aliases", limit, len(got.Aliases))
		}
	}
}

// TestPredefinedAliases holds what DescribeKey's reference says of the aliases that
// AWS made: they are listed without a key, and to describe one makes its key.
func TestPredefinedAliases(t *testing.T) {
	t.Parallel()
	w := serve(t)
	for _, a := range must(w.ListAliases(t.Context(), &awskms.ListAliasesInput{})).Aliases {
		if a.TargetKeyId != nil || a.CreationDate != nil || a.LastUpdatedDate != nil || *a.AliasArn != arn(*a.AliasName) {
			t.Errorf("before: %+v", a)
		}
	}
	ada := w.as("ada")
	_, err := ada.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new(kms.AliasSSM)})
	wantError(t, err, "AccessDeniedException", denied("ada", "kms:DescribeKey", arn(kms.AliasSSM)))
	if made := w.Keys("kms/key/"); len(made) != 0 {
		t.Fatalf("a stranger made %v", made)
	}
	first := must(w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new(kms.AliasSSM)})).KeyMetadata
	again := must(w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new(arn(kms.AliasSSM))})).KeyMetadata
	if *first.KeyId != *again.KeyId || first.KeyManager != "AWS" || !strings.Contains(*first.Description, "SSM Parameters") {
		t.Errorf("got %+v, then %+v", first, again)
	}
	list := must(w.ListAliases(t.Context(), &awskms.ListAliasesInput{})).Aliases
	if len(list) != 2 || *list[1].AliasName != kms.AliasSSM || *list[1].TargetKeyId != *first.KeyId || !list[1].CreationDate.Equal(servicetest.Start) {
		t.Errorf("after: %+v", list)
	}
	_, err = w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new("alias/aws/s3")})
	wantError(t, err, "NotFoundException", "Alias "+arn("alias/aws/s3")+" is not found.")
}

// TestManagedKeysAreForTheirServices holds the key policy of an AWS managed key: it
// can be looked at, and used only through its service.
func TestManagedKeysAreForTheirServices(t *testing.T) {
	t.Parallel()
	w := serve(t)
	id := *must(w.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: new(kms.AliasSSM)})).KeyMetadata.KeyId
	message := func(action, asked string) string {
		return "User: arn:aws:iam::" + servicetest.Account + ":root is not authorized to perform: " + action + " on resource: " + arn(asked) +
			" because no resource-based policy allows the " + action + " action"
	}
	_, err := w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: new(kms.AliasSSM), Plaintext: []byte("x")})
	wantError(t, err, "AccessDeniedException", message("kms:Encrypt", kms.AliasSSM))
	_, err = w.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: &id, KeySpec: "AES_256"})
	wantError(t, err, "AccessDeniedException", message("kms:GenerateDataKey", "key/"+id))
	_, err = w.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: new("alias/mine"), TargetKeyId: &id})
	wantError(t, err, "AccessDeniedException", message("kms:CreateAlias", "key/"+id))
}
