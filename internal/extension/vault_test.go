// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/source/vault/vaulttest"
)

const (
	vaultHost = "vault.test:8200"
	vaultPath = "/secretsmanager/get?secretId=vault:secret/db%23password"
)

// vaultEnv configures Vault, with more.
func vaultEnv(more ...string) map[string]string {
	env := map[string]string{"VAULT_ADDR": "https://" + vaultHost, "VAULT_ROLE_ID": "role"}
	for pair := range slices.Chunk(more, 2) {
		env[pair[0]] = pair[1]
	}
	return env
}

// sources is what the extension gets its secrets from: AWS, and Vault if there is one.
func (l *lab) sources() http.RoundTripper { return all{l.cloud, l.vault} }

type all struct {
	*cloud
	vault http.RoundTripper
}

func (a all) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == vaultHost {
		return a.vault.RoundTrip(req)
	}
	return a.cloud.RoundTrip(req)
}

// withVault adds a Vault server to the lab.
func (l *lab) withVault() *vaulttest.Server {
	s := vaulttest.New(l.clock.Now)
	s.Versioned["db"] = []string{`{"password":"s3cret 1"}`}
	l.vault = s
	return s
}

// askProxy asks the proxy, as a program does that shows a token or none.
func (l *lab) askProxy(path, token string) string {
	l.t.Helper()
	l.mu.Lock()
	proxy := l.proxy
	l.mu.Unlock()
	tr := &http.Transport{DialContext: proxy.DialContext, DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, "http://localhost:8200"+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", strings.Contains(string(body), "s3cret"))
}

func TestVaultIsASource(t *testing.T) {
	bubble(t, func(l *lab) {
		server := l.withVault()
		l.start(vaultEnv("COFFER_PREFETCH", "vault:secret/db#password"))
		l.invoke(vaultPath, "200 MISS s3cret 1", 0)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		server.Set(func(s *vaulttest.Server) { s.Fault = vaulttest.Sealed })
		l.freeze(10 * time.Minute)
		l.invoke(vaultPath, "200 STALE s3cret 1", 0)
	})
}

func TestWhatIsWrongWithVaultLeavesTheRest(t *testing.T) {
	bubble(t, func(l *lab) {
		l.withVault()
		l.proxyTaken = syscall.EADDRINUSE
		l.start(vaultEnv("VAULT_RUN_MODE", "proxy"))
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		if !strings.Contains(strings.Join(l.log(), "\n"), "Vault's proxy is not served") {
			l.t.Error("nothing was said of a port that is taken")
		}
	})
}

func TestTheProxyIsNotItsOwnVault(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(map[string]string{"VAULT_ADDR": "http://127.0.0.1:8200", "VAULT_ROLE_ID": "role", "VAULT_RUN_MODE": "proxy"})
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		if l.proxy != nil || !strings.Contains(strings.Join(l.log(), "\n"), "set VLE_VAULT_ADDR") {
			l.t.Errorf("served: %t", l.proxy != nil)
		}
	})
}

func TestTheProxyOfVaultsExtension(t *testing.T) {
	for mode, want := range map[string][2]string{"": {"403 false", "200 true"}, "proxy": {"200 true", "200 true"}, "default": {"200 true", "200 true"}} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(l *lab) {
				l.withVault()
				l.start(vaultEnv("VAULT_RUN_MODE", mode))
				if got := [2]string{l.askProxy("/v1/secret/data/db", ""), l.askProxy("/v1/secret/data/db", "session")}; got != want {
					l.t.Errorf("without and with a token: %q, want %q", got, want)
				}
			})
		})
	}
}

func TestFilesAreThereBeforeTheFunctionIs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "db.json")
	bubble(t, func(l *lab) {
		server := l.withVault()
		there := false
		l.start(vaultEnv("VAULT_RUN_MODE", "file", "VAULT_SECRET_PATH", "secret/data/db", "VAULT_SECRET_FILE", name), func(c *lambdahost.Config) {
			program := c.Function.Program
			c.Function.Program = func(ctx context.Context, p *lambdahost.Proc) error {
				_, err := os.Stat(name)
				there = err == nil
				return program(ctx, p)
			}
		})
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		if !there || l.proxy != nil {
			l.t.Errorf("a file: %t; a proxy: %t", there, l.proxy != nil)
		}
		server.Set(func(s *vaulttest.Server) { s.Versioned["db"] = []string{`{"password":"n3w"}`} })
		l.freeze(10 * time.Minute)
		l.invoke(secretPath, "200 * s3cret 1", 1)
		if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), "n3w") {
			l.t.Errorf("%s, %v", b, err)
		}
	})
}

func TestAVaultThatIsDownHoldsNothingUpForLong(t *testing.T) {
	name := filepath.Join(t.TempDir(), "db.json")
	bubble(t, func(l *lab) {
		server := l.withVault()
		server.Fault = vaulttest.Hanging
		began := time.Now()
		l.start(vaultEnv("VAULT_SECRET_PATH", "secret/data/db", "VAULT_SECRET_FILE", name))
		if took := time.Since(began); took > initIn {
			l.t.Errorf("INIT took %v", took)
		}
		l.freeze(time.Minute)
		res := l.invoke(secretPath, "200 MISS s3cret 1", 1)
		if res.Duration > filesIn+settleIn {
			l.t.Errorf("the invocation took %v", res.Duration)
		}
		server.Set(func(s *vaulttest.Server) { s.Fault = nil })
		l.freeze(time.Minute)
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		if _, err := os.Stat(name); err != nil {
			l.t.Error(err)
		}
	})
}

func TestNothingOfVaultsIsInASnapshot(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "db.json")
	l := newLab(t)
	server := l.withVault()
	l.start(vaultEnv("VAULT_RUN_MODE", "default", "VAULT_SECRET_PATH", "secret/data/db", "VAULT_SECRET_FILE", name,
		"VAULT_DEFAULT_CACHE_TTL", "1h", "VAULT_DEFAULT_CACHE_ENABLED", "true"), func(c *lambdahost.Config) {
		c.InitializationType, c.Listener, c.InitTimeout = lambdahost.SnapStart, nil, time.Minute
	})
	for range 2 {
		if got := l.askProxy("/v1/secret/data/db", ""); got != "200 true" {
			t.Errorf("before the snapshot: %s", got)
		}
	}
	if n := len(server.Logins()); n != 2 {
		t.Errorf("%d logins for two requests: the token is held", n)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is in the snapshot: %v", err)
	}
	if err := l.host.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.invoke(vaultPath, "200 MISS s3cret 1", 0)
	// The function may have asked before the extension had its event: nothing was kept yet.
	l.invoke(vaultPath, "200 * s3cret 1", 0)
	l.invoke(vaultPath, "200 HIT s3cret 1", 0) // the file's turn came while the function ran
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}
