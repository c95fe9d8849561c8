// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
)

// made makes a release of the extension alone, and returns where.
func made(t *testing.T, source string, arches ...string) string {
	t.Helper()
	r := release{source: source, out: filepath.Join(t.TempDir(), "dist"), arches: arches, programs: []string{extension}, say: func(string) {}}
	if err := r.make(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.out
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// elsewhere is a copy of what the extension is built from, in another directory.
func elsewhere(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"internal", "cmd"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS("../"+part)); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		if err := os.WriteFile(filepath.Join(dir, file), read(t, "..", file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheSameSourceMakesTheSameBytes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program twice")
	}
	here, there := made(t, "..", "amd64"), made(t, elsewhere(t), "amd64")
	if diff := cmp.Diff(string(read(t, here, sumsFile)), string(read(t, there, sumsFile))); diff != "" {
		t.Errorf("(-here +there)\n%s", diff)
	}
}

func TestALayerIsWhatLambdaUnpacks(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	out := made(t, "..", "amd64")
	layer, err := zip.OpenReader(filepath.Join(out, "coffer-extension-layer-amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	modes := map[string]os.FileMode{}
	for _, f := range layer.File {
		modes[f.Name] = f.Mode()
	}
	if diff := cmp.Diff(map[string]os.FileMode{"coffer-exec": 0o755, "extensions/coffer-extension": 0o755}, modes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for line := range strings.Lines(string(read(t, out, sumsFile))) {
		sum, file, _ := strings.Cut(strings.TrimSpace(line), "  ")
		got, err := digest(filepath.Join(out, file))
		if _, bad := hex.DecodeString(sum); err != nil || bad != nil || got != sum {
			t.Errorf("%s: %s, %v", line, got, err)
		}
	}
}

func TestABillOfMaterialsNamesWhatIsLinked(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	out := made(t, "..", "arm64")
	var bom cyclonedx.BOM
	text := read(t, out, "coffer-extension-linux-arm64.cdx.json")
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range *bom.Components {
		if c.Version == "" || !strings.HasPrefix(c.PackageURL, "pkg:golang/"+c.Name+"@") {
			t.Errorf("%+v", c)
		}
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"std", "golang.org/x/sys"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	sum, _ := digest(filepath.Join(out, "coffer-extension-linux-arm64"))
	if main := bom.Metadata.Component; main.Name != extension || (*main.Hashes)[0].Value != sum {
		t.Errorf("%+v", main)
	}
	if kind, err := exec.Command("go", "version", "-m", filepath.Join(out, "coffer-extension-linux-arm64")).Output(); err != nil || !bytes.Contains(kind, []byte("GOARCH=arm64")) {
		t.Errorf("%s, %v", kind, err)
	}
}

// What is there and was not made by a release stays.
func TestADirectoryOfOthersIsNotEmptied(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	if err := os.WriteFile(filepath.Join(out, "letters"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := release{out: out, say: func(string) {}}
	if err := r.make(t.Context()); err == nil || !strings.Contains(err.Error(), "another directory") {
		t.Errorf("it was taken: %v", err)
	}
	if _, err := os.Stat(filepath.Join(out, "letters")); err != nil {
		t.Error(err)
	}
}
