// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var agentProgram = build("coffer-agent")

// sidecar is coffer-extension, or coffer-agent, beside a program.
type sidecar struct {
	t   *testing.T
	cmd *exec.Cmd
	log *transcript
}

// startSidecar starts one with an environment, on a port that is free.
func startSidecar(t *testing.T, path string, env ...string) *sidecar {
	t.Helper()
	s := &sidecar{t, exec.Command(path), newTranscript()}
	s.cmd.Env = environment(append(env, "COFFER_AGENT_TOKEN=t", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+strconv.Itoa(freePort(t)), "SECRETS_MANAGER_TTL=1", "SSM_PARAMETER_STORE_TTL=1")...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

// stop tells it to stop, and wants exit status 0.
func (s *sidecar) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
}

// eventually waits until a file has a content.
func (s *sidecar) eventually(path, want string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if err == nil && string(b) == want {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s has %q, %v; want %q\n%s", path, b, err, want, s.log)
		}
	}
}

// logs waits until something was logged so many times.
func (s *sidecar) logs(text string, times int) {
	s.t.Helper()
	for more := s.log.more(); strings.Count(s.log.String(), text) < times; more = s.log.more() {
		if !waitFor(more) {
			s.t.Fatalf("%q was not logged:\n%s", text, s.log)
		}
	}
}

func (s *shop) put(password string) {
	s.t.Helper()
	s.must("secretsmanager.PutSecretValue", fmt.Sprintf(`{"SecretId":"prod/db","ClientRequestToken":%q,"SecretString":%q}`, strings.ToLower(rand.Text())+"-token", `{"user":"app","password":"`+password+`"}`))
}

func TestFiles(t *testing.T) {
	t.Parallel()
	password, second, key := newCanary("the password"), newCanary("the second"), newCanary("the key")
	s := newShop(t, password, key)
	disk, outside := smallDisk(t, 1), t.TempDir()
	dsn, changes := filepath.Join(disk, "dsn"), filepath.Join(outside, "changes")
	reload := filepath.Join(outside, "reload")
	if err := os.WriteFile(reload, []byte("#!/bin/sh\nenv > "+outside+"/env\ncat "+disk+"/dsn\necho changed >> "+changes+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	side := startSidecar(t, program(t, extension), append(s.env, "COFFER_ON_CHANGE="+reload,
		"COFFER_FILES="+dsn+"={{resolve:secretsmanager:prod/db:SecretString:user}}:{{resolve:secretsmanager:prod/db:SecretString:password}}@h;mode=0440,"+disk+"/key=/prod/key")...)
	side.eventually(changes, "changed\n")
	side.eventually(dsn, "app:"+password.text+"@h")
	side.eventually(filepath.Join(disk, "key"), key.text)
	if info, err := os.Stat(dsn); err != nil || info.Mode() != 0o440 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	// A disk without room leaves the files as they are; with room they are up to date.
	release := fillUp(t, disk)
	s.put(second.text)
	side.logs("no space left on device", 1)
	side.eventually(dsn, "app:"+password.text+"@h")
	release()
	side.eventually(dsn, "app:"+second.text+"@h")
	side.eventually(changes, "changed\nchanged\n")

	s.put("app") // both are short now
	side.eventually(dsn, "app:app@h")
	side.stop()
	for _, path := range []string{dsn, filepath.Join(disk, "key")} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	env, err := os.ReadFile(filepath.Join(outside, "env"))
	if err != nil || strings.Contains(string(env), "AWS_") || strings.Contains(string(env), "COFFER_") {
		t.Errorf("the command has credentials in its environment: %v\n%s", err, env)
	}
	for _, c := range []canary{password, second, key} {
		if found := append(c.in([]byte(side.log.String())), c.in(env)...); found != nil {
			t.Errorf("a value was logged, or given to the command: %v\n%s", found, side.log)
		}
	}
	if strings.Contains(side.log.String(), "on a disk") {
		t.Errorf("a file system in memory is taken for a disk:\n%s", side.log)
	}
}

// TestFilesOutliveAKill kills the program, which leaves its files, and starts it again,
// which brings them up to date.
func TestFilesOutliveAKill(t *testing.T) {
	t.Parallel()
	s := newShop(t, newCanary("the password"), newCanary("the key"))
	path := filepath.Join(t.TempDir(), "db")
	env := append(s.env, "COFFER_FILES="+path+"=prod/db#password")
	s.put("first")
	side := startSidecar(t, program(t, extension), env...)
	side.eventually(path, "first")
	side.logs("on a disk", 1)
	if err := side.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = side.cmd.Wait()
	s.put("second")
	side = startSidecar(t, program(t, extension), env...)
	side.eventually(path, "second")
	side.stop()
}

// TestTemplates has coffer-agent render a template, which coffer-extension refuses.
func TestTemplates(t *testing.T) {
	t.Parallel()
	s := newShop(t, newCanary("the password"), newCanary("the key"))
	s.put("first")
	dir := t.TempDir()
	page, config := filepath.Join(dir, "app.tmpl"), filepath.Join(dir, "app.json")
	text := `{"user": {{ tojson (secret "prod/db" "user") }}, "password": {{ with json (secret "prod/db") }}{{ tojson .password }}{{ end }}}`
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(s.env, "COFFER_FILES="+config+"=template:"+page)
	side := startSidecar(t, program(t, agentProgram), env...)
	side.eventually(config, `{"user": "app", "password": "first"}`)
	s.put("second")
	side.eventually(config, `{"user": "app", "password": "second"}`)
	side.stop()
	side = startSidecar(t, program(t, extension), env...)
	side.logs("this program renders no templates: coffer-agent does", 1)
	side.stop()
	if _, err := os.Lstat(config); err == nil {
		t.Error("coffer-extension rendered a template")
	}
}
