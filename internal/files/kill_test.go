// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/files"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// writerDir is the variable that makes the test a process that writes a file in that
// directory again and again.
const writerDir = "COFFER_TEST_WRITER_DIR"

// content is the n-th content of the file: as many copies of one letter.
func content(n int) string { return strings.Repeat(string(rune('a'+n%26)), 1+n%7*200_000) }

// write writes until it is killed.
func write(dir string) {
	n := 0
	items, _ := files.Parse(dir + "/value=value")
	k := files.New(files.Config{Items: items, Log: slog.New(slog.DiscardHandler), Get: func(context.Context, cache.Ref) (cache.Answer, error) {
		return cache.Answer{Value: cache.Value{Text: secret.FromString(content(n))}}, nil
	}})
	for ; ; n++ {
		k.Round(context.Background())
		fmt.Print(".")
	}
}

// TestKillDuringAReplacement kills the process that writes a file, at any time.
func TestKillDuringAReplacement(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leftovers := 0
	for range 20 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		rounds := make([]byte, 1+rand.IntN(20))
		if _, err := io.ReadFull(out, rounds); err != nil {
			t.Errorf("the process that writes says %q, %v", rounds, err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		b, err := os.ReadFile(filepath.Join(dir, "value"))
		if err != nil || len(b) == 0 || strings.Trim(string(b), string(b[:1])) != "" || len(b)%200_000 != 1 {
			t.Fatalf("a file of %d bytes is not whole: %v", len(b), err)
		}
		if _, err := os.Lstat(filepath.Join(dir, ".value.coffer")); err == nil {
			leftovers++
		}
	}
	t.Logf("%d of 20 were killed while they wrote", leftovers)
	items, _ := files.Parse(dir + "/value=value")
	files.New(files.Config{Items: items, Log: slog.New(slog.DiscardHandler), Get: func(context.Context, cache.Ref) (cache.Answer, error) {
		return cache.Answer{Value: cache.Value{Text: secret.FromString("x")}}, nil
	}}).Round(t.Context())
	if entries, err := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("what a kill left is still there: %v, %v", entries, err)
	}
}
