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
)

// names lists the secrets that a request asks for, by all its pages.
func (w *world) names(in secretsmanager.ListSecretsInput) []string {
	w.t.Helper()
	names := []string{}
	for pages := secretsmanager.NewListSecretsPaginator(w.Client, &in); pages.HasMorePages(); {
		page, err := pages.NextPage(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, s := range page.SecretList {
			names = append(names, *s.Name)
		}
	}
	return names
}

func (w *world) described(name, description string, pairs ...string) {
	w.t.Helper()
	if _, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: &name, Description: optional(description), Tags: tags(pairs...)}); err != nil {
		w.t.Fatal(err)
	}
	w.Clock.Advance(time.Second)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.described("DatabaseSecret", "My basic description", "team", "Blue")
	w.described("prod/db", "Description of my secret", "Team", "blue", "cost", "42")
	w.described("prod/credsDatabase892", "")
	w.described("test", "nothing")
	for name, test := range map[string]struct {
		filters []types.Filter
		want    string
	}{
		"no filter":                              {nil, "DatabaseSecret prod/db prod/credsDatabase892 test"},
		"a name's beginning":                     {filter("name", "prod/"), "prod/db prod/credsDatabase892"},
		"a name's case counts":                   {filter("name", "data"), ""},
		"several values: any":                    {filter("name", "test", "Data"), "DatabaseSecret test"},
		"several filters: all":                   {append(filter("name", "prod"), filter("tag-key", "Team")...), "prod/db"},
		"words of a description, in any order":   {filter("description", "MY desc"), "DatabaseSecret prod/db"},
		"a word's middle is not its beginning":   {filter("description", "scription"), ""},
		"a tag's key":                            {filter("tag-key", "t"), "DatabaseSecret"},
		"a tag's value":                          {filter("tag-value", "blue"), "prod/db"},
		"not":                                    {filter("name", "!prod/"), "DatabaseSecret test"},
		"one and not another":                    {filter("name", "prod/", "!prod/c"), "prod/db"},
		"not a tag":                              {filter("tag-key", "!Team", "!team"), "prod/credsDatabase892 test"},
		"everywhere, by the words of the value":  {filter("all", "creds@42"), "prod/db prod/credsDatabase892"},
		"everywhere, whatever the case":          {filter("all", "DATABASE"), "DatabaseSecret prod/credsDatabase892"},
		"everywhere, in values of tags":          {filter("all", "BLUE"), "DatabaseSecret prod/db"},
		"not anywhere":                           {filter("all", "!blue"), "prod/credsDatabase892 test"},
		"no secret is replicated":                {filter("primary-region", "eu"), ""},
		"no secret is owned by a service":        {filter("owning-service", "rds"), ""},
		"every secret is not owned by a service": {filter("owning-service", "!rds"), "DatabaseSecret prod/db prod/credsDatabase892 test"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(w.names(secretsmanager.ListSecretsInput{Filters: test.filters}), " ")
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func filter(key string, values ...string) []types.Filter {
	return []types.Filter{{Key: types.FilterNameStringType(key), Values: values}}
}

func TestOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"b", "c", "a", "a/b", "a-b", "a0"} {
		w.create(name, canary)
		w.Clock.Advance(dayLong)
	}
	for _, name := range []string{"c", "a", "b"} {
		w.value(name)
		w.Restart() // so that each read's date is noted
		w.Clock.Advance(dayLong)
	}
	_ = w.tryUpdate("a", "x")
	w.Clock.Advance(time.Second)
	_ = w.tryUpdate("b", "x")
	for by, want := range map[types.SortByType][]string{
		"":                               {"b", "c", "a", "a/b", "a-b", "a0"},
		types.SortByTypeCreatedDate:      {"b", "c", "a", "a/b", "a-b", "a0"},
		types.SortByTypeName:             {"a", "a-b", "a0", "a/b", "b", "c"}, // a slash is after the digits
		types.SortByTypeLastChangedDate:  {"c", "a/b", "a-b", "a0", "a", "b"},
		types.SortByTypeLastAccessedDate: {"a-b", "a0", "a/b", "c", "a", "b"}, // those that nobody read come first, by name
	} {
		for _, size := range []int32{1, 2, 4, 100} {
			in := secretsmanager.ListSecretsInput{SortBy: by, MaxResults: &size}
			if diff := cmp.Diff(want, w.names(in)); diff != "" {
				t.Errorf("by %q, %d at a time:\n%s", by, size, diff)
			}
			in.SortOrder = types.SortOrderTypeDesc
			down := slices.Clone(want)
			slices.Reverse(down)
			if diff := cmp.Diff(down, w.names(in)); diff != "" {
				t.Errorf("by %q, descending, %d at a time:\n%s", by, size, diff)
			}
		}
	}
}

func TestListsShowWhatWaitsForItsDeletionWhenAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("a", canary)
	w.create("b", canary)
	if err := w.tryDelete("a", nil, false); err != nil {
		t.Fatal(err)
	}
	if got := w.names(secretsmanager.ListSecretsInput{}); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %v", got)
	}
	all, err := w.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: new(true)})
	if err != nil || len(all.SecretList) != 2 || !all.SecretList[0].DeletedDate.Equal(w.Clock.Now()) {
		t.Errorf("%+v, %v", all, err)
	}
}

// Pages go on behind the place where the last one ended, whatever comes and goes.
func TestPagesHoldWhileSecretsComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 100 {
		w.described(fmt.Sprintf("s%02d", i), "")
	}
	w.described("s0000", "")
	for _, in := range []secretsmanager.ListSecretsInput{{}, {SortBy: types.SortByTypeName}, {SortOrder: types.SortOrderTypeDesc}} {
		first, err := w.ListSecrets(w.ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		if len(first.SecretList) != 100 || first.NextToken == nil {
			t.Fatalf("a page has %d secrets, want 100", len(first.SecretList))
		}
	}
	in := secretsmanager.ListSecretsInput{SortBy: types.SortByTypeName, MaxResults: new(int32(10))}
	seen := map[string]int{}
	for pages, n := secretsmanager.NewListSecretsPaginator(w.Client, &in), 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.SecretList {
			seen[*s.Name]++
		}
		last := *page.SecretList[len(page.SecretList)-1].Name
		for _, id := range []string{last, *page.SecretList[0].Name} {
			if err := w.tryDelete(id, nil, true); err != nil {
				t.Fatal(err)
			}
		}
		w.described(fmt.Sprintf("r%02d", n), "") // before the page
	}
	for i := range 100 {
		if name := fmt.Sprintf("s%02d", i); seen[name] != 1 {
			t.Errorf("%s was listed %d times", name, seen[name])
		}
	}
}

// A token goes on with the list that it came from, and with no other.
func TestPageTokensAreForOneList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.described(fmt.Sprint("s", i), "")
	}
	page, err := w.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{MaxResults: new(int32(1))})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]secretsmanager.ListSecretsInput{
		"another filter": {Filters: filter("name", "s")},
		"another order":  {SortOrder: types.SortOrderTypeDesc},
		"another sort":   {SortBy: types.SortByTypeName},
		"planned":        {IncludePlannedDeletion: new(true)},
	} {
		in.NextToken = page.NextToken
		if _, err := w.ListSecrets(w.ctx, &in); fault(err) != badPage {
			t.Errorf("%s: %s", name, fault(err))
		}
	}
	w.Restart()
	if _, err := w.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{NextToken: page.NextToken, MaxResults: new(int32(2))}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}
