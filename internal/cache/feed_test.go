// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// news asks for changes, which must not be reset.
func (r *rig) news(since string) cache.News {
	r.t.Helper()
	n, err := r.Changes(since)
	if err != nil || n.Reset {
		r.t.Fatalf("%+v, %v", n, err)
	}
	return n
}

// rotate makes a new version known.
func (r *rig) rotate(ref cache.Ref) {
	r.t.Helper()
	r.src.set(func(s *source) { s.version++ })
	got, err := r.Refresh(context.Background(), ref)
	if err != nil {
		r.t.Fatal(err)
	}
	got.Wipe()
}

func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestNewVersionsAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	start := r.news("")
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(full), "value 1", cache.Hit, 0)
	if n := r.news(start.Cursor); len(n.Changes) != 0 || ended(start.More) {
		t.Errorf("the first version is no change: %+v", n.Changes)
	}
	r.rotate(byID(name))
	if !ended(start.More) {
		t.Error("whoever waits is not told")
	}
	n := r.news(start.Cursor)
	want := []cache.Change{{Kind: cache.Secret, IDs: []string{name, full, partial}, ARN: full, VersionID: "v2"}}
	if diff := cmp.Diff(want, n.Changes); diff != "" {
		t.Error(diff)
	}
	if again := r.news(n.Cursor); len(again.Changes) != 0 || ended(again.More) {
		t.Errorf("told twice: %+v", again.Changes)
	}
}

func TestAChangeBehindARefusalIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	cursor := r.news("").Cursor
	r.src.set(func(s *source) { s.err = errDenied })
	_, _ = r.Refresh(context.Background(), byID(name))
	r.src.set(func(s *source) { s.err = nil })
	r.rotate(byID(name))
	if n := r.news(cursor); len(n.Changes) != 1 || n.Changes[0].VersionID != "v2" {
		t.Errorf("%+v", n.Changes)
	}
}

func TestOnlyTheLatestIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cursor := r.news("").Cursor
	for _, ref := range []cache.Ref{{ID: name, Stage: "AWSPREVIOUS"}, {ID: name, Stage: "MINE"}, {Kind: cache.Parameter, ID: "/p", Stage: "label"}} {
		got, err := r.Get(context.Background(), ref)
		if err != nil {
			t.Fatal(err)
		}
		got.Wipe()
		r.rotate(ref)
	}
	if n := r.news(cursor); len(n.Changes) != 0 {
		t.Errorf("%+v", n.Changes)
	}
}

func TestCursorsThatCannotBeAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	start := r.news("")
	for range 256 {
		r.rotate(byID(name))
	}
	if n := r.news(start.Cursor); len(n.Changes) != 256 {
		t.Errorf("%d of the last 256", len(n.Changes))
	}
	r.rotate(byID(name))
	for _, old := range []string{start.Cursor, "x", "x.1", start.Cursor + "999999", "."} {
		if n, err := r.Changes(old); err != nil || !n.Reset || len(n.Changes) != 0 {
			t.Errorf("%q: %+v, %v", old, n, err)
		}
	}
	before := r.news("")
	r.Clear()
	if n, err := r.Changes(before.Cursor); err != nil || !n.Reset || !ended(before.More) {
		t.Errorf("after Clear: %+v, %v", n, err)
	}
	last := r.news("")
	r.Close()
	if _, err := r.Changes(""); !errors.Is(err, cache.ErrClosed) || !ended(last.More) {
		t.Errorf("after Close: %v", err)
	}
}

func TestARefreshAheadIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ref := cache.Ref{Kind: cache.Parameter, ID: "/p"}
	r.src.set(func(s *source) {
		s.answer = func(cache.Ref) (cache.Value, error) {
			v := version(full, s.version, nil)
			v.ARN, v.Name, v.VersionID = "arn:aws:ssm:eu-west-1:0:parameter/p", "/p", fmt.Sprint(s.version)
			v.Parameter = &cache.ParameterInfo{Type: new("String")}
			return v, nil
		}
	})
	r.want(ref, "value 1", cache.Miss, 1)
	cursor := r.news("").Cursor
	r.src.set(func(s *source) { s.version++ })
	r.clock.advance(cache.DefaultTTL * 4 / 5) // use starts a refresh
	r.want(ref, "value 1", cache.Hit, 1)
	if n := r.news(cursor); len(n.Changes) != 1 || n.Changes[0].VersionID != "2" || n.Changes[0].Kind != cache.Parameter {
		t.Errorf("%+v", n.Changes)
	}
}
