// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package docs_test runs what README.md and the pages in docs/ show.
//
// The lines of their "console" blocks that begin with "$ " are run in one bash for each
// page, in a temporary directory, with coffer and coffer-extension on PATH; what they print
// must be what the page shows. What varies (UUIDs, times, keys) is not compared, "..." stands
// for any text, and 127.0.0.1:8420 and 127.0.0.1:2773 for addresses of the test's choice.
// A command that ends in "&" runs on while the next ones run; those wait until it has
// printed what is shown. A block of any other language with a file's name after it is
// written to that file. All other blocks are for reading alone. Go programs are in a module
// that uses this one.
//
// go test ./test/docs -update writes what commands print into the pages.
package docs_test

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

var update = flag.Bool("update", false, "write what commands print into the pages")

func TestPages(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := build(t)
	for _, path := range append(paths, root+"/README.md") {
		p := readPage(t, path)
		if len(p.blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			walk(t, p, bin)
		})
	}
}

// build builds the programs that the pages are about, and returns their directory.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// walk runs the blocks of a page, each in a test of its own. It ends with the first one
// that needs something which is not there, because later ones may stand on it.
func walk(t *testing.T, p *page, bin string) {
	dir := t.TempDir()
	goModule(t, dir)
	at := newAddresses(t)
	sh := startShell(t, dir, environment(t, bin, at))
	var corrections []correction
	for _, b := range p.blocks {
		if b.name != "" {
			if err := os.WriteFile(filepath.Join(dir, b.name), []byte(at.real(b.content)), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		done := false
		t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
			need(t, dir, b)
			corrections = append(corrections, play(t, p, sh, at, b)...)
			done = !t.Failed()
		})
		if !done {
			break
		}
	}
	if *update {
		if err := p.correct(corrections); err != nil {
			t.Error(err)
		}
	}
}

// play runs a block's commands.
func play(t *testing.T, p *page, sh *shell, at addresses, b block) (corrections []correction) {
	for _, c := range b.commands {
		shown := p.shown(c)
		var printed []string
		var err error
		var same bool
		if c.background {
			printed, err = sh.start(at.real(c.text), func(printed []string) bool { return begun(shown, at.shownAll(printed)) })
			printed = at.shownAll(printed)
			same = begun(shown, printed)
		} else {
			printed, err = sh.run(at.real(c.text))
			printed = at.shownAll(printed)
			same = alike(shown, printed)
		}
		switch {
		case err != nil:
			t.Fatalf("%s:%d: $ %s\n%v", p.path, c.line, c.text, err)
		case same:
		case *update:
			corrections = append(corrections, correction{c, printed})
		default:
			t.Fatalf("%s:%d: $ %s\nprints something else than the page shows (-shown +printed):\n%s",
				p.path, c.line, c.text, cmp.Diff(normals(shown), normals(printed)))
		}
	}
	return corrections
}

// addresses are what the default addresses of the server and of the extension are replaced
// by, so that pages do not get into each other's way, nor into that of what runs already.
type addresses struct{ server, extension int }

func newAddresses(t *testing.T) addresses {
	t.Helper()
	return addresses{freePort(t), freePort(t)}
}

// Ports are chosen below those that systems give to connections, because nobody else takes
// one of these between our choice and its use but by choice too.
const (
	firstPort = 10_000
	ports     = 20_000
)

func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := firstPort + random(ports)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

var defaultAddress = regexp.MustCompile(`\b(127\.0\.0\.1|localhost):(8420|2773)\b`)

// real replaces the addresses of the page by those to use.
func (a addresses) real(text string) string {
	return defaultAddress.ReplaceAllStringFunc(text, func(s string) string {
		s = strings.Replace(s, ":8420", ":"+strconv.Itoa(a.server), 1)
		return strings.Replace(s, ":2773", ":"+strconv.Itoa(a.extension), 1)
	})
}

// shownAll replaces the addresses that were used by those of the page.
func (a addresses) shownAll(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		l = strings.ReplaceAll(l, ":"+strconv.Itoa(a.server), ":8420")
		out[i] = strings.ReplaceAll(l, ":"+strconv.Itoa(a.extension), ":2773")
	}
	return out
}
