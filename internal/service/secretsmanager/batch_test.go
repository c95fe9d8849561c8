// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// batched is what a batch answers: "name=value" for each value, then "id! Code: message"
// for each error.
func (w *world) batched(c *secretsmanager.Client, in secretsmanager.BatchGetSecretValueInput) []string {
	w.t.Helper()
	out, err := c.BatchGetSecretValue(w.ctx, &in)
	if err != nil {
		return []string{fault(err)}
	}
	got := []string{}
	for _, v := range out.SecretValues {
		got = append(got, *v.Name+"="+text(v.SecretString)+string(v.SecretBinary))
	}
	for _, e := range out.Errors {
		got = append(got, *e.SecretId+"! "+*e.ErrorCode+": "+*e.Message)
	}
	return got
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func ids(ids ...string) secretsmanager.BatchGetSecretValueInput {
	return secretsmanager.BatchGetSecretValueInput{SecretIdList: ids}
}

func TestBatchAnswersEachIdByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("a", "of a")
	w.put("a", "of a, later")
	w.create("b", "of b")
	w.create("gone", "of gone")
	if err := w.tryDelete("gone", nil, false); err != nil {
		t.Fatal(err)
	}
	w.described("empty", "")
	key := w.newKey()
	w.create("locked", "of locked")
	if err := w.useKey("locked", key); err != nil {
		t.Fatal(err)
	}
	w.put("locked", "of locked")
	w.disable(key)
	if _, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("b"), SecretBinary: []byte("bytes of b")}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		in   secretsmanager.BatchGetSecretValueInput
		want []string
	}{
		"names and ARNs, in the order asked": {ids("b", arn, arn[:len(arn)-7]), []string{"b=bytes of b", "a=of a, later", "a=of a, later"}},
		"one twice":                          {ids("b", "b"), []string{"b=bytes of b", "b=bytes of b"}},
		"some that can't be read": {ids("absent", "a", "gone", "empty", "locked", "b d"), []string{
			"a=of a, later", "absent! " + notFound, "gone! " + markedFor,
			"empty! ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
			"locked! " + noDecrypt, "b d! " + badName,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, w.batched(w.Client, test.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
	out, err := w.BatchGetSecretValue(w.ctx, new(ids("a")))
	if err != nil {
		t.Fatal(err)
	}
	alone, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("a")})
	if err != nil {
		t.Fatal(err)
	}
	got, want := out.SecretValues[0], types.SecretValueEntry{
		ARN: alone.ARN, Name: alone.Name, SecretString: alone.SecretString,
		VersionId: alone.VersionId, VersionStages: alone.VersionStages, CreatedDate: alone.CreatedDate,
	}
	if *got.ARN != *want.ARN || *got.VersionId != *want.VersionId || !slices.Equal(got.VersionStages, want.VersionStages) || !got.CreatedDate.Equal(*want.CreatedDate) {
		t.Errorf("a batch has %+v, GetSecretValue %+v", got, want)
	}
}

func TestBatchRefusesWhatDoesNotGoTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const either = "InvalidParameterException: Either 'SecretIdList' or 'Filters' must be provided, but not both."
	both := ids("a")
	both.Filters = filter("name", "a")
	sized := ids("a")
	sized.MaxResults = new(int32(5))
	paged := ids("a")
	paged.NextToken = new("made-up")
	empty := filter("name", "a")
	empty[0].Values = nil
	for name, test := range map[string]struct {
		in   secretsmanager.BatchGetSecretValueInput
		want string
	}{
		"nothing":           {secretsmanager.BatchGetSecretValueInput{}, either},
		"ids and filters":   {both, either},
		"ids and a size":    {sized, "InvalidParameterException: 'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."},
		"ids and a token":   {paged, badPage},
		"a made-up token":   {secretsmanager.BatchGetSecretValueInput{Filters: filter("name", "a"), NextToken: new("made-up")}, badPage},
		"no value":          {secretsmanager.BatchGetSecretValueInput{Filters: empty}, "InvalidParameterException: A filter must have a key and at least one value."},
		"more than twenty":  {ids(slices.Repeat([]string{"a"}, 21)...), "ValidationException: 1 validation error detected"},
		"pages too large":   {secretsmanager.BatchGetSecretValueInput{Filters: filter("name", "a"), MaxResults: new(int32(21))}, "ValidationException: 1 validation error detected"},
		"too many filters":  {secretsmanager.BatchGetSecretValueInput{Filters: slices.Repeat(filter("name", "a"), 11)}, "ValidationException: 1 validation error detected"},
		"too many keywords": {secretsmanager.BatchGetSecretValueInput{Filters: filter("name", slices.Repeat([]string{"a"}, 11)...)}, "ValidationException: 1 validation error detected"},
	} {
		if got := w.batched(w.Client, test.in)[0]; !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestBatchByFiltersHasPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	for i := range 45 {
		name := fmt.Sprintf("app/%02d", 44-i) // made in another order than that of names
		w.create(name, canary)
		w.Clock.Advance(time.Second)
		want = append(want, name)
	}
	w.create("other", canary)
	if err := w.tryDelete("app/07", nil, false); err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(name string) bool { return name == "app/07" })
	for _, size := range []*int32{nil, new(int32(7)), new(int32(1))} {
		got, longest := []string{}, 0
		pages := secretsmanager.NewBatchGetSecretValuePaginator(w.Client, &secretsmanager.BatchGetSecretValueInput{
			Filters: filter("name", "app/"), MaxResults: size,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(w.ctx)
			if err != nil || len(page.Errors) > 0 {
				t.Fatal(err, page)
			}
			longest = max(longest, len(page.SecretValues))
			for _, v := range page.SecretValues {
				got = append(got, *v.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %v:\n%s", size, diff)
		}
		if most := 20; size == nil && longest != most {
			t.Errorf("a page has %d secrets, want %d", longest, most)
		}
	}
	first, err := w.BatchGetSecretValue(w.ctx, &secretsmanager.BatchGetSecretValueInput{Filters: filter("name", "app/")})
	if err != nil {
		t.Fatal(err)
	}
	other := secretsmanager.BatchGetSecretValueInput{Filters: filter("name", "app"), NextToken: first.NextToken}
	if got := w.batched(w.Client, other)[0]; got != badPage {
		t.Errorf("another filter with that token: %s", got)
	}
}

func TestBatchNeedsPermissionForItselfAndEachSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("mine", "of mine")
	theirs := w.create("theirs", "of theirs")
	byName := secretsmanager.BatchGetSecretValueInput{Filters: filter("name", "mine", "theirs")}
	user := func(name string) string {
		return "AccessDeniedException: User: arn:aws:iam::" + servicetest.Account + ":user/" + name
	}
	const lacks = " is not authorized to perform: secretsmanager:"
	const because = " because no identity-based policy allows the secretsmanager:"
	for name, test := range map[string]struct {
		policies []string
		in       secretsmanager.BatchGetSecretValueInput
		want     []string
	}{
		"not-itself": {
			[]string{servicetest.Allow("*", "secretsmanager:GetSecretValue", "secretsmanager:ListSecrets")},
			ids("mine"),
			[]string{user("not-itself") + lacks + "BatchGetSecretValue" + because + "BatchGetSecretValue action"},
		},
		"itself-on-a-secret": { // it is on no resource, as the service authorization reference says
			[]string{servicetest.Allow(arn, "secretsmanager:*")},
			ids("mine"),
			[]string{user("itself-on-a-secret") + lacks + "BatchGetSecretValue" + because + "BatchGetSecretValue action"},
		},
		"not-the-secret": {
			[]string{servicetest.Allow("*", "secretsmanager:BatchGetSecretValue"), servicetest.Allow(arn, "secretsmanager:GetSecretValue")},
			ids("theirs", "mine", "absent"),
			[]string{
				"mine=of mine",
				"theirs! " + user("not-the-secret") + lacks + "GetSecretValue on resource: theirs" + because + "GetSecretValue action",
				"absent! " + user("not-the-secret") + lacks + "GetSecretValue on resource: absent" + because + "GetSecretValue action",
			},
		},
		"not-the-list": {
			[]string{servicetest.Allow("*", "secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue")},
			byName,
			[]string{user("not-the-list") + lacks + "ListSecrets" + because + "ListSecrets action"},
		},
		"some-of-the-list": {
			[]string{servicetest.Allow("*", "secretsmanager:BatchGetSecretValue", "secretsmanager:ListSecrets"), servicetest.Allow(arn, "secretsmanager:GetSecretValue")},
			byName,
			[]string{
				"mine=of mine",
				theirs + "! " + user("some-of-the-list") + lacks + "GetSecretValue on resource: " + theirs + because + "GetSecretValue action",
			},
		},
	} {
		if diff := cmp.Diff(test.want, w.batched(w.as(name, test.policies...), test.in)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// A batch is recorded itself, and so is each secret's GetSecretValue, as a call of the
// caller's; its day of access is noted as that of a single read.
func TestBatchIsRecordedSecretBySecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.create("a", canary), w.create("b", canary)
	w.Clock.Advance(dayLong)
	w.batched(w.Client, ids("a", "absent", "b"))
	var got []string
	for _, r := range w.Records() {
		if !strings.HasSuffix(r.EventName, "GetSecretValue") {
			continue
		}
		line := r.EventName + " " + r.ErrorCode
		for _, resource := range r.Resources {
			line += " " + resource.ARN
		}
		if r.UserIdentity.InvokedBy != "" || r.SourceIPAddress != "127.0.0.1" {
			line += " by " + r.UserIdentity.InvokedBy + " from " + r.SourceIPAddress
		}
		got = append(got, line)
	}
	want := []string{
		"GetSecretValue  " + a, "GetSecretValue ResourceNotFoundException", "GetSecretValue  " + b,
		"BatchGetSecretValue  " + a + " " + b,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{"a", "b"} {
		if at := w.describe(id).LastAccessedDate; at == nil || !at.Equal(w.Clock.Now().Truncate(dayLong)) {
			t.Errorf("%s was accessed %v", id, at)
		}
	}
	w.grep(canary)
}
