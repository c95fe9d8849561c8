// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = "# A page\n\n" +
	"```console\n$ echo one; echo two\none\ntwo\n$ cat <<'END'\n> three\n> END\nthree\n$ true\n```\n\n" +
	"```text\n$ not run\n```\n\n" +
	"```yaml a.yaml\nkey: value\n```\n\n" +
	"```console\n$ (echo up; exec sleep 600) &\nup\n$ kill %1\n```\n"

func TestAPageIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	p, err := parsePage("page.md", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range p.blocks {
		if b.name != "" {
			got = append(got, b.name+": "+b.content)
		}
		for _, c := range b.commands {
			got = append(got, c.text+" => "+strings.Join(p.shown(c), ","))
		}
	}
	want := []string{
		"echo one; echo two => one,two", "cat <<'END'\nthree\nEND => three", "true => ",
		"a.yaml: key: value\n", "(echo up; exec sleep 600) => up", "kill %1 => ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for what, bad := range map[string]string{
		"without an end":       "```console\n$ true\n",
		"without a command":    "```console\noutput\n```\n",
		"an end in its middle": "```sh x\n````\n",
	} {
		if _, err := parsePage("page.md", []byte(bad)); err == nil {
			t.Errorf("a block %s is taken", what)
		}
	}
}

func TestWhatAPageShowsIsComparedWithWhatIsPrinted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown, printed string
		want           bool
	}{
		{"one\ntwo", "one\ntwo", true},
		{"one\ntwo", "one", false},
		{"one", "one\ntwo", false},
		{"", "", true},
		{"", "one", false},
		{"one\n...", "one\ntwo\nthree", true},
		{"...\nthree", "one\ntwo\nthree", true},
		{"...\nfour", "one\ntwo\nthree", false},
		{"a ... c", "a b c", true},
		{"a ... c", "a b d", false},
		{"a.c", "abc", false},
		{"at 2026-01-02T03:04:05Z by AKIAIOSFODNN7EXAMPLE", "at 2027-11-12T13:14:15.678Z by AKIA0123456789ABCDEF", true},
		{"secret:prod/db-g1QfT8", "arn:aws:secretsmanager:secret:prod/db-AbCdEf", false},
		{`"a:secret:prod/db-g1QfT8"`, `"a:secret:prod/db-AbCdEf"`, true},
		{`"a:secret:prod/db-g1QfT8"`, `"a:secret:prod/dc-AbCdEf"`, false},
		{`"VersionId": "cfb9aa38-8592-46b7-abad-5a63328c882d"`, `"VersionId": "f64feac5-b306-4621-a98a-9a1e50e9fdcb"`, true},
		{`"SecretString": "correct-horse"`, `"SecretString": "battery-staple"`, false},
	} {
		if got := alike(lines(c.shown), lines(c.printed)); got != c.want {
			t.Errorf("shown %q and printed %q: alike is %t", c.shown, c.printed, got)
		}
	}
}

func TestASessionGoesOnFromCommandToCommand(t *testing.T) {
	t.Parallel()
	sh := startShell(t, t.TempDir(), os.Environ())
	for _, c := range []struct{ text, want string }{
		{"x=1; cd /; pwd", "/"},
		{"echo $x", "1"},
		{"false", ""},
		{"echo $?", "1"},
		{"printf 'no end of line'", "no end of line"},
		{"echo on the other >&2", "on the other"},
		{"bash", ""}, // reads the commands that follow
		{"x=2", ""},
		{"exit", ""},
		{"echo $x", "1"},
	} {
		printed, err := sh.run(c.text)
		if got := strings.Join(printed, "\n"); err != nil || got != c.want {
			t.Fatalf("%s prints %q (%v), want %q", c.text, got, err, c.want)
		}
	}
	printed, err := sh.start("sh -c 'echo up; exec sleep 600'", func(p []string) bool { return begun([]string{"up"}, p) })
	if err != nil || !cmp.Equal(printed, []string{"up"}) {
		t.Fatalf("%q, %v", printed, err)
	}
	if printed, err := sh.run("kill %1 && wait"); err != nil {
		t.Fatalf("%q, %v", printed, err)
	}
}

func TestAPageIsCorrected(t *testing.T) {
	t.Parallel()
	p, err := parsePage(filepath.Join(t.TempDir(), "page.md"), []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	commands := p.blocks[0].commands
	if err := p.correct([]correction{{commands[0], []string{"1"}}, {commands[2], []string{"new"}}}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(sample, "one\ntwo\n", "1\n", 1)
	want = strings.Replace(want, "$ true\n", "$ true\nnew\n", 1)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
