// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/arch"
	"github.com/coffer-secrets/coffer/internal/testneed"
)

func random(n int) int { return rand.IntN(n) }

// programs are what a page may use beyond what every system with Go and bash has.
var programs = []string{"aws", "curl", "jq", "python3", "node", "openssl"}

// word finds the words of a command that may be programs: at the beginning of a line, and
// after what a command may follow.
var word = regexp.MustCompile(`(?m)(?:^|[|;&(]\s*|-- |\b[A-Z_]+=\S* )([a-z][a-z0-9]*)\b`)

// interpreters are the programs that coffer lambda invoke runs functions with, by the ends of
// their files' names.
var interpreters = map[string]string{".mjs": "node", ".py": "python3"}

// need skips a test whose block uses what is not there.
func need(t *testing.T, dir string, b block) {
	t.Helper()
	for _, c := range b.commands {
		for suffix, program := range interpreters {
			if strings.Contains(c.text, "coffer lambda invoke") && strings.Contains(c.text, suffix+" ") {
				testneed.Program(t, program)
			}
		}
		for _, m := range word.FindAllStringSubmatch(c.text, -1) {
			if slices.Contains(programs, m[1]) {
				testneed.Program(t, m[1])
			}
			switch m[1] {
			case "python3":
				if exec.Command("python3", "-c", "import boto3").Run() != nil {
					testneed.Missing(t, "the Python package boto3")
				}
			case "node":
				needModules(t, dir)
			}
		}
	}
}

// needModules gives the page the JavaScript packages of the test of the JavaScript client.
func needModules(t *testing.T, dir string) {
	t.Helper()
	from, err := filepath.Abs(root + "/test/js/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(from); err != nil {
		testneed.Missing(t, "the packages of test/js: run npm ci there")
	}
	if err := os.Symlink(from, filepath.Join(dir, "node_modules")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
}

// environment is the machine's without what would change what the pages show, and with
// what makes them the same everywhere.
func environment(t *testing.T, bin string, at addresses) []string {
	t.Helper()
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "COFFER_") && !strings.HasPrefix(v, "PATH=") {
			env = append(env, v)
		}
	}
	home := t.TempDir()
	config := filepath.Join(home, "config")
	// Versions of the AWS CLI differ in how they write times unless they are told.
	if err := os.WriteFile(config, []byte("[default]\ncli_timestamp_format = iso8601\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := bin + string(os.PathListSeparator) + os.Getenv("PATH")
	if wrapped := wrapAWS(t, home); wrapped != "" {
		path = wrapped + string(os.PathListSeparator) + path
	}
	// The AWS CLI keeps sessions of roles in the home directory, whatever server they are of.
	env = append(env, "HOME="+home)
	for _, name := range []string{"GOCACHE", "GOPATH", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return append(env,
		"PATH="+path, "NO_COLOR=1", "TERM=dumb", "LC_ALL=C.UTF-8", "TZ=UTC", "NO_PROXY=*", "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off",
		"AWS_CONFIG_FILE="+config, "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"),
		"AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		fmt.Sprintf("COFFER_LISTEN=127.0.0.1:%d", at.server),
		fmt.Sprintf("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=%d", at.extension),
	)
}

// goModule makes the directory a Go module that uses this one, for pages with programs.
func goModule(t *testing.T, dir string) {
	t.Helper()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(here, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod := fmt.Sprintf("module example\n\ngo 1.26\n\nrequire %[1]s v0.0.0\n\nreplace %[1]s => %[2]s\n", arch.Module, here)
	for name, content := range map[string][]byte{"go.mod": []byte(mod), "go.sum": sums} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// version finds the number in what aws --version prints.
var version = regexp.MustCompile(`^aws-cli/(\d+)\.(\d+)\.`)

// wrapAWS returns a directory with an aws that gives --endpoint-url to the installed one,
// if that is too old to read AWS_ENDPOINT_URL: before 1.29 and 2.13, Debian's among them.
func wrapAWS(t *testing.T, home string) string {
	t.Helper()
	path, err := exec.LookPath("aws")
	if err != nil {
		return ""
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("aws --version: %v\n%s", err, out)
	}
	m := version.FindSubmatch(out)
	if m == nil {
		t.Fatalf("aws --version says %q", out)
	}
	major, _ := strconv.Atoi(string(m[1])) // digits, by the pattern
	minor, _ := strconv.Atoi(string(m[2]))
	if major > 2 || major == 2 && minor >= 13 || major == 1 && minor >= 29 {
		return ""
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s ${AWS_ENDPOINT_URL:+--endpoint-url \"$AWS_ENDPOINT_URL\"} \"$@\"\n", path)
	if err := os.WriteFile(filepath.Join(home, "aws"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return home
}
