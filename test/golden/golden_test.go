// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package golden_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the answers anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files reads all files of cases.
func files(t *testing.T) (documents []*document) {
	t.Helper()
	paths, err := filepath.Glob("*/*.http")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of cases: %v", err)
	}
	for _, path := range paths {
		d, err := read(path)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d)
	}
	return documents
}

// TestAnswers sends what each file has, and wants the answers that it has.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, d := range files(t) {
		t.Run(d.path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d)
			want := d.format()
			for i := range d.cases {
				d.cases[i].answer = w.play(&d.cases[i])
			}
			got := d.format()
			checkTitles(t, d)
			if *update {
				if err := os.WriteFile(d.path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got, or write it anew with -update:\n%s", diff)
			}
		})
	}
}

// checkTitles wants each title to say which error there is: what -update writes is not
// to become what is wanted unseen.
func checkTitles(t *testing.T, d *document) {
	t.Helper()
	for _, e := range d.cases {
		_, want, _ := strings.Cut(e.title, ": ")
		if got := e.code(); got != want {
			t.Errorf("%q is answered with the error %q", e.title, got)
		}
	}
}
