// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"
)

// Java's terms where RE2's differ.
const (
	notLineEnd = `\n\r\x{85}\x{2028}\x{2029}` // what a Java dot does not match
	javaSpace  = `\t\n\x{0B}\f\r `            // RE2's \s lacks the vertical tab
)

// overrides are the patterns that no rule below can turn into RE2, by AWS's spelling.
var overrides = map[string]string{
	// One line that is not blank. The lookahead refuses blanks, the dots refuse line ends.
	`^(?!\s*$).+`: `[^` + notLineEnd + `]*[^` + javaSpace + `\x{85}\x{2028}\x{2029}][^` + notLineEnd + `]*`,
	// No two hyphens side by side, and none at an end. The length is the member's as well.
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: `[a-z0-9]+(?:-[a-z0-9]+)*`,
}

// translate returns the RE2 pattern that matches within a string what Java's
// Matcher.matches does with the given one, when it is anchored at both ends.
func translate(java string) (string, error) {
	re2, ok := overrides[java]
	if !ok {
		var err error
		if re2, err = rewrite(java); err != nil {
			return "", fmt.Errorf("pattern %q: %w: add an override", java, err)
		}
	}
	if _, err := regexp.Compile(`\A(?:` + re2 + `)\z`); err != nil {
		return "", fmt.Errorf("pattern %q: %w: add an override", java, err)
	}
	return re2, nil
}

// rewrite replaces what Java reads differently, a token at a time.
func rewrite(java string) (string, error) {
	var b strings.Builder
	for in := false; java != ""; {
		token, err := next(java)
		if err != nil {
			return "", err
		}
		java = java[len(token):]
		switch {
		case token == `\S` && in:
			return "", fmt.Errorf("the escape %s in a class has no rule", token)
		case token[0] == '\\':
			b.WriteString(escape(token, in))
		case token == "." && !in:
			b.WriteString(`[^` + notLineEnd + `]`)
		case token == "[" && in, token == "&" && in && strings.HasPrefix(java, "&"):
			return "", fmt.Errorf("a nested or intersected class has no rule")
		default:
			in = token == "[" || in && token != "]"
			b.WriteString(token)
		}
	}
	return b.String(), nil
}

// next cuts the next escape or character.
func next(s string) (string, error) {
	if s[0] != '\\' {
		for i := range s {
			if i > 0 {
				return s[:i], nil
			}
		}
		return s, nil
	}
	switch {
	case len(s) < 2:
		return "", fmt.Errorf("it ends in an escape")
	case s[1] == 'u' && len(s) >= 6:
		return s[:6], nil // exactly four digits: \u10000 is U+1000 and the digit 0
	case s[1] == 'p' && strings.HasPrefix(s[2:], "{") && strings.Contains(s, "}"):
		return s[:strings.Index(s, "}")+1], nil
	case strings.IndexByte(`dwsSfnrt`, s[1]) >= 0, !isAlphanumeric(s[1]):
		return s[:2], nil
	}
	return "", fmt.Errorf("the escape %s has no rule", s[:2])
}

// escape returns an escape as RE2 has it; in says whether it stands in a class.
func escape(token string, in bool) string {
	switch {
	case token[1] == 'u':
		return `\x{` + token[2:] + `}`
	case token == `\s` && in:
		return javaSpace
	case token == `\s`:
		return "[" + javaSpace + "]"
	case token == `\S`:
		return "[^" + javaSpace + "]"
	}
	return token
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
