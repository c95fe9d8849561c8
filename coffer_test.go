// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer"
)

func TestGet(t *testing.T) {
	both(t, func(t *testing.T, s *service, c *coffer.Client) {
		for range 2 {
			if got, err := c.Get(background, "db"); err != nil || got != "value 1" {
				t.Errorf("%q, %v", got, err)
			}
		}
		if n := s.count(); n != 1 {
			t.Errorf("%d calls", n)
		}
		s.set(func(s *service) { s.current = 2 })
		if got, err := c.Get(background, "db", coffer.ForceFetch()); err != nil || got != "value 2" {
			t.Errorf("fresh: %q, %v", got, err)
		}
		if got, err := c.Get(background, "db", coffer.VersionStage("AWSPREVIOUS")); err != nil || got != "value 1" {
			t.Errorf("the previous one: %q, %v", got, err)
		}
		if _, err := c.Get(background, "db", coffer.VersionID("v1")); err != nil || !strings.Contains(s.calls[len(s.calls)-1], `"VersionId":"v1"`) {
			t.Errorf("a version: %v, %v", s.calls, err)
		}
		if got, err := c.Get(background, "binary"); err != nil || got != "\x00\x01\xff" {
			t.Errorf("binary: %q, %v", got, err)
		}
	})
}

func TestSecret(t *testing.T) {
	both(t, func(t *testing.T, _ *service, c *coffer.Client) {
		got, err := c.Secret(background, "db")
		if err != nil {
			t.Fatal(err)
		}
		if got.Name != "db" || got.VersionID != "v1" || got.Cache != "MISS" && got.Cache != "HIT" || got.Created.Unix() != 1 || got.Binary() || len(got.Stages) != 1 {
			t.Errorf("%+v", got)
		}
		got.Bytes()[0] = 'X'
		if got.Text() != "value 1" {
			t.Error("a caller changed the secret")
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if text := fmt.Sprintf(verb, got) + fmt.Sprintf(verb, &got); strings.Contains(text, "value 1") || strings.Contains(text, "76616c7565") {
				t.Errorf("%s prints the value: %s", verb, text)
			}
		}
		binary, err := c.Secret(background, "binary")
		if err != nil || !binary.Binary() {
			t.Errorf("%v, %v", binary, err)
		}
	})
}

func TestGetJSON(t *testing.T) {
	both(t, func(t *testing.T, s *service, c *coffer.Client) {
		s.value = `{"username":"u","port":5432}`
		var got struct {
			Username string
			Port     int
		}
		if err := c.GetJSON(background, "db", &got); err != nil || got.Username != "u" || got.Port != 5432 {
			t.Errorf("%+v, %v", got, err)
		}
		for _, value := range []string{`{"port":"hunter2"}`, `hunter2`, `{"port":98765.5}`, `{"port":1}hunter2`} {
			s.set(func(s *service) { s.value, s.current = value, s.current+1 })
			err := c.GetJSON(background, "db", &got, coffer.ForceFetch())
			if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "98765") {
				t.Errorf("%s: %v", value, err)
			}
		}
	})
}

func TestParameter(t *testing.T) {
	both(t, func(t *testing.T, s *service, c *coffer.Client) {
		if got, err := c.Parameter(background, "/p"); err != nil || got != "value 1" {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := c.Parameter(background, "/p", coffer.VersionID("3")); err != nil {
			t.Error(err)
		}
		if _, err := c.Parameter(background, "/p", coffer.VersionStage("prod"), coffer.ForceFetch()); err != nil {
			t.Error(err)
		}
		want := `GetParameter {"Name":"/p","WithDecryption":true}; GetParameter {"Name":"/p:3","WithDecryption":true}; GetParameter {"Name":"/p:prod","WithDecryption":true}`
		if got := strings.Join(s.calls, "; "); got != want {
			t.Errorf("asked %s", got)
		}
	})
}

func TestErrors(t *testing.T) {
	both(t, func(t *testing.T, s *service, c *coffer.Client) {
		for i, test := range []struct {
			code string
			is   error
		}{
			{"ResourceNotFoundException", coffer.ErrNotFound},
			{"ParameterNotFound", coffer.ErrNotFound},
			{"AccessDeniedException", coffer.ErrAccessDenied},
			{"DecryptionFailure", nil},
			{"ThrottlingException", coffer.ErrUnavailable},
		} {
			s.set(func(s *service) { s.fault = test.code })
			id := fmt.Sprint("s", i) // refusals are remembered for moments
			_, err := c.Get(background, id)
			e, ok := errors.AsType[*coffer.Error](err)
			if !ok || e.Code != test.code || e.ID != id {
				t.Errorf("%s: %v", test.code, err)
			}
			for _, target := range []error{coffer.ErrNotFound, coffer.ErrAccessDenied, coffer.ErrUnavailable} {
				if errors.Is(err, target) != (target == test.is) {
					t.Errorf("%s: errors.Is(%v) is %t", test.code, target, !(target == test.is))
				}
			}
		}
	})
}

func TestASourceThatCannotBeReached(t *testing.T) {
	t.Parallel()
	closed := closedPort(t)
	for name, cfg := range map[string]coffer.Config{
		"direct": {Endpoint: "http://" + closed, Getenv: env()},
		"agent":  {Agent: "http://" + closed, Getenv: env()},
	} {
		c := coffer.New(cfg)
		if _, err := c.Get(background, "db"); !errors.Is(err, coffer.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}

// closedPort returns an address that nothing listens at.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestAFunctionWithoutAnExtensionAsksTheServiceItself(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, port, _ := net.SplitHostPort(closedPort(t))
	c := coffer.New(coffer.Config{Getenv: env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001", "AWS_ENDPOINT_URL", s.url,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)})
	defer c.Close()
	for range 2 {
		if got, err := c.Get(background, "db"); err != nil || got != "value 1" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := c.Get(background, "db", coffer.ForceFetch()); err != nil || got != "value 1" {
		t.Errorf("%q, %v", got, err)
	}
	if n := s.count(); n != 2 {
		t.Errorf("%d calls", n)
	}
}

func TestAFunctionWithoutAnExtensionAndWithWrongSettings(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(closedPort(t))
	c := coffer.New(coffer.Config{Getenv: env("AWS_ENDPOINT_URL", "nonsense", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)})
	defer c.Close()
	for range 2 {
		if _, err := c.Get(background, "db"); err == nil || !strings.Contains(err.Error(), "endpoint") {
			t.Errorf("%v", err)
		}
		if _, err := c.SetSecret(background, "db", "v"); err == nil {
			t.Error("no error")
		}
	}
}

func TestAFunctionWithAnExtensionAsksThat(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(newAgent(t, s), "http://"))
	c := coffer.New(coffer.Config{Getenv: env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port, "AWS_ENDPOINT_URL", "http://"+closedPort(t))})
	defer c.Close()
	if got, err := c.Get(background, "db"); err != nil || got != "value 1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheAgentsTokenComesFromAFile(t *testing.T) {
	t.Parallel()
	s := newService(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, cfg := range map[string]coffer.Config{
		"":         {Getenv: env("COFFER_AGENT_TOKEN_FILE", file, "AWS_SESSION_TOKEN", "")},
		"401":      {Getenv: env("COFFER_AGENT_TOKEN", "wrong")},
		"no such":  {Getenv: env("COFFER_AGENT_TOKEN_FILE", "/does/not/exist")},
		"http URL": {Getenv: env(), Agent: "localhost:2773"},
	} {
		if cfg.Agent == "" {
			cfg.Agent = newAgent(t, s)
		}
		c := coffer.New(cfg)
		_, err := c.Get(background, "db")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		c.Close()
	}
}

func TestAnAgentThatAnswersNonsense(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", `{"SecretString":1}`, `{"SecretString":"hunter2`} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		c := coffer.New(coffer.Config{Agent: srv.URL, Getenv: env()})
		if _, err := c.Get(background, "db"); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", body, err)
		}
		c.Close()
		srv.Close()
	}
}

func TestAClosedClientAnswersNothing(t *testing.T) {
	t.Parallel()
	c := coffer.New(coffer.Config{})
	c.Close()
	if _, err := c.Get(background, "db"); err == nil {
		t.Error("no error")
	}
}
