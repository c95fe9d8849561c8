// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/server"
)

// The lines in a page between which a table is made.
const (
	made      = "<!-- made from"
	endOfMade = "<!-- end of what is made -->"
)

// fallback finds the default in a setting's usage.
var fallback = regexp.MustCompile(` \(default (.*)\)$`)

// TestSettings is not parallel, because with -update it writes a page that TestPages reads.
func TestSettings(t *testing.T) {
	var b strings.Builder
	b.WriteString("| setting | default | what it says |\n| --- | --- | --- |\n")
	for field := range reflect.TypeFor[server.Config]().Fields() {
		usage := field.Tag.Get("usage")
		if usage == "" {
			continue
		}
		standard := ""
		if m := fallback.FindStringSubmatch(usage); m != nil {
			standard, usage = "`"+m[1]+"`", strings.TrimSuffix(usage, m[0])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", field.Tag.Get("yaml"), standard, usage)
	}
	hold(t, root+"/docs/server.md", b.String())
}

// hold fails unless what is made in the page is want; with -update it writes it.
func hold(t *testing.T, path, want string) {
	t.Helper()
	lines := readPage(t, path).lines
	from := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, made) }) + 1
	to := slices.Index(lines, endOfMade)
	if from == 0 || to < from {
		t.Fatalf("%s has no place for what is made", path)
	}
	table := strings.Split("\n"+want, "\n")
	diff := cmp.Diff(lines[from:to], table)
	switch {
	case diff == "":
	case *update:
		text := strings.Join(slices.Concat(lines[:from], table, lines[to:]), "\n")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what the code says; run go test ./test/docs -update (-page +code):\n%s", path, diff)
	}
}
