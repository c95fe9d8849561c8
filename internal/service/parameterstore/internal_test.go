// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/record"
)

// counter counts the records that are read through it.
type counter struct {
	kv.Reader
	records int
}

func (c *counter) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		for pair, err := range c.Reader.Scan(r) {
			c.records++
			if !yield(pair, err) {
				return
			}
		}
	}
}

// tree is a store with 1,000 parameters below each of /a/0 to /a/9, and /a/leaf.
func tree(tb testing.TB, s *service, call *gate.Call) kv.Store {
	tb.Helper()
	store := memkv.New()
	tb.Cleanup(func() { _ = store.Close() })
	var names []string
	for i := range 10 {
		for j := range 1000 {
			names = append(names, fmt.Sprintf("/a/%d/%03d", i, j))
		}
	}
	names = append(names, "/a/leaf")
	for len(names) > 0 {
		some := names[:min(kv.MaxOps, len(names))]
		names = names[len(some):]
		if _, err := store.Update(tb.Context(), func(tx kv.Tx) error {
			for _, name := range some {
				p := &Parameter{Name: name, Oldest: 1, Current: Version{Number: 1, Type: ssm.ParameterTypeString}}
				if err := s.heads.Put(tx, p, segments(call, p.key())...); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			tb.Fatal(err)
		}
	}
	return store
}

// A page reads what it shows, and not the account.
func TestListsReadNoMoreThanTheyNeed(t *testing.T) {
	t.Parallel()
	s := &service{heads: record.New[Parameter]("ssm/parameter")}
	call := &gate.Call{Account: "123456789012", Region: "eu-west-1"}
	store := tree(t, s, call)
	everything := func(*Parameter) bool { return true }
	nothing := func(*Parameter) bool { return false }
	a := s.pathPrefix(call, "/a")
	name, _ := readFilters([]ssm.ParameterStringFilter{{Key: new(keyName), Values: []string{"/a/7/500"}}}, describeKeys)
	spans, above := s.spans(call, name)
	for _, c := range []struct {
		name        string
		l           listing
		found, read int
		more        bool
	}{
		{"one level", listing{spans: []span{below(a)}, above: a, limit: 10, match: everything}, 1, 11, false},
		{"a page of all levels", listing{spans: []span{below(a)}, limit: 10, match: everything}, 10, 11, true},
		{"a later page", listing{spans: []span{below(a)}, limit: 10, match: everything, after: a + "9/990"}, 10, 10, false},
		{"a name", listing{spans: spans, above: above, limit: 10, match: name.match}, 1, 1, false},
		{"a filter that fits nothing", listing{spans: []span{below(a)}, limit: 10, match: nothing}, 0, maxExamined, true},
		{"an empty path", listing{spans: []span{below(s.pathPrefix(call, "/b"))}, limit: 10, match: everything}, 0, 0, false},
	} {
		if _, err := store.View(t.Context(), func(r kv.Reader) error {
			counted := &counter{Reader: r}
			found, next, err := s.page(counted, call, &c.l)
			if len(found) != c.found || counted.records != c.read || (next != "") != c.more {
				t.Errorf("%s: %d found and %d read, next %q", c.name, len(found), counted.records, next)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConditionKeys(t *testing.T) {
	t.Parallel()
	c := putConditions(&ssm.PutParameterInput{
		Overwrite: new(true), Tags: []ssm.Tag{{Key: new("Team"), Value: new("blue")}, {Key: new("App"), Value: new("x")}},
	})
	c.tags = map[string]string{"Team": "red"}
	for key, want := range map[string][]string{
		"aws:ResourceTag/Team": {"red"}, "ssm:resourceTag/team": {"red"}, "aws:ResourceTag/App": nil,
		"aws:RequestTag/Team": {"blue"}, "aws:TagKeys": {"App", "Team"},
		"ssm:Overwrite": {"true"}, "ssm:Policies": {"false"}, "ssm:Recursive": nil, "aws:Other": nil,
	} {
		got, ok := c.values(strings.ToLower(key))
		if !ok {
			got = nil
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", key, d)
		}
	}
	if _, ok := (conditions{}).values("aws:tagkeys"); ok {
		t.Error("a request without tags has aws:TagKeys")
	}
}

// The two ways to a name must not drift apart: what can be created can be read.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a", "/a", "/a/b", "a/b", "//", "/aws/x", "ssm", " a ", "a:1", "arn:aws:ssm:eu-west-1:123456789012:parameter/a", "\u00fc"} {
		f.Add(seed)
	}
	call := &gate.Call{Account: "123456789012", Region: "eu-west-1"}
	f.Fuzz(func(t *testing.T, asked string) {
		name, key, err := creatable(call, asked)
		ref, readErr := refer(call, asked)
		if (ref == nil) == (readErr == nil) && readErr == nil {
			t.Fatalf("%q: neither a reference nor an error", asked)
		}
		if err != nil {
			return
		}
		if readErr != nil || ref.key != key || ref.name != name || ref.selector != "" {
			t.Fatalf("%q can be created as %q, and reads as %+v (%v)", asked, key, ref, readErr)
		}
		if at := record.New[Parameter]("ssm/parameter").Key(segments(call, key)...); len(at) > kv.MaxKey {
			t.Fatalf("%q has a key of %d bytes", asked, len(at))
		}
		byARN, err := refer(call, parameterARN(call, key))
		if err != nil || byARN.key != key || byARN.elsewhere {
			t.Fatalf("%q reads by ARN as %+v (%v)", asked, byARN, err)
		}
	})
}
