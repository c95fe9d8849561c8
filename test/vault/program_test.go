// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs is where the program is built.
var programs = filepath.Join(os.TempDir(), fmt.Sprint("coffer-vault-", os.Getpid()))

// build builds the program once.
var build = sync.OnceValues(func() (string, error) {
	out := filepath.Join(programs, "coffer-extension")
	cmd := exec.Command("go", "build", "-tags=nethttpomithttp2", "-o", out, "./cmd/coffer-extension")
	cmd.Dir = "../.."
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, text)
	}
	return out, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

// program is the extension, running as an agent.
type program struct {
	*testing.T
	agent, proxy string // where it serves
	log          *transcript
}

const token = "only-this-test-knows"

// start runs the program with an AppRole of the server's, until the test ends.
func (s *server) start(env ...string) program {
	s.Helper()
	path, err := build()
	if err != nil {
		s.Fatal(err)
	}
	roleID, secretID := s.approle(`"token_ttl":"1h"`)
	secretFile := filepath.Join(s.TempDir(), "secret-id")
	if err := os.WriteFile(secretFile, []byte(secretID+"\n"), 0o600); err != nil {
		s.Fatal(err)
	}
	agent, proxy := freePort(s.T), freePort(s.T)
	p := program{s.T, "http://127.0.0.1:" + agent, "http://127.0.0.1:" + proxy, new(transcript)}
	cmd := exec.Command(path)
	cmd.Env = append([]string{
		"COFFER_AGENT_TOKEN=" + token, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + agent, "COFFER_VAULT_PROXY_PORT=" + proxy,
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=debug",
		"VLE_VAULT_ADDR=" + s.url, "VAULT_ADDR=http://127.0.0.1:8200", "VAULT_ROLE_ID=" + roleID, "VAULT_SECRET_ID_FILE=" + secretFile,
	}, env...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			s.Errorf("the program ended with %v\n%s", err, p.log)
		}
		for _, word := range []string{"second", "hvs.", secretID} {
			if strings.Contains(p.log.String(), word) {
				s.Errorf("the log has %q in it:\n%s", word, p.log)
			}
		}
	})
	p.until("it serves", func() bool {
		res, err := http.Get(p.agent + "/ping")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == 200
	})
	return p
}

// until waits for what happens soon.
func (p program) until(what string, f func() bool) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.Fatalf("waited in vain until %s\n%s", what, p.log)
		}
	}
}

// ask sends a request with headers, which are names and values in turn.
func (p program) ask(method, url, body string, headers ...string) (int, string, http.Header) {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.Fatalf("%v\n%s", err, p.log)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return res.StatusCode, string(answer), res.Header
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// transcript is what a process has written.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

func TestTheProgramServesWhatVaultHas(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := s.start("COFFER_PREFETCH=vault:secret/db")
	get := p.agent + "/secretsmanager/get?secretId=vault:"
	const header = "X-Aws-Parameters-Secrets-Token"
	status, body, _ := p.ask("GET", get+"secret/db", "", header, token)
	if status != 200 || !strings.Contains(body, `"SecretString":"{\"password\":\"second\",\"port\":5432}","VersionId":"2"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body, _ = p.ask("GET", get+"rented/creds%23user", "", header, token); status != 200 || !strings.Contains(body, `"SecretString":"user1"`) {
		t.Errorf("%d %s", status, body)
	}
	_, _, h := p.ask("GET", get+"secret/denied/db", "", header, token)
	if h.Get("X-Error-Code") != "AccessDeniedException" {
		t.Errorf("%v", h)
	}
	s.do("PUT", "sys/seal", "")
	status, body, h = p.ask("GET", get+"secret/db", "", header, token)
	if status != 200 || h.Get("X-Cache") != "HIT" {
		t.Errorf("while Vault is sealed: %d %s %v", status, body, h)
	}
}

func TestTheProgramIsVaultsExtension(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	p := s.start("VAULT_RUN_MODE=default", "VAULT_DEFAULT_CACHE_TTL=15m",
		"VAULT_SECRET_PATH=secret/data/db", "VAULT_SECRET_FILE="+filepath.Join(dir, "new", "db.json"),
		"VAULT_SECRET_PATH_CREDS=rented/creds", "VAULT_SECRET_FILE_CREDS="+filepath.Join(dir, "creds.json"))
	var file []byte
	p.until("the files are there", func() bool {
		_, err := os.Stat(filepath.Join(dir, "creds.json"))
		file, _ = os.ReadFile(filepath.Join(dir, "new", "db.json"))
		return err == nil && file != nil
	})
	if !strings.Contains(string(file), `"data":{"data":{"password":"second","port":5432},"metadata":{`) {
		t.Errorf("the file has %s", file)
	}
	status, direct := s.call("GET", "plain/db", "")
	status2, passed, h := p.ask("GET", p.proxy+"/v1/plain/db", "")
	if status != status2 || !strings.Contains(passed, `"data":{"password":"plain"}`) || !strings.Contains(string(direct), `"data":{"password":"plain"}`) || h.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s; directly %d %s", status2, passed, status, direct)
	}
	// A write goes through, and what is kept is given out until it is not wanted.
	secret := p.proxy + "/v1/secret/data/new"
	if status, body, _ := p.ask("PUT", secret, `{"data":{"v":"one"}}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	p.ask("GET", secret, "", "X-Vault-Cache-Control", "cache")
	s.do("POST", "secret/data/new", `{"data":{"v":"two"}}`)
	for control, want := range map[string]string{"cache": "one", "nocache": "two"} {
		if _, body, _ := p.ask("GET", secret, "", "X-Vault-Cache-Control", control, "User-Agent", control); !strings.Contains(body, want) {
			t.Errorf("%s: %s", control, body)
		}
	}
	if status, _, _ := p.ask("GET", p.proxy+"/v1/secret/data/denied/db", ""); status != 403 {
		t.Errorf("what is denied: %d", status)
	}
	if status, body, _ := p.ask("LIST", p.proxy+"/v1/secret/metadata", ""); status != 200 || !strings.Contains(body, `"keys":["db","denied/","new"]`) {
		t.Errorf("a method that is not HTTP's own: %d %s", status, body)
	}
	// The token is given up on demand.
	if status, _, _ := p.ask("POST", p.proxy+"/v1/auth/token/revoke-self", ""); status != 204 {
		t.Errorf("revoking: %d", status)
	}
	if status, body, _ := p.ask("GET", secret, "", "X-Vault-Token-Options", "revoke"); status != 200 {
		t.Errorf("after it: %d %s", status, body)
	}
	if status, body, _ := p.ask("GET", secret, "", "X-Forwarded-For", "10.0.0.1"); status != 400 || body != "Forwarded\n" {
		t.Errorf("%d %s", status, body)
	}
	s.do("PUT", "sys/seal", "")
	if status, body, _ := p.ask("GET", secret, ""); status != 503 || !strings.Contains(body, "Vault is sealed") {
		t.Errorf("sealed: %d %s", status, body)
	}
}

func TestTheProxyWantsATokenUnlessItIsOpened(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := s.start()
	if status, body, _ := p.ask("GET", p.proxy+"/v1/secret/data/db", ""); status != 403 || !strings.Contains(body, "a token is needed") {
		t.Errorf("%d %s", status, body)
	}
	if status, body, _ := p.ask("GET", p.proxy+"/v1/secret/data/db", "", "X-Vault-Token", token); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}
