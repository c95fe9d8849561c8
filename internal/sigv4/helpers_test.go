// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// The credentials and the time of AWS's test suite.
const (
	exampleKeyID      = "AKIDEXAMPLE"
	exampleSecretText = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var (
	exampleSecret = secret.FromString(exampleSecretText)
	suiteTime     = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
)

func exampleSigning() sigv4.Signing {
	return sigv4.Signing{
		Credentials: sigv4.Credentials{AccessKeyID: exampleKeyID, SecretAccessKey: exampleSecret},
		Region:      "us-east-1", Service: "service", Time: suiteTime,
	}
}

func exampleTerms() sigv4.Terms {
	return sigv4.Terms{Secret: exampleSecret, Now: suiteTime, Service: "service", Region: "us-east-1"}
}

// jsonRequest returns a request as an SDK makes it, as a server sees it.
func jsonRequest(body []byte) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "http://secretsmanager.us-east-1.example.com/", bytes.NewReader(body))
	req.RequestURI = "/"
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	req.Header.Set("User-Agent", "aws-cli/2.20.0 md/awscrt#0.22.0 ua/2.0 os/linux")
	req.Header.Set("Accept-Encoding", "identity")
	return req
}

// signed returns jsonRequest(body) with a signature.
func signed(tb testing.TB, body []byte, with sigv4.Signing) *http.Request {
	tb.Helper()
	req := jsonRequest(body)
	var s sigv4.Signer
	if err := s.Sign(req, body, with); err != nil {
		tb.Fatal(err)
	}
	return req
}

func benchRequest(tb testing.TB) (*http.Request, []byte) {
	body := []byte(strings.Repeat("0123456789", 40))
	return signed(tb, body, exampleSigning()), body
}

// forge returns the request with another signature of the same form.
func forge(req *http.Request) *http.Request {
	out := req.Clone(req.Context())
	head, signature, _ := strings.Cut(req.Header.Get("Authorization"), "Signature=")
	out.Header.Set("Authorization", head+"Signature="+strings.Repeat("0", len(signature)))
	return out
}

// signBySDK signs with the AWS SDK for Go, for exampleTerms.
func signBySDK(tb testing.TB, req *http.Request, payloadHash string) {
	tb.Helper()
	err := v4.NewSigner().SignHTTP(tb.Context(), aws.Credentials{AccessKeyID: exampleKeyID, SecretAccessKey: exampleSecretText},
		req, payloadHash, "service", "us-east-1", suiteTime)
	if err != nil {
		tb.Fatal(err)
	}
}

// verify parses and verifies.
func verify(req *http.Request, body []byte, terms sigv4.Terms) error {
	p, err := sigv4.Parse(req)
	if err != nil {
		return err
	}
	var v sigv4.Verifier
	return v.Verify(p, body, terms)
}

// wantError checks the kind of an error, and that its message has the part.
func wantError(t *testing.T, err error, kind sigv4.Kind, part string) {
	t.Helper()
	e, ok := errors.AsType[*sigv4.Error](err)
	if !ok || e.Kind != kind || !strings.Contains(e.JSON().Message, part) {
		t.Errorf("got %v, want %s with %q", err, kind.Err().JSON().Code, part)
	}
}
