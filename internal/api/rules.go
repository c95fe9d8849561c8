// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// rules are the constraints of one value, as the generator writes them into a tag:
//
//	aws:"required; token; len=1..64; range=..100; enum=a|b; pattern=[a-z]+"
//
// Each part is optional, a bound may be left out, and the pattern comes last because
// it may hold anything. The tags each, key and value have the same grammar, for the
// elements of lists and the keys and values of maps.
type rules struct {
	required bool // it must be there
	hidden   bool // audit records tell that it was there
	length   *bounds
	value    *bounds
	enum     []string
	pattern  string // AWS's, which is Java's

	// match is the pattern, compiled. A method of regexp's and not its Regexp: the types
	// that a value may reach are linked with all of their methods, and a client, which
	// validates nothing, would carry the compiler of patterns about.
	match atomic.Pointer[func(string) bool]
}

// bounds are inclusive.
type bounds struct{ min, max int64 }

func (b *bounds) hold(n int64) bool { return b == nil || b.min <= n && n <= b.max }

// parseRules reads a tag. It panics for a tag that the generator does not write.
func parseRules(tag string) *rules {
	if tag == "" {
		return nil
	}
	r := new(rules)
	for rest, more := tag, true; more; {
		var part string
		if strings.HasPrefix(rest, "pattern=") {
			part, more = rest, false
		} else {
			part, rest, more = strings.Cut(rest, "; ")
		}
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "required":
			r.required = true
		case "hidden":
			r.hidden = true
		case "token": // for clients, which make one up; any string is valid
		case "len":
			r.length = parseBounds(value)
		case "range":
			r.value = parseBounds(value)
		case "enum":
			r.enum = strings.Split(value, "|")
		case "pattern":
			r.pattern = value
		default:
			panic("api: no rule for the tag " + tag)
		}
	}
	return r
}

func parseBounds(s string) *bounds {
	b := &bounds{math.MinInt64, math.MaxInt64}
	low, high, _ := strings.Cut(s, "..")
	for _, side := range []struct {
		text string
		to   *int64
	}{{low, &b.min}, {high, &b.max}} {
		if side.text == "" {
			continue
		}
		n, err := strconv.ParseInt(side.text, 10, 64)
		if err != nil {
			panic("api: not a bound: " + s)
		}
		*side.to = n
	}
	return b
}

// matches reports whether the whole of s fits the pattern, as Java's Matcher.matches
// would. The pattern is compiled at first use. That it compiles, a test holds.
func (r *rules) matches(s string) bool {
	match := r.match.Load()
	if match == nil {
		match = new(regexp.MustCompile(`\A(?:` + translated(r.pattern) + `)\z`).MatchString)
		r.match.Store(match)
	}
	return (*match)(s)
}

// holdsString reports whether s, n characters long, keeps the rules.
func (r *rules) holdsString(s string, n int) bool {
	return r.length.hold(int64(n)) &&
		(r.enum == nil || slices.Contains(r.enum, s)) &&
		(r.pattern == "" || r.matches(s))
}

// messages lists what the rules demand of an element, as AWS writes it in brackets.
func (r *rules) messages() []string {
	var out []string
	if r.length != nil {
		out = append(out, r.length.messages("length")...)
	}
	if r.value != nil {
		out = append(out, r.value.messages("value")...)
	}
	if r.pattern != "" {
		out = append(out, r.patternMessage())
	}
	if r.enum != nil {
		out = append(out, r.enumMessage())
	}
	return out
}

func (b *bounds) messages(what string) []string {
	var out []string
	if b.max != math.MaxInt64 {
		out = append(out, "Member must have "+what+" less than or equal to "+strconv.FormatInt(b.max, 10))
	}
	if b.min != math.MinInt64 {
		out = append(out, "Member must have "+what+" greater than or equal to "+strconv.FormatInt(b.min, 10))
	}
	return out
}

// broken says which bound n breaks.
func (b *bounds) broken(what string, n int64) string {
	if n > b.max {
		return (&bounds{math.MinInt64, b.max}).messages(what)[0]
	}
	return (&bounds{b.min, math.MaxInt64}).messages(what)[0]
}

func (r *rules) patternMessage() string {
	return "Member must satisfy regular expression pattern: " + r.pattern
}

func (r *rules) enumMessage() string {
	return "Member must satisfy enum value set: [" + strings.Join(r.enum, ", ") + "]"
}
