// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// A house is a coffer server process with a client that calls it as root: each call
// once, without retries, so that the test knows what was answered.
type house struct {
	*process
	t      *testing.T
	client *http.Client
}

// newHouse starts a server on a new data directory.
func newHouse(t *testing.T, args ...string) *house {
	t.Helper()
	return newHouseIn(t, filepath.Join(t.TempDir(), "data"), args...)
}

// newHouseIn starts a server on that data directory.
func newHouseIn(t *testing.T, data string, args ...string) *house {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * writers}
	t.Cleanup(transport.CloseIdleConnections)
	return &house{startServer(t, data, args...), t, &http.Client{Transport: transport}}
}

// auditFile is the path of the audit log, unless an argument says otherwise.
func (h *house) auditFile() string { return filepath.Join(h.Data, "audit.log") }

// records returns what is in an audit log.
func records(t *testing.T, path string) (all []audit.Record) {
	t.Helper()
	for r, err := range audit.Records(context.Background(), path, audit.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// get gets a page.
func (h *house) get(path string) (status int, body string) {
	h.t.Helper()
	resp, err := h.client.Get(h.URL + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// An answer is what a call came back with.
type answer struct {
	Status    int
	RequestID string
	Code      string // of an error
	Body      []byte
}

// String is the answer for a message.
func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.Status, a.Body) }

// member returns a member of the answer, or of an object within.
func (a answer) member(path ...string) any {
	var at any
	_ = json.Unmarshal(a.Body, &at)
	for _, name := range path {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	return at
}

// call makes a call. The error is of the connection.
func (h *house) call(target, body string) (answer, error) {
	req, err := h.request(target, body)
	if err != nil {
		return answer{}, err
	}
	return h.send(req)
}

// answered makes a call that has to be answered, be it by an error.
func (h *house) answered(target, body string) answer {
	h.t.Helper()
	a, err := h.call(target, body)
	if err != nil {
		h.t.Fatalf("%s: %v", target, err)
	}
	return a
}

// must makes a call that has to succeed.
func (h *house) must(target, body string) answer {
	h.t.Helper()
	a := h.answered(target, body)
	if a.Status != http.StatusOK {
		h.t.Fatalf("%s: %s", target, a)
	}
	return a
}

// request is a call by root, signed now.
func (h *house) request(target, body string) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, h.URL+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	return req, h.sign(req, body, time.Now())
}

func (h *house) sign(req *http.Request, body string, at time.Time) error {
	prefix, _, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	service := map[string]string{"secretsmanager": "secretsmanager", "AmazonSSM": "ssm", "TrentService": "kms"}[prefix]
	if service == "" {
		service = "sts"
	}
	return new(sigv4.Signer).Sign(req, []byte(body), sigv4.Signing{
		Credentials: sigv4.Credentials{AccessKeyID: h.AccessKeyID, SecretAccessKey: secret.FromString(h.SecretAccessKey)},
		Region:      h.Region, Service: service, Time: at,
	})
}

func (h *house) send(req *http.Request) (answer, error) {
	resp, err := h.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Amzn-Requestid"), Body: body}
	if a.Status != http.StatusOK {
		a.Code, _ = a.member("__type").(string)
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/xml") {
			_, a.Code, _ = strings.Cut(string(body), "<Code>")
			a.Code, _, _ = strings.Cut(a.Code, "</Code>")
		}
	}
	return a, nil
}

// token is a ClientRequestToken: 32 characters or more, as AWS wants it.
func token(name string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if slices.Contains([]rune("/ .+"), r) {
			return '-'
		}
		return r
	}, name)
	return fmt.Sprintf("%s-%032d", clean, n)
}
