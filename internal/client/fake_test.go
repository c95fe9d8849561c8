// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	sm  = &api.Service{Name: "secretsmanager", Title: "Secrets Manager", Protocol: api.JSON, TargetPrefix: "secretsmanager"}
	ssm = &api.Service{Name: "ssm", Title: "Parameter Store", Protocol: api.JSON, TargetPrefix: "AmazonSSM"}
	kms = &api.Service{Name: "kms", Title: "KMS", Protocol: api.JSON, TargetPrefix: "TrentService"}
	own = &api.Service{Name: "coffer", Title: "Coffer", Protocol: api.JSON, Path: "/coffer/v1/"}
)

var keys = sigv4.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.FromString("wJalrXUtnFEMI"), SessionToken: "token"}

// env is an environment for a test.
func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

// wire is a network that gives one answer after the other, and the last again.
type wire struct {
	mu      sync.Mutex
	answers []answer
	got     []*http.Request
	at      []time.Time
	closed  int
}

type answer struct {
	status int
	body   string
	header map[string]string
	err    error
	hang   bool
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	a := w.answers[min(len(w.got), len(w.answers)-1)]
	w.got = append(w.got, req)
	w.at = append(w.at, time.Now())
	w.mu.Unlock()
	if a.hang {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	res := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: req}
	for k, v := range a.header {
		res.Header.Set(k, v)
	}
	return res, nil
}

func (w *wire) CloseIdleConnections() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed++
}

// call calls an operation over the wire.
func (w *wire) call(ctx context.Context, t *testing.T, configure ...func(*client.Config)) ([]byte, error) {
	t.Helper()
	return newClient(t, w, configure...).Call(ctx, sm, "GetSecretValue", []byte(`{"SecretId":"x"}`))
}

func newClient(t *testing.T, w http.RoundTripper, configure ...func(*client.Config)) *client.Client {
	t.Helper()
	cfg := client.Config{
		Getenv: env("AWS_REGION", "eu-west-1"), Credentials: client.Static(keys), Transport: w,
	}
	for _, f := range configure {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ok() answer { return answer{status: 200, body: `{}`} }

func fault(status int, code string) answer {
	return answer{status: status, body: `{"__type":"` + code + `","message":"m"}`}
}

func refused() answer { return answer{err: errors.New("connection refused")} }
