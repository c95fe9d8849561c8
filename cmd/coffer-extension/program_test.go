// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
)

// extensionTags are what the program is built with: see main.go.
const extensionTags = "-tags=nethttpomithttp2"

// vault is a server of secrets over TLS, each of which has its name for a beginning.
type vault struct {
	*httptest.Server
	ca    string // file with its authority
	size  int    // of a value, in bytes
	calls atomic.Int64
	gate  chan struct{} // calls wait for it, if it is not nil
}

func newVault(tb testing.TB, size int) *vault {
	tb.Helper()
	v := &vault{size: size}
	v.Server = httptest.NewUnstartedServer(v)
	v.Config.ErrorLog = nil
	v.StartTLS()
	tb.Cleanup(v.Close)
	v.ca = v.authorities(tb, "/dev/null")
	return v
}

// authorities returns a file with those of another file and the server's own.
func (v *vault) authorities(tb testing.TB, others string) string {
	tb.Helper()
	data, err := os.ReadFile(others)
	if err != nil {
		tb.Skip(err)
	}
	file := filepath.Join(tb.TempDir(), "ca.pem")
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.Certificate().Raw})
	if err := os.WriteFile(file, append(data, own...), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.calls.Add(1)
	if v.gate != nil {
		<-v.gate
	}
	var in struct {
		SecretID     string
		SecretIDList []string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch r.Header.Get("X-Amz-Target") {
	case "secretsmanager.GetSecretValue":
		io.WriteString(w, v.value(in.SecretID))
	case "secretsmanager.BatchGetSecretValue":
		var values []string
		for _, id := range in.SecretIDList {
			values = append(values, v.value(id))
		}
		fmt.Fprintf(w, `{"SecretValues":[%s]}`, strings.Join(values, ","))
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (v *vault) value(id string) string {
	return fmt.Sprintf(`{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:%s-AbCdEf","Name":%[1]q,"VersionId":"v1",`+
		`"SecretString":%[2]q,"VersionStages":["AWSCURRENT"],"CreatedDate":1}`, id, id+strings.Repeat("x", v.size))
}

// env is that of a program which gets secrets from v.
func (v *vault) env(more ...string) []string {
	return append([]string{
		"AWS_ENDPOINT_URL=" + v.URL, "AWS_CA_BUNDLE=" + v.ca, "AWS_REGION=eu-west-1", "HOME=" + os.TempDir(),
		"AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=s", "AWS_SESSION_TOKEN=token", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=none",
	}, more...)
}

func build(tb testing.TB, path string, flags ...string) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "program")
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}, flags...)
	cmd := exec.Command("go", append(args, path)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", path, err, text)
	}
	return out
}

// program is one that runs and serves.
type program struct {
	*exec.Cmd
	address string
	took    time.Duration // from its start to the first connection
}

// start runs a program until somebody can connect to it. A server without an environment
// gets the port as its argument.
func start(tb testing.TB, path string, env []string) *program {
	tb.Helper()
	l, err := agent.Listen(0)
	if err != nil {
		tb.Fatal(err)
	}
	p := &program{Cmd: exec.Command(path), address: l.Addr().String()}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	if env == nil {
		p.Args = append(p.Args, port)
	}
	p.Env = append(env, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port)
	p.Stderr = os.Stderr
	began := time.Now()
	if err := p.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.stop)
	for {
		conn, err := net.Dial("tcp4", p.address)
		if err == nil {
			p.took = time.Since(began)
			conn.Close()
			return p
		}
		if time.Since(began) > 10*time.Second {
			tb.Fatalf("%s does not listen", path)
		}
	}
}

// stop ends the program as a supervisor does, and waits.
func (p *program) stop() {
	if p.ProcessState == nil {
		_ = p.Process.Signal(syscall.SIGTERM)
		_ = p.Wait()
	}
}

// resident returns the memory of the process in MiB, where /proc tells it.
func (p *program) resident() float64 {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.Process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(stat))[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// tick is the unit of processor time in /proc (proc_pid_stat(5): USER_HZ).
const tick = 10 * time.Millisecond

// used returns the processor time that the process has used so far, where /proc tells it.
func (p *program) used() time.Duration {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.Process.Pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// line is a kept connection to a program.
type line struct {
	net.Conn
	*bufio.Reader
}

func (p *program) dial(tb testing.TB) *line {
	tb.Helper()
	conn, err := net.Dial("tcp4", p.address)
	if err != nil {
		tb.Fatal(err)
	}
	return &line{conn, bufio.NewReader(conn)}
}

// request is that for a secret, as it goes over the connection.
func request(name string) []byte {
	return []byte("GET /secretsmanager/get?secretId=" + name + " HTTP/1.1\r\nHost: localhost:2773\r\nX-Aws-Parameters-Secrets-Token: token\r\n\r\n")
}

// answer reads one answer, and returns its status and its body.
func (l *line) answer() (int, string, error) {
	res, err := http.ReadResponse(l.Reader, nil)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

func (l *line) get(tb testing.TB, name string) {
	tb.Helper()
	if _, err := l.Write(request(name)); err != nil {
		tb.Fatal(err)
	}
	if status, body, err := l.answer(); err != nil || status != http.StatusOK || !strings.Contains(body, `"SecretString":"`+name) {
		tb.Fatalf("%s: %d %s, %v", name, status, body, err)
	}
}

func TestTenThousandRequestsForAColdNameAreOneCall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program")
	}
	const lines, each = 200, 50
	v := newVault(t, 100)
	v.gate = make(chan struct{})
	p := start(t, build(t, ".", extensionTags), v.env())
	var sent, done sync.WaitGroup
	sent.Add(lines)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range lines {
		l := p.dial(t)
		defer l.Close()
		defer context.AfterFunc(ctx, func() { l.Close() })()
		done.Go(func() {
			// All of them are under way before the first is answered.
			for range each {
				if _, err := l.Write(request("cold")); err != nil {
					t.Error(err)
				}
			}
			sent.Done()
			for range each {
				if status, body, err := l.answer(); err != nil || status != http.StatusOK || !strings.Contains(body, `"SecretString":"cold`) {
					t.Errorf("%d %s, %v", status, body, err)
					return
				}
			}
		})
	}
	sent.Wait()
	close(v.gate)
	done.Wait()
	if n := v.calls.Load(); n != 1 {
		t.Errorf("%d calls to the source", n)
	}
}

func TestWhatIsPrefetchedIsFetchedByFewCalls(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program")
	}
	v := newVault(t, 100)
	var names []string
	for i := range 25 {
		names = append(names, fmt.Sprint("prod/secret-", i))
	}
	p := start(t, build(t, ".", extensionTags), v.env("COFFER_PREFETCH="+strings.Join(names, ",")))
	l := p.dial(t)
	defer l.Close()
	for {
		if _, err := l.Write([]byte("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		status, body, err := l.answer()
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusOK {
			break
		}
		if status != http.StatusServiceUnavailable || t.Context().Err() != nil {
			t.Fatalf("%d %s", status, body)
		}
	}
	for _, name := range names {
		l.get(t, name)
	}
	if n := v.calls.Load(); n != 2 {
		t.Errorf("%d calls to the source", n)
	}
}

// maxResident is the memory in MiB that the program may have with a thousand secrets.
const maxResident = 20e6 / (1 << 20)

func TestAThousandSecretsFitIntoTheMemory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program")
	}
	v := newVault(t, 1<<10)
	p := start(t, build(t, ".", extensionTags), v.env())
	l := p.dial(t)
	defer l.Close()
	for range 21 { // but for the first time from the cache
		for i := range 1000 {
			l.get(t, fmt.Sprint("prod/secret-", i))
		}
	}
	if n := v.calls.Load(); n != 1000 {
		t.Errorf("%d calls to the source", n)
	}
	t.Logf("resident: %.1f MiB", p.resident())
	if r := p.resident(); r > maxResident {
		t.Errorf("%.1f MiB are resident, more than %.1f", r, maxResident)
	}
}
