// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds how long a process may take to start, to stop, or to do one thing. It
// is far above what any of them needs: reaching it means that the process hangs.
const patience = 2 * time.Minute

// process is coffer running as a server. Its exported fields are what clients need; URL
// changes with each start.
type process struct {
	URL, Data, Region            string
	AccessKeyID, SecretAccessKey string
	// Stdout and Stderr are what the process has written since its last start.
	Stdout, Stderr *transcript
	// Cmd is the running command, or the one that ended last.
	Cmd *exec.Cmd

	args  []string
	ready func(p *process) bool
	done  chan struct{} // closed when Cmd has been waited for
}

// startDev starts coffer dev on a new data directory and a free port, and stops it when
// the test ends.
func startDev(t testing.TB, args ...string) *process {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	p := &process{
		Data:  data,
		args:  append([]string{"dev", "--listen", "127.0.0.1:0", "--data", data}, args...),
		ready: (*process).readExports,
	}
	p.start(t)
	return p
}

// startServer starts coffer server on the data directory and a free port, and stops it
// when the test ends. The process gets a root access key, made before the start.
func startServer(t testing.TB, data string, args ...string) *process {
	t.Helper()
	var key struct{ AccessKeyID, SecretAccessKey string }
	made := mustRun(t, "key", "create", "--root", "--json", "--data", data)
	if err := json.Unmarshal([]byte(made), &key); err != nil {
		t.Fatalf("coffer key create printed no JSON: %v", err)
	}
	p := &process{
		Data: data, Region: "us-east-1",
		AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey,
		args:  append([]string{"server", "--listen", "127.0.0.1:0", "--data", data}, args...),
		ready: (*process).readLog,
	}
	p.start(t)
	return p
}

// start runs the process, which must not be running, until it serves, and stops it when
// this test ends.
func (p *process) start(t testing.TB) {
	t.Helper()
	p.Cmd = exec.Command(program(t, coffer), p.args...)
	p.Cmd.Env = environment()
	p.Stdout, p.Stderr = newTranscript(), newTranscript()
	p.Cmd.Stdout, p.Cmd.Stderr = p.Stdout, p.Stderr
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done, cmd := make(chan struct{}), p.Cmd
	p.done = done
	go func() {
		defer close(done)
		_ = cmd.Wait() // its result is in cmd.ProcessState
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if !waitFor(done) {
			_ = cmd.Process.Kill()
			<-done
			t.Errorf("coffer %s did not stop when told to", p.args[0])
		}
	})
	p.awaitReady(t)
}

// awaitReady returns once the process has said where it serves, and is healthy there.
func (p *process) awaitReady(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		out, log := p.Stdout.more(), p.Stderr.more() // before looking, so that nothing is missed
		if p.ready(p) {
			break
		}
		select {
		case <-out:
		case <-log:
		case <-p.done:
			t.Fatalf("coffer %s ended at once: %v\n%s", p.args[0], p.Cmd.ProcessState, p.Stderr)
		case <-ctx.Done():
			t.Fatalf("coffer %s did not say that it serves\n%s", p.args[0], p.Stderr)
		}
	}
	if strings.HasPrefix(p.URL, "https:") {
		return // the test knows which certificate to trust
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	// The port listens when the address is printed, so that one probe is enough.
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("/healthz answers %s", resp.Status)
	}
}

var (
	exports = regexp.MustCompile(`(?m)^export ([A-Z_]+)=(.*)\n`)
	serves  = regexp.MustCompile(`msg="coffer serves" address=(\S+) .*tls=(true|false)`)
)

// readExports reads what coffer dev prints; the default region is its last line.
func (p *process) readExports() bool {
	values := map[string]string{}
	for _, m := range exports.FindAllStringSubmatch(p.Stdout.String(), -1) {
		values[m[1]] = m[2]
	}
	p.URL, p.Region = values["AWS_ENDPOINT_URL"], values["AWS_DEFAULT_REGION"]
	p.AccessKeyID, p.SecretAccessKey = values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]
	return p.Region != ""
}

// readLog reads the line that coffer server logs when it serves.
func (p *process) readLog() bool {
	m := serves.FindStringSubmatch(p.Stderr.String())
	if m == nil {
		return false
	}
	p.URL = "http://" + m[1]
	if m[2] == "true" {
		p.URL = "https://" + m[1]
	}
	return true
}

// stop tells the process to stop, waits for it, and wants exit status 0.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stopping coffer: %v", err)
	}
	if !waitFor(p.done) {
		t.Fatal("coffer did not stop when told to")
	}
	if code := p.Cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("coffer stopped with status %d\n%s", code, p.Stderr)
	}
}

// kill ends the process at once, wherever it is, and waits until it is gone.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.Cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("killing coffer: %v", err)
	}
	<-p.done
}

// restart stops the process if it is running, and starts it again on the same data.
func (p *process) restart(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
	default:
		p.stop(t)
	}
	p.start(t)
}

// waitFor says whether the channel was closed within the test's patience.
func waitFor(done <-chan struct{}) bool {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-done:
		return true
	case <-timeout.C:
		return false
	}
}
