// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/testneed"
)

// TestStory has story/story.sh told over a server with two accounts: who may do what, with
// nothing but the stock AWS CLI.
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
	r := runProgramFor(t, 10*patience, append(clientEnvironment(t, p),
		"ROOT="+p.AccessKeyID+" "+p.SecretAccessKey, "OTHER="+other.AccessKeyID+" "+other.SecretAccessKey),
		bash, filepath.Join("test", "story", "story.sh"))
	if r.Code != 0 || !strings.HasSuffix(r.Stdout, "== told\n") {
		t.Fatalf("the story ended with status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	p.stop(t)
}
