// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source"
)

// echo is a source whose values are its name and the id that it was asked for.
type echo struct {
	name      string
	forgotten int
}

func (e *echo) Fetch(_ context.Context, ref cache.Ref) (cache.Value, error) {
	return cache.Value{Name: e.name + " " + ref.ID}, nil
}

func (e *echo) Forget() { e.forgotten++ }

func TestIDsNameTheirSource(t *testing.T) {
	t.Parallel()
	aws, vault := &echo{name: "aws"}, &echo{name: "vault"}
	m := &source.Mux{Default: aws, Named: map[string]source.Source{"vault": vault}}
	for ref, want := range map[cache.Ref]string{
		{ID: "db"}: "aws db",
		{ID: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"}: "aws arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
		{ID: "vault:secret/db:1"}:                    "vault secret/db:1",
		{ID: "vault"}:                                "aws vault",
		{Kind: cache.Parameter, ID: "vault:3"}:       "aws vault:3",
		{ID: "vaults:db"}:                            "aws vaults:db",
		{ID: "vault:arn:aws:secretsmanager:x:1:a:b"}: "vault arn:aws:secretsmanager:x:1:a:b",
	} {
		got, err := m.Fetch(t.Context(), ref)
		if err != nil || got.Name != want {
			t.Errorf("%+v: %q, %v; want %q", ref, got.Name, err, want)
		}
	}
	_, err := m.Fetch(t.Context(), cache.Ref{ID: "doppler:DB"})
	if u, ok := errors.AsType[*source.Unconfigured](err); !ok || u.Name != "doppler" {
		t.Errorf("a source that is not configured: %v", err)
	}
	if got, err := m.Fetch(t.Context(), cache.Ref{ID: "vault:db", Role: "arn:aws:iam::111111111111:role/reader"}); err == nil {
		t.Errorf("a role of AWS's read %q of Vault", got.Name)
	}
	if m.Forget(); aws.forgotten != 1 || vault.forgotten != 1 {
		t.Errorf("forgotten %d and %d times", aws.forgotten, vault.forgotten)
	}
}

// batching is an echo that says how many it was asked for at once.
type batching struct{ echo }

func (b *batching) FetchMany(_ context.Context, refs []cache.Ref, done func(int, cache.Value, error)) {
	for i, ref := range refs {
		done(i, cache.Value{Name: fmt.Sprintf("%s %s of %d", b.name, ref.ID, len(refs))}, nil)
	}
}

func TestManyAreSharedOutToTheirSources(t *testing.T) {
	t.Parallel()
	m := &source.Mux{Default: &batching{echo{name: "aws"}}, Named: map[string]source.Source{"vault": &echo{name: "vault"}}}
	refs := []cache.Ref{{ID: "a"}, {ID: "vault:x"}, {ID: "doppler:D"}, {ID: "b"}, {Kind: cache.Parameter, ID: "vault:3"}, {ID: "vault:y"}}
	var mu sync.Mutex
	got := make([]string, len(refs))
	cache.FetchMany(t.Context(), m, refs, func(i int, v cache.Value, err error) {
		mu.Lock()
		defer mu.Unlock()
		if got[i] = v.Name; err != nil {
			got[i] = err.Error()
		}
	})
	want := []string{"aws a of 3", "vault x", "the source doppler is not configured", "aws b of 3", "aws vault:3 of 3", "vault y"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
