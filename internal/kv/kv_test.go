// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// segment draws a segment, often of the bytes that matter to the escaping.
func segment() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune("/%\x00\x1f 25Fa")), 0, 6, -1),
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) }),
	)
}

func segments() *rapid.Generator[[]string] { return rapid.SliceOfN(segment(), 1, 5) }

func TestKey(t *testing.T) {
	t.Parallel()
	for want, segments := range map[string][]string{
		"sm/000000000000/eu-west-1/secret/prod%2Fdb": {"sm", "000000000000", "eu-west-1", "secret", "prod/db"},
		"a%252Fb":        {"a%2Fb"},
		"%00%1F ":        {"\x00\x1f "},
		"//":             {"", "", ""},
		"caf\u00e9/\xff": {"caf\u00e9", "\xff"},
	} {
		if got := kv.Key(segments...); got != want {
			t.Errorf("Key(%q) = %q, want %q", segments, got, want)
		}
	}
	if got, want := kv.Prefix("a", "b/"), "a/b%2F/"; got != want {
		t.Errorf("Prefix = %q, want %q", got, want)
	}
}

// TestKeySplit holds that Split undoes Key, so that different segments have different
// keys.
func TestKeySplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := segments().Draw(t, "segments")
		key := kv.Key(want...)
		if diff := cmp.Diff(want, kv.Split(key)); diff != "" {
			t.Errorf("Split(%q) (-want +got):\n%s", key, diff)
		}
	})
}

// TestPrefixHolds holds that a prefix is that of the keys below its segments, and of no
// other.
func TestPrefixHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parent, key := segments().Draw(t, "parent"), segments().Draw(t, "key")
		if rapid.Bool().Draw(t, "below") {
			key = append(slices.Clone(parent), key...)
		}
		below := len(key) > len(parent) && slices.Equal(key[:len(parent)], parent)
		if got := strings.HasPrefix(kv.Key(key...), kv.Prefix(parent...)); got != below {
			t.Errorf("Key(%q) begins with Prefix(%q): %t, want %t", key, parent, got, below)
		}
	})
}

// TestKeyOrder holds that keys are in the order of their segments for those that need no
// escape, as account ids, regions and times do not. What sorts before '/' must not
// bring a longer segment before the keys below a shorter one, so they are left out.
func TestKeyOrder(t *testing.T) {
	t.Parallel()
	plain := rapid.SliceOfN(rapid.StringMatching(`[0-9A-Za-z_:]{1,4}`), 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := plain.Draw(t, "a"), plain.Draw(t, "b")
		if got, want := strings.Compare(kv.Key(a...), kv.Key(b...)), slices.Compare(a, b); got != want {
			t.Errorf("the keys of %q and %q compare as %d, want %d", a, b, got, want)
		}
	})
}

// TestSplitDamaged splits what Key has not made: it must not panic.
func TestSplitDamaged(t *testing.T) {
	t.Parallel()
	for key, want := range map[string][]string{"%": {"%"}, "%2": {"%2"}, "%zz/%2f": {"%zz", "%2f"}, "a%2F%": {"a/%"}} {
		if diff := cmp.Diff(want, kv.Split(key)); diff != "" {
			t.Errorf("Split(%q) (-want +got):\n%s", key, diff)
		}
	}
}

func TestRangeBounds(t *testing.T) {
	t.Parallel()
	key := rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00\u00ff")), 0, 4, -1)
	bytes := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("ab\x00\xfe\xff")), 0, 4), func(b []byte) string { return string(b) })
	keys := rapid.OneOf(key, bytes)
	rapid.Check(t, func(t *rapid.T) {
		r := kv.Range{Prefix: keys.Draw(t, "prefix"), Start: keys.Draw(t, "start"), End: keys.Draw(t, "end")}
		k := keys.Draw(t, "key")
		if rapid.Bool().Draw(t, "below") {
			k = r.Prefix + k
		}
		start, end := r.Bounds()
		within := k >= start && (end == "" || k < end)
		if got := r.Contains(k); got != within {
			t.Errorf("%q is in %+v: %t, but its bounds %q and %q say %t", k, r, got, start, end, within)
		}
		want := strings.HasPrefix(k, r.Prefix) && k >= r.Start && (r.End == "" || k < r.End)
		if got := r.Contains(k); got != want {
			t.Errorf("%q is in %+v: %t, want %t", k, r, got, want)
		}
	})
}

func TestCheckPair(t *testing.T) {
	t.Parallel()
	long, large := strings.Repeat("k", kv.MaxKey), make([]byte, kv.MaxValue+kv.Headroom)
	for _, c := range []struct {
		name  string
		key   string
		value []byte
		want  error
	}{
		{"largest", long, large, nil},
		{"empty key", "", nil, kv.ErrEmptyKey},
		{"long key", long + "k", nil, kv.ErrTooLarge},
		{"large value", "k", append(large, 0), kv.ErrTooLarge},
	} {
		if err := kv.CheckPair(c.key, c.value); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("sm/000000000000/eu-west-1/secret/prod%2Fdb")
	f.Fuzz(func(t *testing.T, key string) {
		// What is split and joined again stays as it is.
		once := kv.Key(kv.Split(key)...)
		if again := kv.Key(kv.Split(once)...); again != once {
			t.Errorf("%q became %q and then %q", key, once, again)
		}
	})
}
