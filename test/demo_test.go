// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDemo runs the demo as somebody does who tries Coffer, with its output in a pipe,
// and then does to its audit log what somebody does who has something to hide.
func TestDemo(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	story := mustRun(t, "demo", "--data", data)
	t.Run("prints what came of each step", func(t *testing.T) { checkStory(t, story) })
	t.Run("its log verifies, and no other", func(t *testing.T) { checkLog(t, data) })
}

var (
	stepTitle = regexp.MustCompile(`^(\d+)\. \S`)
	stepHeld  = regexp.MustCompile(`^   ok \S`)
)

func checkStory(t *testing.T, story string) {
	if strings.ContainsRune(story, '\x1b') {
		t.Error("there are escape codes in a pipe")
	}
	steps, held := 0, true
	for line := range strings.Lines(story) {
		if m := stepTitle.FindStringSubmatch(line); m != nil {
			if steps++; m[1] != fmt.Sprint(steps) {
				t.Errorf("step %d is numbered %s", steps, m[1])
			}
			if !held {
				t.Errorf("step %d shows no result", steps-1)
			}
			held = false
		}
		// The log's step has the records for its result.
		held = held || stepHeld.MatchString(line) || strings.Contains(line, "secretsmanager:GetSecretValue  ok")
	}
	if steps == 0 || !held {
		t.Errorf("of %d steps the last shows no result", steps)
	}
	for _, want := range []string{
		`ok prod/db = "correct-horse"`,
		`(X-Cache: HIT, Age: `,
		`ok prod/db = "battery-staple"`,
		`ok prod/payroll: AccessDeniedException`,
		"Every step held.\n",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.Contains(story, "not-for-functions") {
		t.Error("it shows the secret that the function may not read")
	}
	if t.Failed() {
		t.Log(story)
	}
}

// checkLog verifies a log as it is, and changed in each way, as its files alone and with
// the key that is in the data directory.
func checkLog(t *testing.T, data string) {
	log := readFile(t, filepath.Join(data, "audit.log"))
	anchor := readFile(t, filepath.Join(data, "audit.log.anchor"))
	lines := bytes.SplitAfter(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(bytes.Clone(lines[len(lines)-1]), '\n')
	if len(lines) < 10 {
		t.Fatalf("the log has only %d lines", len(lines))
	}
	copied := filepath.Join(t.TempDir(), "audit.log")
	verify := func(log, anchor []byte) (alone, withKey result) {
		t.Helper()
		writeFile(t, copied, log)
		writeFile(t, copied+".anchor", anchor)
		return run(t, "audit", "verify", copied), run(t, "audit", "verify", "--data", data, "--audit-file", copied)
	}

	alone, withKey := verify(log, anchor)
	if alone.Code != 0 || withKey.Code != 0 || !strings.Contains(withKey.Stdout, "the anchor is authentic") {
		t.Fatalf("the log as it is: status %d and %d\n%s%s%s", alone.Code, withKey.Code, alone.Stderr, withKey.Stdout, withKey.Stderr)
	}
	for _, forged := range forgeries(lines) {
		alone, withKey := verify(forged.log, anchor)
		for how, r := range map[string]result{"alone": alone, "with the key": withKey} {
			if r.Code != 1 || !strings.Contains(r.Stderr, copied) {
				t.Errorf("%s, verified %s: status %d\n%s%s", forged.name, how, r.Code, r.Stdout, r.Stderr)
			}
		}
	}

	// A log and an anchor that fit each other, and belong to another server.
	other := filepath.Join(t.TempDir(), "other")
	mustRun(t, "key", "create", "--root", "--data", other)
	alone, withKey = verify(readFile(t, filepath.Join(other, "audit.log")), readFile(t, filepath.Join(other, "audit.log.anchor")))
	if alone.Code != 0 || withKey.Code != 1 {
		t.Errorf("another server's log: status %d alone, and %d with the key\n%s%s", alone.Code, withKey.Code, alone.Stderr, withKey.Stdout)
	}
}

// forged is a log that was tampered with.
type forged struct {
	name string
	log  []byte
}

// forgeries are all that one can do to the first, a middle and the last line.
func forgeries(lines [][]byte) (all []forged) {
	last := len(lines) - 1
	for _, i := range []int{0, last / 2, last} {
		for _, at := range []int{0, len(lines[i]) / 4, len(lines[i]) / 2, len(lines[i]) - 2, len(lines[i]) - 1} {
			changed := slices.Clone(lines)
			changed[i] = bytes.Clone(lines[i])
			changed[i][at] ^= 1
			all = append(all, forged{fmt.Sprintf("byte %d of line %d changed", at, i+1), slices.Concat(changed...)})
		}
		removed := slices.Delete(slices.Clone(lines), i, i+1)
		all = append(all, forged{fmt.Sprintf("line %d removed", i+1), slices.Concat(removed...)})
		repeated := slices.Insert(slices.Clone(lines), i, lines[i])
		all = append(all, forged{fmt.Sprintf("line %d repeated", i+1), slices.Concat(repeated...)})
	}
	swapped := slices.Clone(lines)
	swapped[1], swapped[2] = swapped[2], swapped[1]
	return append(all, forged{"two lines swapped", slices.Concat(swapped...)}, forged{"all lines removed", nil})
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
