// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package password_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/password"
)

const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// types are the types as the documentation lists them, in the order of the rules' flags.
var types = []string{"0123456789", punctuation, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", " "}

func included(r password.Rules) []string {
	var in []string
	for i, t := range types {
		if []bool{r.ExcludeNumbers, r.ExcludePunctuation, r.ExcludeUppercase, r.ExcludeLowercase, !r.IncludeSpace}[i] {
			continue
		}
		left := strings.Map(func(c rune) rune {
			if strings.ContainsRune(r.Exclude, c) {
				return -1
			}
			return c
		}, t)
		if left != "" {
			in = append(in, left)
		}
	}
	return in
}

func TestPasswordsKeepTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := password.Rules{
			Length:             rapid.IntRange(0, 64).Draw(t, "length"),
			Exclude:            rapid.StringOf(rapid.RuneFrom([]rune("aeiouAEIOU0123456789!@ é"))).Draw(t, "exclude"),
			ExcludeNumbers:     rapid.Bool().Draw(t, "numbers"),
			ExcludePunctuation: rapid.Bool().Draw(t, "punctuation"),
			ExcludeUppercase:   rapid.Bool().Draw(t, "uppercase"),
			ExcludeLowercase:   rapid.Bool().Draw(t, "lowercase"),
			IncludeSpace:       rapid.Bool().Draw(t, "space"),
			RequireEach:        rapid.Bool().Draw(t, "each"),
		}
		in := included(r)
		length := r.Length
		if length == 0 {
			length = 32
		}
		got, err := password.Generate(r)
		switch {
		case len(in) == 0:
			if !errors.Is(err, password.ErrNothingLeft) {
				t.Fatalf("nothing is left, and the error is %v", err)
			}
			return
		case r.RequireEach && length < len(in):
			if !errors.Is(err, password.ErrTooShort) {
				t.Fatalf("%d characters for %d types, and the error is %v", length, len(in), err)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		s := got.RevealString()
		if len(s) != length || strings.Trim(s, strings.Join(in, "")) != "" {
			t.Fatalf("%q is not %d of %q", s, length, in)
		}
		for _, kind := range in {
			if r.RequireEach && !strings.ContainsAny(s, kind) {
				t.Fatalf("%q has none of %q", s, kind)
			}
		}
	})
}

func TestLengthsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for _, length := range []int{-1, password.MaxLength + 1} {
		if _, err := password.Generate(password.Rules{Length: length}); !errors.Is(err, password.ErrLength) {
			t.Errorf("length %d: %v", length, err)
		}
	}
	if got, err := password.Generate(password.Rules{Length: password.MaxLength}); err != nil || got.Len() != password.MaxLength {
		t.Errorf("the longest password has %d characters, %v", got.Len(), err)
	}
}

// The bounds are twelve standard deviations wide: a fair draw is outside of them once
// in more runs than will ever be made, a biased one (256 modulo 94 favours some
// characters by half) always.
func TestCharactersAreEquallyLikely(t *testing.T) {
	t.Parallel()
	const draws = 200
	counts := map[rune]int{}
	for range draws {
		got, err := password.Generate(password.Rules{Length: password.MaxLength})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range got.RevealString() {
			counts[c]++
		}
	}
	const want = draws * password.MaxLength / 94 // 8714, with a deviation of 93
	if len(counts) != 94 {
		t.Errorf("%d characters were drawn, want 94", len(counts))
	}
	for c, n := range counts {
		if n < want-12*93 || n > want+12*93 {
			t.Errorf("%q was drawn %d times, want about %d", c, n, want)
		}
	}
}

// Rules that few draws keep are kept all the same, and soon.
func TestUnlikelyRulesEnd(t *testing.T) {
	t.Parallel()
	r := password.Rules{Length: 5, IncludeSpace: true, RequireEach: true, Exclude: types[0][1:] + types[2][1:] + types[3][1:]}
	got, err := password.Generate(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"0", "A", "a", " ", punctuation} {
		if !strings.ContainsAny(got.RevealString(), c) {
			t.Errorf("%q has none of %q", got.RevealString(), c)
		}
	}
}
