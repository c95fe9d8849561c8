// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

// stages returns the labels of the versions, by the value that each has.
func (w *world) stages(id string) map[string][]string {
	w.t.Helper()
	out := map[string][]string{}
	for version, stages := range w.describe(id).VersionIdsToStages {
		got, err := w.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id, VersionId: &version})
		if err != nil {
			w.t.Fatal(err)
		}
		out[*got.SecretString] = stages
	}
	return out
}

func TestLabelsThroughARotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "1")
	first := w.versionOf("db", "AWSCURRENT")
	second := w.put("db", "2", "AWSPENDING")
	if err := w.tryStage("db", "AWSCURRENT", first, second); err != nil {
		t.Fatal(err)
	}
	if err := w.tryStage("db", "AWSCURRENT", first, second); err != nil {
		t.Errorf("the same again: %v", err)
	}
	want := map[string][]string{"1": {"AWSPREVIOUS"}, "2": {"AWSCURRENT", "AWSPENDING"}}
	if diff := cmp.Diff(want, w.stages("db")); diff != "" {
		t.Errorf("after the rotation:\n%s", diff)
	}
	w.put("db", "3")
	want = map[string][]string{"2": {"AWSPREVIOUS"}, "3": {"AWSCURRENT"}}
	if diff := cmp.Diff(want, w.stages("db")); diff != "" {
		t.Errorf("after another value:\n%s", diff)
	}
	w.put("db", "4", "mine", "AWSCURRENT", "mine")
	if err := w.tryStage("db", "AWSPREVIOUS", w.versionOf("db", "AWSPREVIOUS"), ""); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"4": {"AWSCURRENT", "mine"}}, w.stages("db")); diff != "" {
		t.Errorf("after AWSPREVIOUS was removed:\n%s", diff)
	}
	if w.tryGet("db", first, "") != nil {
		t.Error("a version without labels can't be read by its id")
	}
}

func (w *world) versionOf(id, stage string) string {
	w.t.Helper()
	for version, stages := range w.describe(id).VersionIdsToStages {
		if slices.Contains(stages, stage) {
			return version
		}
	}
	w.t.Fatalf("no version of %s has %s", id, stage)
	return ""
}

func TestTheFirstVersionIsCurrent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("db")}); err != nil {
		t.Fatal(err)
	}
	w.put("db", "1", "mine")
	if diff := cmp.Diff(map[string][]string{"1": {"AWSCURRENT", "mine"}}, w.stages("db")); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateChangesWhatItHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "1")
	in := &secretsmanager.UpdateSecretInput{SecretId: new("db"), ClientRequestToken: new(token(7)), SecretString: new("2"), Description: new("d"), Type: new("t")}
	for range 2 { // the repetition changes nothing more
		out, err := w.UpdateSecret(w.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if *out.VersionId != token(7) {
			t.Errorf("the version is %s", *out.VersionId)
		}
	}
	if err := w.tryUpdate("db", "e"); err != nil {
		t.Fatal(err)
	}
	d := w.describe("db")
	if *d.Description != "e" || *d.Type != "t" {
		t.Errorf("description %q, type %q", *d.Description, *d.Type)
	}
	if diff := cmp.Diff(map[string][]string{"1": {"AWSPREVIOUS"}, "2": {"AWSCURRENT"}}, w.stages("db")); diff != "" {
		t.Error(diff)
	}
}

func TestLabelsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "1")
	var labels []string
	for i := range 18 {
		labels = append(labels, fmt.Sprint("label-", i))
	}
	w.put("db", "2", labels...)
	version := w.versionOf("db", "AWSCURRENT")
	if err := w.tryStage("db", "20th", "", version); err != nil {
		t.Fatal(err)
	}
	const limit = "LimitExceededException: You can't have more than 20 staging labels attached across all versions of a secret."
	wantFault(t, w.tryStage("db", "21st", "", version), limit)
	wantFault(t, w.tryPut("db", token(8), "3"), limit) // AWSPREVIOUS would be the 21st
	if err := w.tryStage("db", "20th", version, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.tryPut("db", token(8), "3"); err != nil {
		t.Error(err)
	}
}

func TestOldVersionsAreRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	for range 101 {
		w.put("db", canary)
	}
	if n := len(w.Keys("sm/version/")); n != 102 {
		t.Fatalf("%d values, want 102: none is a day old", n)
	}
	w.Clock.Advance(dayLong)
	w.put("db", canary)
	if n := len(w.Keys("sm/version/")); n != 100 {
		t.Errorf("%d values, want 100", n)
	}
	all, err := w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("db"), IncludeDeprecated: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Versions) != 100 || all.NextToken != nil {
		t.Errorf("%d versions are listed", len(all.Versions))
	}
}

func TestVersionsArePaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", "0")
	for i := range 6 {
		if i%2 == 0 {
			w.Clock.Advance(time.Second) // some of one instant
		}
		w.put("db", fmt.Sprint(i+1), fmt.Sprint("label-", i), "AWSCURRENT")
	}
	pages := secretsmanager.NewListSecretVersionIdsPaginator(w.Client, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("db"), MaxResults: new(int32(2)), IncludeDeprecated: new(true)})
	seen := map[string]bool{}
	var last time.Time
	for n := 0; pages.HasMorePages() && n < 10; n++ {
		page, err := pages.NextPage(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 { // what comes meanwhile must not move the pages
			w.put("db", "new")
		}
		for _, v := range page.Versions {
			if seen[*v.VersionId] || v.CreatedDate.Before(last) {
				t.Errorf("%s comes twice or too late", *v.VersionId)
			}
			seen[*v.VersionId], last = true, *v.CreatedDate
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d versions, want 8", len(seen))
	}
	first, err := w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("db"), MaxResults: new(int32(2))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("db"), NextToken: first.NextToken, IncludeDeprecated: new(true)})
	wantFault(t, err, badPage)
}

// Two requests with one token are one request: both succeed if the values are equal,
// one if they are not.
func TestOneTokenAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	const callers = 8
	run := func(token string, value func(i int) string) (failed int) {
		var wg sync.WaitGroup
		errs := make([]error, callers)
		for i := range callers {
			wg.Go(func() { errs[i] = w.tryPut("db", token, value(i)) })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				failed++
			}
		}
		return failed
	}
	if failed := run(token(1), func(int) string { return "same" }); failed != 0 {
		t.Errorf("%d of %d equal requests failed", failed, callers)
	}
	if failed := run(token(2), func(i int) string { return fmt.Sprint(i) }); failed != callers-1 {
		t.Errorf("%d of %d different requests failed", failed, callers)
	}
	if n := len(w.Keys("sm/version/")); n != 3 {
		t.Errorf("%d values, want 3", n)
	}
}
