// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
)

// varying is what is different each time, and what stands for it when outputs are compared.
var varying = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`(:secret:[\w/+=.@-]+)-[A-Za-z0-9]{6}\b`), "$1-SUFFIX"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "TIME"},
	{regexp.MustCompile(`"?\b1\d{9}(\.\d+)?\b"?`), "EPOCH"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "SHA256"},
	{regexp.MustCompile(`\b(AKIA|ASIA|AIDA|AROA)[0-9A-Z]{16,17}\b`), "$1ID"},
	{regexp.MustCompile(`(?i)((?:secret_?access_?key|session_?token)"?\s*[:=]\s*"?)[\w/+=-]+`), "${1}KEY"},
	{regexp.MustCompile(`"[A-Za-z0-9+/]{80,}={0,2}"`), `"BASE64"`},
	{regexp.MustCompile(`^(Age|Content-Length|Date): .*`), "$1: VARIES"},
	{regexp.MustCompile(`^aws: \[ERROR\]: `), ""}, // newer versions of the AWS CLI write it
}

// normal returns a line with placeholders for what varies, and without what nobody sees.
func normal(line string) string {
	line = strings.TrimRight(line, " \r\t")
	for _, v := range varying {
		line = v.pattern.ReplaceAllString(line, v.instead)
	}
	return line
}

func normals(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = normal(l)
	}
	return out
}

// pattern is what printed lines have to match: those shown, in which a line "..." stands for
// any lines, and "..." in a line for any text. Both sides are normal.
func pattern(shown []string) string {
	var b strings.Builder
	b.WriteString(`\A`)
	for _, l := range shown {
		if strings.TrimSpace(l) == "..." {
			b.WriteString(`(?:[^\n]*\n)*`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(l), `\.\.\.`, `[^\n]*`))
		b.WriteString(`\n`)
	}
	return b.String()
}

// alike reports whether what was printed is what is shown.
func alike(shown, printed []string) bool {
	return regexp.MustCompile(pattern(normals(shown)) + `\z`).MatchString(text(normals(printed)))
}

// begun reports whether what was printed begins with what is shown, which is not nothing.
func begun(shown, printed []string) bool {
	return len(shown) > 0 && regexp.MustCompile(pattern(normals(shown))).MatchString(text(normals(printed)))
}

func text(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
