// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/files"
)

func onChange(t *testing.T, text string, env ...string) func(*files.Config) {
	t.Helper()
	c, err := files.ParseCommand(text, env)
	if err != nil {
		t.Fatal(err)
	}
	return func(cfg *files.Config) { cfg.OnChange = c }
}

// script writes a shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestACommandIsRunOnChange(t *testing.T) {
	t.Parallel()
	record := filepath.Join(t.TempDir(), "record")
	path := script(t, `echo "$@" >> "$RECORD"; env >> "$RECORD"; cat >> "$RECORD"; tr '\0' ' ' < /proc/$$/cmdline >> "$RECORD"; echo out`)
	s := newShelf(t, "DIR/db=db,DIR/key=key", onChange(t, path+" a  'b c' $RECORD",
		"PATH="+os.Getenv("PATH"), "RECORD="+record, "AWS_SECRET_ACCESS_KEY=hidden", "COFFER_AGENT_TOKEN=hidden", "VAULT_TOKEN=hidden", "DOPPLER_TOKEN=hidden"))
	ran := func() int {
		b, _ := os.ReadFile(record)
		if strings.Contains(string(b), "hidden") || strings.Contains(string(b), "hunter") {
			t.Errorf("the command was told a secret:\n%s", b)
		}
		return strings.Count(string(b), "a 'b c' $RECORD\n")
	}
	for i, want := range []int{1, 1, 2, 2} { // both files, none, one, none
		if i == 2 {
			s.set("db", "hunter3")
		}
		s.keeper.Round(t.Context())
		if n := ran(); n != want {
			t.Errorf("after round %d it was run %d times, want %d", i, n, want)
		}
	}
}

func TestACommandThatFailsIsLogged(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		script(t, "echo hunter2; exit 3"): "exit status 3",
		"/no/such/program":                "no such file or directory",
		"no-such-program":                 "executable file not found",
		"signal:HUP /no/such/file":        "no such file or directory",
	} {
		s := newShelf(t, "DIR/db=db", onChange(t, command, "PATH="+os.Getenv("PATH")))
		s.keeper.Round(t.Context())
		s.keeper.Round(t.Context())
		if s.count("what is to happen after a change failed") != 1 || s.count(want) != 1 {
			t.Errorf("%s: want %q once:\n%s", command, want, s.logged())
		}
		s.holds(map[string]string{"db": "hunter2"})
	}
}

func TestACommandThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	change := onChange(t, script(t, `sleep 1000 & echo $! > "$PIDS"; wait`), "PATH="+os.Getenv("PATH"), "PIDS="+pids)
	s := newShelf(t, "DIR/db=db", change, func(c *files.Config) { files.SetTimeout(c.OnChange, 200*time.Millisecond) })
	s.keeper.Round(t.Context())
	if s.count("it was ended: context deadline exceeded") != 1 {
		t.Errorf("logged:\n%s", s.logged())
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Skipf("it was too slow to start what it hangs in: %v", err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	// Dead, but maybe not yet waited for by the one who took it over.
	for deadline := time.Now().Add(time.Minute); ; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("what the command started still runs: %s", stat)
		}
	}
}

// TestAProcessIsSignalled is not parallel: the process that is signalled is this one.
func TestAProcessIsSignalled(t *testing.T) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR2)
	defer signal.Stop(got)
	pidFile := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(pidFile, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newShelf(t, "DIR/db=db", onChange(t, "signal:usr2 "+pidFile))
	s.keeper.Round(t.Context())
	if sig := <-got; sig != syscall.SIGUSR2 {
		t.Errorf("got %v", sig)
	}
	for _, text := range []string{"0", "-1", "x", "", "99999999999999999999", "2147483647"} {
		if err := os.WriteFile(pidFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := newShelf(t, "DIR/db=db", onChange(t, "signal:USR2 "+pidFile))
		s.keeper.Round(t.Context())
		if s.count("what is to happen after a change failed") != 1 {
			t.Errorf("%q is a process:\n%s", text, s.logged())
		}
	}
	if len(got) > 0 {
		t.Error("a process was signalled whose id was not given")
	}
}

func TestParseCommandRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"signal:", "signal:KILL /x", "signal:HUP", "signal:HUP x", "signal:HUP /x /y"} {
		if c, err := files.ParseCommand(text, nil); err == nil {
			t.Errorf("%q: %v", text, c)
		}
	}
	if c, err := files.ParseCommand(" ", nil); c != nil || err != nil {
		t.Errorf("nothing is %v, %v", c, err)
	}
}
