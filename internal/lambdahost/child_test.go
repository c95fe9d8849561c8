// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// childRoles are the programs that this binary runs as, by its first argument.
func childRoles() map[string]lambdahost.Program {
	return map[string]lambdahost.Program{
		"role-function": lambdahost.Serve(childFunction),
		"role-extension": func(ctx context.Context, p *lambdahost.Proc) error {
			p.Name = filepath.Base(os.Args[0])
			return listen(both, func(_ context.Context, p *lambdahost.Proc, e event) error {
				fmt.Fprintln(p.Output, e.EventType+e.ShutdownReason)
				return nil
			})(ctx, p)
		},
		"role-crash":   func(context.Context, *lambdahost.Proc) error { return errors.New("crash") },
		"role-sleeper": func(ctx context.Context, _ *lambdahost.Proc) error { <-ctx.Done(); return nil },
	}
}

// childFunction does what its event says.
func childFunction(ctx context.Context, event []byte) ([]byte, error) {
	var do string
	if err := json.Unmarshal(event, &do); err != nil {
		return nil, err
	}
	switch verb, arg, _ := strings.Cut(do, " "); verb {
	case "exit":
		code, err := strconv.Atoi(arg)
		if err != nil {
			return nil, err
		}
		os.Exit(code)
	case "kill":
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return nil, err
		}
		if err := self.Kill(); err != nil {
			return nil, err
		}
		select {} // until it arrives
	case "hang":
		<-ctx.Done()
		select {}
	case "env":
		return json.Marshal(os.Getenv(arg))
	case "print":
		fmt.Println(arg)
	case "spawn":
		child := exec.Command(os.Args[0], "role-sleeper")
		child.Stdout = os.Stdout // and so holds the host's pipe open
		if err := child.Start(); err != nil {
			return nil, err
		}
		return json.Marshal(child.Process.Pid)
	case "pid":
		return json.Marshal(os.Getpid())
	}
	return event, nil
}

// childConfig describes a host of real processes: this binary as the function and, by
// a link of its own name, as the extension "watcher".
func childConfig(t *testing.T) lambdahost.Config {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs process groups and signals")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "watcher")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	return lambdahost.Config{
		Function:   lambdahost.Process{Command: []string{self, "role-function"}},
		Extensions: []lambdahost.Extension{{Process: lambdahost.Process{Command: []string{link, "role-extension"}}}},
		Timeout:    time.Minute, InitTimeout: time.Minute,
	}
}

// output is what processes wrote, by source.
type output struct {
	mu    sync.Mutex
	lines map[string][]string
}

func (o *output) add(source, line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lines == nil {
		o.lines = map[string][]string{}
	}
	o.lines[source] = append(o.lines[source], line)
}

func (o *output) has(source, line string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.lines[source], line)
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	var out output
	cfg := childConfig(t)
	cfg.Output = out.add
	cfg.Env = map[string]string{"TABLE": "orders"}
	h := start(t, cfg)
	res := invoke(t, h, `"env TABLE"`)
	want(t, "payload", string(res.Payload), `"orders"`)
	if res.InitDuration <= 0 {
		t.Error("the first invocation has no INIT duration")
	}
	long := strings.Repeat("x", 100<<10)
	invoke(t, h, `"print `+long+`"`)

	res = invoke(t, h, `"exit 3"`)
	wantError(t, res, "Runtime.ExitError", "Runtime exited with error: exit status 3")
	res = invoke(t, h, `"kill"`)
	wantError(t, res, "Runtime.ExitError", "Runtime exited with error: signal: killed")
	want(t, "payload", string(invoke(t, h, `"again"`).Payload), `"again"`)

	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"INVOKE", "SHUTDOWNfailure", "SHUTDOWNspindown"} {
		want(t, "output "+line, out.has("watcher", line), true)
	}
	want(t, "first part of a long line", out.has("function", long[:64<<10]), true)
	want(t, "last part of a long line", out.has("function", long[64<<10:]), true)
}

func TestAProcessThatTimesOut(t *testing.T) {
	t.Parallel()
	var out output
	cfg := childConfig(t)
	cfg.Output = out.add
	cfg.Timeout = 50 * time.Millisecond
	h := start(t, cfg)
	res := invoke(t, h, `"hang"`)
	wantError(t, res, "Sandbox.Timedout", "Task timed out after 0.05 seconds")
	want(t, "shutdown", out.has("watcher", "SHUTDOWNtimeout"), true)
}

func TestProcessesThatFailInInit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		wreck func(*lambdahost.Config)
		want  string
	}{
		{"an extension crashes", func(c *lambdahost.Config) { c.Extensions[0].Command[1] = "role-crash" }, "Extension.Crash"},
		{"an extension registers by another name", func(c *lambdahost.Config) { c.Extensions[0].Name = "other" }, "Extension.Crash"},
		{"an extension is not there", func(c *lambdahost.Config) { c.Extensions[0].Command[0] = "/nothing/here" }, "Extension.LaunchError"},
		{"the function crashes", func(c *lambdahost.Config) { c.Function.Command[1] = "role-crash" }, "Runtime.ExitError"},
		{"the function is not there", func(c *lambdahost.Config) { c.Function.Command[0] = "/nothing/here" }, "Runtime.InvalidEntrypoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := childConfig(t)
			c.wreck(&cfg)
			_, err := lambdahost.Start(t.Context(), cfg)
			wantFailure(t, err, c.want)
		})
	}
}

// state returns the state letter of a process in Linux's /proc, "" if it is gone.
func state(t *testing.T, pid string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		return "" // it went while it was read
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

// eventually spins until ok. The kernel does what a signal asks without a word.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); runtime.Gosched() {
		if time.Since(start) > time.Minute {
			t.Fatal("not so: " + what)
		}
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	for what, end := range map[string]func(*lambdahost.Host){
		"after a crash": func(h *lambdahost.Host) { invoke(t, h, `"exit 1"`) },
		"after SHUTDOWN": func(h *lambdahost.Host) {
			if err := h.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		h := start(t, childConfig(t))
		pid := string(invoke(t, h, `"spawn"`).Payload)
		if state(t, pid) == "" {
			t.Fatal("the function's child does not run")
		}
		end(h)
		eventually(t, "the child is gone "+what, func() bool { s := state(t, pid); return s == "" || s == "Z" })
	}
}

func TestAFreezeStopsProcesses(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	var out output
	cfg := childConfig(t)
	cfg.Output = out.add
	h := start(t, cfg)
	pid := string(invoke(t, h, `"pid"`).Payload)
	if err := h.Freeze(0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the function is stopped", func() bool { return state(t, pid) == "T" })
	if err := h.Thaw(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the function runs", func() bool { return state(t, pid) != "T" })
	if err := h.Freeze(0); err != nil {
		t.Fatal(err)
	}
	want(t, "payload", string(invoke(t, h, `1`).Payload[:2]), `{"`) // a number is no verb: an error, but an answer
	if err := h.Freeze(0); err != nil {
		t.Fatal(err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error("of a frozen environment:", err)
	}
	want(t, "a frozen extension is told", out.has("watcher", "SHUTDOWNspindown"), true)
}

func TestAnExecWrapperRunsTheFunction(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	cfg := childConfig(t)
	wrapper := filepath.Join(t.TempDir(), "wrapper")
	if err := os.WriteFile(wrapper, []byte("#!/bin/sh\nADDED=value exec \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg.Env = map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": wrapper}
	h := start(t, cfg)
	want(t, "payload", string(invoke(t, h, `"env ADDED"`).Payload), `"value"`)
}

func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	const canary = "hunter2-canary"
	var log bytes.Buffer
	cfg := childConfig(t)
	cfg.Credentials = lambdahost.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret.NewText(canary), SessionToken: secret.NewText(canary)}
	cfg.Env = map[string]string{"PASSWORD": canary}
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := start(t, cfg)
	invoke(t, h, `"`+canary+`"`)
	invoke(t, h, `"exit 1"`)
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if log.Len() == 0 || strings.Contains(log.String(), canary) {
		t.Errorf("log:\n%s", log.String())
	}
}
