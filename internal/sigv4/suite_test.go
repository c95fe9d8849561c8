// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// A suiteCase is a case of AWS's test suite; see testdata/README.md.
type suiteCase struct {
	Name, Method, Target, Body, Token string
	Headers                           [][2]string
	SignedHeaders, Signature          string
	Expires                           int // seconds; presigned
}

const suiteScope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"

func suite(t *testing.T) []suiteCase {
	t.Helper()
	data, err := os.ReadFile("testdata/aws-signing-test-suite.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []suiteCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 36 {
		t.Fatalf("%d cases", len(cases))
	}
	return cases
}

// request returns the case as a server sees it, less the signature.
func (c *suiteCase) request() *http.Request {
	req := &http.Request{
		Method: c.Method, Host: "example.amazonaws.com", RequestURI: c.Target, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: "example.amazonaws.com", Path: "/"},
	}
	for _, h := range c.Headers {
		req.Header.Add(h[0], h[1])
	}
	return req
}

func (c *suiteCase) signing() sigv4.Signing {
	s := exampleSigning()
	s.Credentials.SessionToken = c.Token
	return s
}

func TestAWSTestSuite(t *testing.T) {
	t.Parallel()
	for _, c := range suite(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if c.Expires > 0 {
				testPresigned(t, c)
				return
			}
			want := "AWS4-HMAC-SHA256 Credential=" + suiteScope + ", SignedHeaders=" + c.SignedHeaders + ", Signature=" + c.Signature

			req := c.request()
			var s sigv4.Signer
			if err := s.Sign(req, []byte(c.Body), c.signing()); err != nil {
				t.Fatal(err)
			}
			if got := req.Header.Get("Authorization"); got != want {
				t.Errorf("signed\n got %s\nwant %s", got, want)
			}

			req = c.request()
			req.Header.Set("X-Amz-Date", "20150830T123600Z")
			req.Header.Set("Authorization", want)
			if c.Token != "" {
				req.Header.Set("X-Amz-Security-Token", c.Token)
			}
			if err := verify(req, []byte(c.Body), exampleTerms()); err != nil {
				t.Error(err)
			}
			wantError(t, verify(forge(req), []byte(c.Body), exampleTerms()), sigv4.InvalidSignature, "does not match")
		})
	}
}

func testPresigned(t *testing.T, c suiteCase) {
	t.Helper()
	req := c.request()
	var s sigv4.Signer
	signed, err := s.Presign(req, []byte(c.Body), c.signing(), time.Duration(c.Expires)*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(signed, "&X-Amz-Signature="+c.Signature) {
		t.Errorf("signed %s, want %s", signed, c.Signature)
	}

	query := url.Values{
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {suiteScope}, "X-Amz-Date": {"20150830T123600Z"},
		"X-Amz-SignedHeaders": {c.SignedHeaders}, "X-Amz-Expires": {"3600"}, "X-Amz-Signature": {c.Signature},
	}
	if c.Token != "" {
		query.Set("X-Amz-Security-Token", c.Token)
	}
	separator := "?"
	if strings.Contains(c.Target, "?") {
		separator = "&"
	}
	req.RequestURI += separator + query.Encode()
	req.Header.Set("X-Amz-Date", "20150830T123600Z") // as in the suite: unsigned, and without effect
	if err := verify(req, []byte(c.Body), exampleTerms()); err != nil {
		t.Error(err)
	}
}

// TestGuideExample is the example of the IAM User Guide, "Create a signed AWS API
// request", in its older form.
func TestGuideExample(t *testing.T) {
	t.Parallel()
	req := &http.Request{
		Method: http.MethodGet, Host: "iam.amazonaws.com", RequestURI: "/?Action=ListUsers&Version=2010-05-08",
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
	}
	with := exampleSigning()
	with.Service = "iam"
	var s sigv4.Signer
	if err := s.Sign(req, nil, with); err != nil {
		t.Fatal(err)
	}
	const want = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, " +
		"SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
