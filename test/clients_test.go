// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// clientEnvironment is what a stock AWS client is given: the variables that coffer dev
// prints, and nothing of this machine's own configuration.
func clientEnvironment(t testing.TB, p *process) []string {
	home := t.TempDir()
	nowhere := filepath.Join(home, "none")
	return []string{
		"HOME=" + home, // where the AWS CLI keeps sessions of roles, whatever server they are of
		"AWS_ENDPOINT_URL=" + p.URL,
		"AWS_ACCESS_KEY_ID=" + p.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + p.SecretAccessKey,
		"AWS_REGION=" + p.Region,
		"AWS_DEFAULT_REGION=" + p.Region,
		"AWS_CONFIG_FILE=" + nowhere,
		"AWS_SHARED_CREDENTIALS_FILE=" + nowhere,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_PAGER=",
		"NO_PROXY=127.0.0.1",
		"no_proxy=127.0.0.1",
	}
}

// TestPythonSDK runs the cases of python/clients.py, which are boto3's.
func TestPythonSDK(t *testing.T) {
	t.Parallel()
	python := testneed.Program(t, "python3")
	if runProgram(t, nil, python, "-c", "import boto3").Code != 0 {
		testneed.Missing(t, "Python's boto3 (Debian: python3-boto3)")
	}
	p := startDev(t)
	r := runProgram(t, clientEnvironment(t, p), python, "-B", "test/python/clients.py", "-v")
	wantCases(t, r, regexp.MustCompile(`(?m)^Ran (\d+) tests`))
	p.stop(t)
}

// TestJavaScriptSDK runs the cases of js/*.mjs, which are those of the AWS SDK for
// JavaScript v3, and of middy and Powertools, which read, keep and refresh through it.
func TestJavaScriptSDK(t *testing.T) {
	t.Parallel()
	node := testneed.Program(t, "node")
	if _, err := os.Stat("js/node_modules"); err != nil {
		testneed.Missing(t, "the packages of test/js (npm ci)")
	}
	p := startDev(t)
	r := runProgram(t, clientEnvironment(t, p), node, "--test", "--test-reporter=tap",
		"test/js/clients.mjs", "test/js/middy.mjs", "test/js/powertools.mjs")
	wantCases(t, r, regexp.MustCompile(`(?m)^# pass (\d+)`))
	p.stop(t)
}

// wantCases wants a client's tests to have passed, and to have been there at all.
func wantCases(t *testing.T, r result, count *regexp.Regexp) {
	t.Helper()
	output := r.Stdout + r.Stderr
	if n := count.FindStringSubmatch(output); r.Code != 0 || n == nil || n[1] == "0" {
		t.Fatalf("status %d\n%s", r.Code, output)
	}
}

// TestLockFileNamesNoRegistry holds that the packages of test/js come from whatever
// registry the machine that runs the tests is told to use.
func TestLockFileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("js/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Error("js/package-lock.json says where a package is: test/js/.npmrc is there to leave that out")
	}
}
