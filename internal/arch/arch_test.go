// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/arch"
)

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// list runs go list over the packages and returns what it says.
func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
}

type place struct {
	order int
	tower arch.Tower
}

func plan() map[string]place {
	places := map[string]place{}
	for _, f := range arch.Floors {
		for _, p := range f.Packages {
			path := strings.TrimSuffix(arch.Module+"/"+p.Path, "/")
			places[path] = place{len(places), p.Tower}
		}
	}
	return places
}

func ours(path string) bool { return path == arch.Module || strings.HasPrefix(path, arch.Module+"/") }

func TestPackagesStandOnThoseBelow(t *testing.T) {
	t.Parallel()
	places, seen := plan(), map[string]bool{}
	for _, p := range list(t, "./...") {
		seen[p.ImportPath] = true
		at, ok := places[p.ImportPath]
		if !ok {
			t.Errorf("%s is not in the plan: give it a place in internal/arch", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			to, ok := places[imported]
			switch {
			case !ours(imported) || !ok:
			case to.order >= at.order:
				t.Errorf("%s imports %s, which stands above it", p.ImportPath, imported)
			case at.tower == arch.Lean && to.tower != arch.Lean:
				t.Errorf("%s is lean and imports %s, which is not", p.ImportPath, imported)
			case at.tower != arch.Test && to.tower == arch.Test:
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, imported)
			case at.tower == arch.Example && imported != arch.Module:
				t.Errorf("%s imports %s, which a user's program can't", p.ImportPath, imported)
			}
		}
	}
	for path := range places {
		if !seen[path] {
			t.Errorf("%s is in the plan and not in the module", path)
		}
	}
}

func TestLeanPackagesLinkTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	var lean []string
	for _, f := range arch.Floors {
		for _, p := range f.Packages {
			if p.Tower == arch.Lean {
				lean = append(lean, strings.TrimSuffix("./"+p.Path, "/"))
			}
		}
	}
	for _, p := range list(t, append([]string{"-deps"}, lean...)...) {
		if !p.Standard && !ours(p.ImportPath) && !strings.HasPrefix(p.ImportPath, "golang.org/x/") {
			t.Errorf("the lean tower links %s", p.ImportPath)
		}
	}
}

// TestLeanPackagesDrawNoNumbersThatASnapshotRepeats holds that jitter and the like are the
// operating system's. Go seeds its own source once in a process: environments of SnapStart
// that are restored from one snapshot would all draw the same numbers, and call at once.
func TestLeanPackagesDrawNoNumbersThatASnapshotRepeats(t *testing.T) {
	t.Parallel()
	places := plan()
	for _, p := range list(t, "./...") {
		for _, imported := range p.Imports {
			if places[p.ImportPath].tower == arch.Lean && strings.HasPrefix(imported, "math/rand") {
				t.Errorf("%s imports %s: crypto/rand is not repeated by a restored snapshot", p.ImportPath, imported)
			}
		}
	}
}

// tooLarge are packages of the standard library that make what links them much larger.
var tooLarge = []string{"text/template", "html/template", "encoding/gob", "net/http/httputil", "testing"}

func TestTheExtensionLinksNothingLarge(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "-deps", "./cmd/coffer-extension") {
		if slices.Contains(tooLarge, p.ImportPath) {
			t.Errorf("the extension links %s", p.ImportPath)
		}
	}
}
