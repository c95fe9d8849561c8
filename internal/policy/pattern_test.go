// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func compileAction(s string) pattern { return compile(template{{text: s}}, likeAction) }

func compileResource(s, version string) pattern { return mustCompile(s, version, likeResource) }

// mustCompile compiles a text that is a template.
func mustCompile(s, version string, st style) pattern {
	t, err := parseTemplate(s, version)
	if err != nil {
		panic(err)
	}
	return compile(t, st)
}

func TestActionPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "s3:GetObject", true},
		{"*", "", true},
		{"s3:*", "s3:GetObject", true},
		{"s3:*", "s3", false},
		{"iam:ListAccessKeys", "IAM:listaccesskeys", true},
		{"IAM:listaccesskeys", "iam:ListAccessKeys", true},
		{"iam:*AccessKey*", "iam:DeleteAccessKey", true},
		{"iam:*AccessKey*", "iam:ListAccessKeys", true},
		{"iam:*AccessKey*", "iam:ListUsers", false},
		{"iam:*accesskey?", "iam:ListAccessKeys", true},
		{"iam:*accesskey?", "iam:CreateAccessKey", false},
		{"s3:Get", "s3:GetObject", false},
		{"s3:GetObject", "s3:Get", false},
		{"kms:@", "kms:`", false},
		{"kms:[", "kms:{", false},
		{"\u212Ams:Decrypt", "kms:Decrypt", false},
	} {
		p := compileAction(c.pattern)
		if got := p.matches(c.text, nil); got != c.want {
			t.Errorf("action %q on %q: %v", c.pattern, c.text, got)
		}
	}
}

func TestResourcePattern(t *testing.T) {
	t.Parallel()
	const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", secret, true},
		{"*", "prod/db", true},
		{"*", "*", true},
		{secret, secret, true},
		{secret, strings.ToLower(secret), false},
		{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/*", secret, true},
		{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:Prod/*", secret, false},
		{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-??????", secret, true},
		{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-?????", secret, false},
		{"arn:aws:secretsmanager:*:*:secret:prod/*", secret, true},
		{"arn:aws:secretsmanager:eu-*-1:*:secret:*", secret, true},
		{"arn:aws:secretsmanager:eu-west-?:123456789012:*", secret, true},
		{"arn:aws:secretsmanager:eu-west-1:12345678901?:*", secret, true},
		{"arn:aws:secretsmanager:eu-west-1:1234567890??:*", secret, true},
		{"arn:aws:secretsmanager:eu-west-1:*:*", "prod/db", false},
		{"arn:aws:secretsmanager:eu-west-1:*:*", "*", false},
		// A star at the end of its part runs beyond the colon; another does not.
		{"arn:aws:secretsmanager:*:secret:prod/*", secret, true},
		{"arn:aws:secretsmanager:e*:secret:prod/*", secret, true},
		{"arn:aws:secretsmanager:e*2:*:*", secret, false},
		{"arn:aws:secretsmanager:eu?west-1:*:*", secret, true},
		{"arn:aws:secretsmanager:eu-west-1?123456789012:*:*", secret, false},
		{"arn:aws:sns:e*t:9:x", "arn:aws:sns:eu:t:9:x", false},
		{"arn:aws:sns:e*:t:9:x", "arn:aws:sns:eu:t:9:x", true},
		// The wide star has to be tried again when the narrow one is stuck at a colon.
		{"arn:aws:sns:*:a*c:x", "arn:aws:sns:q:ab:ac:x", true},
		// In the resource part a star spans slashes and colons.
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1/test/object.jpg", true},
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1/2/test/3/object.jpg", true},
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1///test///object.jpg", true},
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1/test/", true},
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket//test/object.jpg", true},
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1-test/object.jpg", false},
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/test/object.jpg", false},
		{"arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1/2/test.jpg", false},
		{"arn:aws:s3:::b/*c", "arn:aws:s3:::b/a:b:c", true},
		{"arn:aws:s3:::b/a?c", "arn:aws:s3:::b/a:c", true},
		// A question mark is a character, not a byte.
		{"arn:aws:s3:::?", "arn:aws:s3:::\u20ac", true},
		{"arn:aws:s3:::??", "arn:aws:s3:::\u20ac", false},
		{"arn:aws:s3:::*??", "arn:aws:s3:::\u20ac", false},
		// Escapes.
		{"arn:aws:s3:::${*}", "arn:aws:s3:::*", true},
		{"arn:aws:s3:::${*}", "arn:aws:s3:::x", false},
		{"arn:aws:s3:::${?}${$}", "arn:aws:s3:::?$", true},
	} {
		p := compileResource(c.pattern, Version2012)
		if got := p.matches(c.text, nil); got != c.want {
			t.Errorf("resource %q on %q: %v", c.pattern, c.text, got)
		}
	}
	if p := compileResource("arn:aws:s3:::${*}", Version2008); !p.matches("arn:aws:s3:::${x}", nil) || p.matches("arn:aws:s3:::*", nil) {
		t.Error("the older language has escapes")
	}
}

// reference is a pattern as a regular expression.
func reference(s string, st style) *regexp.Regexp {
	var b strings.Builder
	colons := 0
	for i, c := range s {
		narrow := colons < arnColons && (st == likeResource || st == likeARN)
		ends := st == likeResource && (i+1 == len(s) || s[i+1] == ':')
		switch {
		case c == '*' && narrow && !ends:
			b.WriteString("[^:]*")
		case c == '*':
			b.WriteString(".*")
		case c == '?' && narrow:
			b.WriteString("[^:]")
		case c == '?':
			b.WriteString(".")
		default:
			if c == ':' {
				colons++
			}
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	flags := "(?s)"
	if st == likeAction {
		flags = "(?si)"
	}
	if st == likeARN && colons < arnColons {
		return regexp.MustCompile(`[^\x00-\x{10FFFF}]`)
	}
	return regexp.MustCompile(flags + "^" + b.String() + "$")
}

// Few letters make long partial matches, and so much backtracking.
func genText(alphabet string) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune(alphabet)), 0, 24, -1)
}

// repeat makes one check of many, as a single short pattern says little.
func repeat(check func(*rapid.T)) func(*rapid.T) {
	return func(t *rapid.T) {
		for range 50 {
			check(t)
		}
	}
}

func TestPatternIsTheRegexp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, repeat(func(t *rapid.T) {
		s := genText("ab:::**??\u00e9").Draw(t, "pattern")
		text := genText("aab::\u00e9").Draw(t, "text")
		if rapid.Bool().Draw(t, "related") {
			text = strings.NewReplacer("*", genText("ab:").Draw(t, "star"), "?", "b").Replace(s)
		}
		for _, st := range []style{likeText, likeResource, likeARN} {
			p := mustCompile(s, Version2008, st)
			if got, want := p.matches(text, nil), reference(s, st).MatchString(text); got != want {
				t.Errorf("style %d, %q on %q: %v", st, s, text, got)
			}
		}
		p := compileAction(strings.ToUpper(s))
		if got, want := p.matches(text, nil), reference(s, likeAction).MatchString(text); got != want && !strings.Contains(s+text, "\u00e9") {
			t.Errorf("action %q on %q: %v", s, text, got)
		}
	}))
}

// steps runs a pattern and returns what it cost, beside a bound for what it may.
func steps(p pattern, text string) (cost, bound int) {
	_, cost = p.run(text)
	return cost, 2 * (len(p.ops) + 1) * (len(text) + 1)
}

func TestPatternIsNotExponential(t *testing.T) {
	t.Parallel()
	for _, n := range []int{8, 64, 512} {
		for _, s := range []string{
			"arn:aws:x:::" + strings.Repeat("a*", n) + "b",
			"arn:aws:x:::" + strings.Repeat("*?", n) + "b",
			"arn:aws:x:::*" + strings.Repeat("a", n) + "b",
			"*:" + strings.Repeat("a*", n) + "b:x:y",
			"*:*:*:*:*:" + strings.Repeat("*a", n) + "b",
			strings.Repeat("*?a", n) + "b",
		} {
			for _, text := range []string{"arn:aws:x:::" + strings.Repeat("a", 4*n), strings.Repeat("a:", 2*n), strings.Repeat("a", 4*n) + ":x"} {
				for _, st := range []style{likeText, likeResource, likeARN} {
					if cost, bound := steps(mustCompile(s, Version2012, st), text); cost > bound {
						t.Errorf("style %d, %.20q... on %.20q... of %d bytes: %d steps, more than %d", st, s, text, len(text), cost, bound)
					}
				}
			}
		}
	}
}

func TestPatternStepsAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := genText("a:***?").Draw(t, "pattern")
		text := strings.Repeat(genText("aab:").Draw(t, "text"), 8)
		if cost, bound := steps(compileResource(s, Version2012), text); cost > bound {
			t.Errorf("%q on %q: %d steps, more than %d", s, text, cost, bound)
		}
	})
}
