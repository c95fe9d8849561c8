// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// dropped is what GitHub leaves out of a heading when it makes an anchor of it.
	dropped = regexp.MustCompile(`[^\w\- ]`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	var pages []string
	for _, glob := range []string{"/*.md", "/docs/*.md"} {
		found, err := filepath.Glob(root + glob)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			to := path
			if file != "" {
				to = filepath.Join(filepath.Dir(path), file)
			}
			content, err := os.ReadFile(to)
			if err != nil {
				t.Errorf("%s: the link %s: %v", path, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(content), anchor) {
				t.Errorf("%s: the link %s: there is no such heading", path, m[1])
			}
		}
	}
}

func anchors(page []byte) []string {
	var out []string
	for _, m := range heading.FindAllSubmatch(page, -1) {
		text := dropped.ReplaceAllString(strings.ToLower(string(m[1])), "")
		out = append(out, strings.ReplaceAll(text, " ", "-"))
	}
	return out
}

// variable finds the environment variables that the extension reads.
var variable = regexp.MustCompile(`\b(?:AWS|COFFER|PARAMETERS_SECRETS|SECRETS_MANAGER|SSM_PARAMETER)_[A-Z_]*[A-Z]\b`)

func TestTheExtensionsVariablesAreThoseOfItsHelp(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "run", "./cmd/coffer-extension", "--help")
	cmd.Dir = root
	help, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(root + "/docs/extension.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Settings\n")
	table, _, _ = strings.Cut(table, "\n## ")
	if diff := cmp.Diff(variables(string(help)), variables(table)); diff != "" {
		t.Errorf("(-help +page)\n%s", diff)
	}
}

func variables(text string) []string {
	found := map[string]bool{}
	for _, name := range variable.FindAllString(text, -1) {
		found[name] = true
	}
	return slices.Sorted(maps.Keys(found))
}
