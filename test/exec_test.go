// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// shop is a server with secrets and a parameter, and the environment of those who may read
// them.
type shop struct {
	*house
	env []string
}

func newShop(t *testing.T, password, key canary) *shop {
	t.Helper()
	h := newHouse(t)
	h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"prod/db","ClientRequestToken":%q,"SecretString":%q}`, token("shop", 1), `{"user":"app","password":"`+password.text+`"}`))
	h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"nul","ClientRequestToken":%q,"SecretString":"%s\u0000"}`, token("shop", 2), password.text))
	h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"bytes","ClientRequestToken":%q,"SecretBinary":"AAEC"}`, token("shop", 3)))
	h.must("AmazonSSM.PutParameter", fmt.Sprintf(`{"Name":"/prod/key","Value":%q,"Type":"SecureString"}`, key.text))
	return &shop{h, []string{
		"AWS_ENDPOINT_URL=" + h.URL, "AWS_REGION=" + h.Region,
		"AWS_ACCESS_KEY_ID=" + h.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + h.SecretAccessKey,
	}}
}

// script is a shell script that prints what it is given, and ends with status 7.
const script = `echo "$$ $DSN $KEY $PLAIN"; tr '\0' ' ' </proc/$$/cmdline >&2; exit 7`

func TestExec(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("this test needs Linux, to see a command line")
	}
	password, key := newCanary("the password"), newCanary("the key")
	s := newShop(t, password, key)
	link := filepath.Join(t.TempDir(), "coffer-exec")
	if err := os.Symlink(program(t, extension), link); err != nil {
		t.Fatal(err)
	}
	env := append(s.env,
		"DSN=postgres://{{resolve:secretsmanager:prod/db:SecretString:user}}:{{resolve:secretsmanager:prod/db:SecretString:password}}@h/db",
		"KEY={{resolve:ssm-secure:/prod/key:1}}", "PLAIN=as it was",
	)
	for name, command := range map[string][]string{
		"exec":        {program(t, extension), "exec", "--", "sh", "-c", script},
		"coffer-exec": {link, "sh", "-c", script},
		"run":         {program(t, coffer), "run", "--", "sh", "-c", script},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Env, cmd.Stdout, cmd.Stderr = environment(env...), &stdout, &stderr
			_ = cmd.Run() // its status is looked at
			want := fmt.Sprintf("%d postgres://app:%s@h/db %s as it was\n", cmd.Process.Pid, password.text, key.text)
			if stdout.String() != want || cmd.ProcessState.ExitCode() != 7 {
				t.Errorf("status %d, printed %q, want 7, %q\n%s", cmd.ProcessState.ExitCode(), &stdout, want, &stderr)
			}
			if found := append(password.in(stderr.Bytes()), key.in(stderr.Bytes())...); found != nil || !strings.HasPrefix(stderr.String(), "sh -c ") {
				t.Errorf("a value is in the command line %q: %v", &stderr, found)
			}
		})
	}
}

func TestExecFails(t *testing.T) {
	t.Parallel()
	password, key := newCanary("the password"), newCanary("the key")
	s := newShop(t, password, key)
	started := filepath.Join(t.TempDir(), "started")
	for name, c := range map[string]struct {
		variable string
		args     []string
		code     int
		want     string
	}{
		"no such secret":   {"A=x" + password.text + "{{resolve:secretsmanager:none}}", nil, 1, "A: none: secretsmanager:GetSecretValue: ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		"no such field":    {"A={{resolve:secretsmanager:prod/db:SecretString:host}}", nil, 1, `A: prod/db#host: the JSON object has no field "host"`},
		"ciphertext":       {"A={{resolve:ssm:/prod/key}}", nil, 1, "A: /prod/key: the parameter is a SecureString: refer to it by ssm-secure"},
		"malformed":        {"A=" + password.text + "{{resolve:ssm:/x", nil, 1, "A: a reference has no end: }} is missing"},
		"not configured":   {"A=vault:secret/db", nil, 1, "A: vault:secret/db: the source vault is not configured"},
		"a NUL byte":       {"A={{resolve:secretsmanager:nul}}", nil, 1, "A: the value has a NUL byte: an environment variable can't hold it"},
		"bytes":            {"A={{resolve:secretsmanager:bytes}}", nil, 1, "A: bytes: the value is binary: an environment variable can't hold it"},
		"no such command":  {"A={{resolve:secretsmanager:prod/db}}", []string{"no-such-command"}, 127, "no-such-command: command not found"},
		"not a program":    {"A={{resolve:secretsmanager:prod/db}}", []string{"/"}, 126, ""},
		"no command":       {"A=", []string{}, 2, "no command: it goes after --; try --help"},
		"another argument": {"A=", []string{"--all", "x"}, 2, `unknown argument "--all"; try --help`},
		"nobody there":     {"COFFER_AGENT=http://127.0.0.1:1", nil, 1, "KEY: /prod/key: source unavailable: asking the extension: dial tcp 127.0.0.1:1: connect: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := c.args
			if args == nil {
				args = []string{"--", "touch", started}
			}
			r := runProgram(t, append(s.env, "KEY={{resolve:ssm-secure:/prod/key}}", c.variable), program(t, extension), append([]string{"exec"}, args...)...)
			if r.Code != c.code || !strings.Contains(r.Stderr, "coffer-extension exec: "+c.want) || r.Stdout != "" {
				t.Errorf("status %d, %q%q, want %d, %q", r.Code, r.Stdout, r.Stderr, c.code, c.want)
			}
			if found := append(password.in([]byte(r.Stderr)), key.in([]byte(r.Stderr))...); found != nil {
				t.Errorf("the message holds a value: %q", r.Stderr)
			}
		})
	}
	t.Cleanup(func() {
		if _, err := os.Stat(started); err == nil {
			t.Error("a command was started without its values")
		}
	})
}

// TestExecIsTheCommand holds that a signal to the wrapper is one to the command.
func TestExecIsTheCommand(t *testing.T) {
	t.Parallel()
	s := newShop(t, newCanary("the password"), newCanary("the key"))
	out := newTranscript()
	cmd := exec.Command(program(t, extension), "exec", "--", "sh", "-c", `trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done`)
	cmd.Env, cmd.Stdout = environment(append(s.env, "A={{resolve:secretsmanager:prod/db}}")...), out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for more := out.more(); out.String() != "ready\n"; more = out.more() {
		if !waitFor(more) {
			t.Fatal("the command did not start")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its status is looked at
	if code := cmd.ProcessState.ExitCode(); code != 9 {
		t.Errorf("ended with %v, want the command's status 9", cmd.ProcessState)
	}
}
