// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

var updateStory = flag.Bool("update", false, "write story/answers.txt anew")

// Questions about the story: to its server while it runs, and then to its log.
var (
	storyQuestions = [][]string{
		{"why", "user/bob", "secretsmanager:GetSecretValue", "payroll/db"},
		{"why", "user/lena", "iam:CreateRole", "arn:aws:iam::000000000000:role/lead/free"},
		{"why", "role/bounded", "secretsmanager:GetSecretValue", "payroll/db"},
		{"why", "user/admin", "secretsmanager:GetSecretValue", "keeper/only"},
		{"why", "root", "kms:PutKeyPolicy", "LOCKED"},
		{"why", "arn:aws:iam::222222222222:user/auditor", "secretsmanager:GetSecretValue", "SHARED"},
		{"who", "secretsmanager:GetSecretValue", "orders/db"},
		{"who", "secretsmanager:GetSecretValue", "keeper/only"},
	}
	storyUse = [][]string{
		{"least-privilege", "role/orders"},
		{"least-privilege", "user/keeper"},
		{"least-privilege"},
	}
)

// TestStory has story/story.sh told over a server with two accounts: who may do what, with
// nothing but the stock AWS CLI. Then it asks about what was told.
func TestStory(t *testing.T) {
	t.Parallel()
	bash := testneed.Program(t, "bash")
	testneed.Program(t, "aws")
	data := filepath.Join(t.TempDir(), "data")
	var other struct{ AccessKeyID, SecretAccessKey string }
	made := mustRun(t, "key", "create", "--root", "--json", "--data", data, "--account-id", "222222222222")
	if err := json.Unmarshal([]byte(made), &other); err != nil {
		t.Fatal(err)
	}
	p := startServer(t, data)
	variables := clientEnvironment(t, p)
	r := runProgramFor(t, 10*patience, append(variables,
		"ROOT="+p.AccessKeyID+" "+p.SecretAccessKey, "OTHER="+other.AccessKeyID+" "+other.SecretAccessKey),
		bash, filepath.Join("test", "story", "story.sh"))
	_, names, told := strings.Cut(r.Stdout, "== told\n")
	if r.Code != 0 || !told {
		t.Fatalf("the story ended with status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	var answers strings.Builder
	ask := func(question []string, more ...string) {
		for i, word := range question {
			if _, rest, named := strings.Cut(names, word+"="); named {
				question[i], _, _ = strings.Cut(rest, "\n")
			}
		}
		r := runProgram(t, variables, program(t, coffer), append(question, more...)...)
		fmt.Fprintf(&answers, "$ coffer %s\n%s%s\n", strings.Join(question, " "), r.Stdout, r.Stderr)
	}
	for _, q := range storyQuestions {
		ask(q)
	}
	p.stop(t)
	for _, q := range storyUse {
		ask(q, "--data", data)
	}
	checkAnswers(t, answers.String())
}

// drawn are what is drawn anew each time: ids of keys, ends of secrets' ARNs.
var drawn = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(secret:[a-z/]+)-\w{6}`)

func checkAnswers(t *testing.T, got string) {
	t.Helper()
	got = drawn.ReplaceAllStringFunc(got, func(s string) string {
		if name, _, ok := strings.Cut(s, "-"); ok && strings.HasPrefix(s, "secret:") {
			return name + "-XXXXXX"
		}
		return "UUID"
	})
	path := filepath.Join("story", "answers.txt")
	if *updateStory {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the answers are others (-want +got), see -update:\n%s", diff)
	}
}
