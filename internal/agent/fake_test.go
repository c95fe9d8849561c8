// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "IQoJb3JpZ2luX2VjEXAMPLE"

// store is a Store that remembers what it was asked, and answers what it is told to.
type store struct {
	mu     sync.Mutex
	asked  []string
	answer cache.Answer
	err    error
}

func (s *store) take(how string, ref cache.Ref) (cache.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, how+" "+describe(ref))
	a := s.answer
	a.Value = a.Value.Clone()
	return a, s.err
}

// describe says what a Ref asks for.
func describe(ref cache.Ref) string {
	text := []string{"secret", ref.ID}
	if ref.Kind == cache.Parameter {
		text[0] = "parameter"
	}
	for _, part := range [][2]string{{"version", ref.VersionID}, {"stage", ref.Stage}, {"as", ref.Role}} {
		if part[1] != "" {
			text = append(text, part[0], part[1])
		}
	}
	if ref.Decrypt {
		text = append(text, "decrypted")
	}
	return strings.Join(text, " ")
}

func (s *store) Get(_ context.Context, ref cache.Ref) (cache.Answer, error) {
	return s.take("Get", ref)
}

func (s *store) Refresh(_ context.Context, ref cache.Ref) (cache.Answer, error) {
	return s.take("Refresh", ref)
}

func (s *store) Failed(_ context.Context, ref cache.Ref, version string) (cache.Answer, error) {
	return s.take("Failed "+version, ref)
}

var created = time.Date(2022, 11, 16, 8, 22, 40, 500e6, time.UTC)

func secretAnswer() cache.Answer {
	return cache.Answer{Status: cache.Hit, Age: 42 * time.Second, Value: cache.Value{
		ARN: "arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbCdEf", Name: "prod/db", VersionID: "v-1",
		Stages: []string{"AWSCURRENT"}, Text: secret.FromString(`{"password":"<&>\"é"}`), Created: created,
	}}
}

func parameterAnswer() cache.Answer {
	return cache.Answer{Status: cache.Miss, Value: cache.Value{
		ARN: "arn:aws:ssm:eu-west-1:000000000000:parameter/p", Name: "/p", VersionID: "1", Created: created,
		Text: secret.FromString("a,b,c"), Parameter: &cache.ParameterInfo{Type: new("StringList"), DataType: new("text"), Version: 1},
	}}
}

func newAgent(t testing.TB, s agent.Store, log io.Writer, configure ...func(*agent.Config)) *agent.Agent {
	t.Helper()
	cfg := agent.Config{
		Store: s, Tokens: []secret.Value{secret.FromString(token), secret.FromString("second")},
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range configure {
		f(&cfg)
	}
	a, err := agent.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// do sends a request as it stands, with the token unless the header says otherwise.
func do(t testing.TB, h http.Handler, method, target string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, "http://localhost:2773/", nil)
	path, query, _ := strings.Cut(target, "?")
	req.URL.Path, req.URL.RawQuery = path, query
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	for k, v := range header {
		switch {
		case k == "Host":
			req.Host = v
		case v == "":
			req.Header.Del(k)
		default:
			req.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}
