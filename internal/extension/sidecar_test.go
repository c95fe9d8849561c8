// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// sidecar is the program where there is no Lambda.
type sidecar struct {
	*lab
	stop  context.CancelFunc
	ended chan error
}

// startSidecar starts one that gets the port when it listens.
func startSidecar(l *lab, port net.Listener, env map[string]string) *sidecar {
	all := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "COFFER_AGENT_TOKEN": "tok"}
	maps.Copy(all, env)
	ctx, stop := context.WithCancel(l.t.Context())
	s := &sidecar{l, stop, make(chan error, 1)}
	p := &process{
		getenv: func(n string) string { return all[n] }, errs: new(strings.Builder), now: time.Now, transport: l.cloud,
		listen: func(int) (net.Listener, error) { return port, nil },
	}
	go func() { s.ended <- p.run(ctx) }()
	return s
}

// inBubble starts a sidecar in fake time.
func inBubble(t *testing.T, l *lab, env map[string]string) *sidecar {
	t.Helper()
	l.port = lambdahost.NewPipe()
	s := startSidecar(l, l.port, env)
	synctest.Wait()
	return s
}

func (s *sidecar) want(path, want string) {
	s.t.Helper()
	if got := s.ask(context.Background(), "tok", path); got != want {
		s.t.Errorf("%s: %q, want %q", path, got, want)
	}
}

func TestASidecarIsReadyWhenItHasTriedToPrefetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.cloud.fault = "hangs"
		s := inBubble(t, l, map[string]string{"COFFER_PREFETCH": "db"})
		s.want("/healthz", "200")
		s.want("/readyz", "503")
		time.Sleep(10 * time.Second)
		s.want("/readyz", "200")
		s.stop()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

func TestASidecarLetsRequestsFinishAndPollsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		s := inBubble(t, l, nil)
		l.cloud.set(func(c *cloud) { c.delay = 2 * time.Second })
		began := time.Now()
		polled, read := make(chan time.Duration, 1), make(chan time.Duration, 1)
		go func() {
			s.want("/coffer/v1/changes?wait=60s&since="+s.cursor("tok"), "200")
			polled <- time.Since(began)
		}()
		go func() {
			s.want(secretPath, "200 MISS s3cret 1")
			read <- time.Since(began)
		}()
		synctest.Wait()
		s.stop()
		if took := <-polled; took != 0 {
			t.Errorf("the poll ended after %v", took)
		}
		if took := <-read; took != 2*time.Second {
			t.Errorf("the read ended after %v", took)
		}
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

// cursor asks where the next question for changes begins.
func (l *lab) cursor(token string) string {
	_, body := l.fetch(token, "/coffer/v1/changes")
	_, rest, _ := strings.Cut(body, `"cursor":"`)
	cursor, _, _ := strings.Cut(rest, `"`)
	return cursor
}

// fetch returns a status and a body.
func (l *lab) fetch(token, path string) (int, string) {
	l.t.Helper()
	tr := &http.Transport{DialContext: l.port.DialContext, DisableKeepAlives: true}
	return fetch(l.t, tr, token, "http://localhost"+path)
}

func fetch(t *testing.T, tr *http.Transport, token, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token)
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestTheAgentsSettingsReachIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		s := inBubble(t, l, map[string]string{
			"COFFER_CONTRACT": "agent", "COFFER_PATH_PREFIX": "/secrets/", "COFFER_REQUEST_BUDGET": "1", "COFFER_METRICS": "open",
		})
		const body = `{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf","Name":"db","VersionId":"v1","SecretString":"s3cret 1","VersionStages":["AWSCURRENT"],"CreatedDate":"1.000"}`
		for _, path := range []string{secretPath, "/secrets/db"} {
			if status, got := s.fetch("tok", path); status != 200 || got != body {
				t.Errorf("%s: %d %s", path, status, got)
			}
		}
		for range 19 { // with the one above, what a budget of 1 has in it
			s.want(secretPath+"&refreshNow=1", "200 MISS s3cret 1")
		}
		s.want(secretPath+"&refreshNow=1", "200 HIT s3cret 1")
		if got := l.ask(t.Context(), "", "/metrics"); got != "200" {
			t.Errorf("open metrics: %s", got)
		}
		_, page := s.fetch("tok", "/metrics")
		for _, want := range []string{"source_calls_total 20\n", "budget_refusals_total 1\n", "cache_entries 1\n", `path="/secrets/{secretId}",status="200"} 1`} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in\n%s", want, page)
			}
		}
		s.stop()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

func TestALongPollOutlivesTheFreezer(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		cursor := l.cursor("session")
		polled := make(chan string, 1)
		go func() {
			_, body := l.fetch("session", "/coffer/v1/changes?wait=20s&secretId=db&since="+cursor)
			polled <- body
		}()
		synctest.Wait()
		l.cloud.set(func(c *cloud) { c.version = 2 })
		l.freeze(time.Hour)
		l.invoke(secretPath, "200 * s3cret 2", 1)
		if got := <-polled; !strings.Contains(got, `{"id":"db","versionId":"v2",`) {
			l.t.Errorf("%q", got)
		}
	})
}

func TestASidecarOnASocket(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	path := filepath.Join(t.TempDir(), "s")
	port, err := agent.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	s := startSidecar(l, port, map[string]string{"COFFER_SOCKET": path})
	waitFor(t, path)
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	if status, body := fetch(t, tr, "tok", "http://any"+secretPath+"&field=x"); status != 400 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := fetch(t, tr, "tok", "http://any"+secretPath); status != 200 || !strings.Contains(body, "s3cret 1") {
		t.Errorf("%d %s", status, body)
	}
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	second, err := agent.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	bad := startSidecar(l, second, map[string]string{"COFFER_SOCKET": filepath.Join(t.TempDir(), "none", "s")})
	if err := <-bad.ended; err == nil || !strings.Contains(err.Error(), "COFFER_SOCKET") {
		t.Errorf("a socket that can't be: %v", err)
	}
}

// waitFor waits until somebody listens at a socket.
func waitFor(t *testing.T, path string) {
	t.Helper()
	for t.Context().Err() == nil {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return
		}
	}
}
