// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// FuzzParse looks for a request that makes Parse or Verify panic, that passes, or
// that is refused with another error than ours.
func FuzzParse(f *testing.F) {
	f.Add("/", complete, "20150830T123600Z", "", "secretsmanager.GetSecretValue")
	f.Add("/a/../b//?x=%20+&&y", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=;;,Signature=", "", "Sun, 30 Aug 2015 12:36:00 GMT", "")
	f.Add("*", "Bearer x", "", "", "")
	f.Add("http://x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request"+
		"&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Expires=60&X-Amz-Signature=00", "", "", "", "")
	f.Fuzz(func(t *testing.T, target, authorization, amzDate, date, amzTarget string) {
		req := &http.Request{Method: http.MethodPost, Host: "example.com", RequestURI: target, Header: http.Header{}}
		if target == "" {
			t.Skip("a server's request has a target")
		}
		for key, value := range map[string]string{
			"Authorization": authorization, "X-Amz-Date": amzDate, "Date": date, "X-Amz-Target": amzTarget,
		} {
			if value != "" {
				req.Header.Set(key, value)
			}
		}
		p, err := sigv4.Parse(req)
		if err == nil {
			terms := exampleTerms()
			terms.Now = p.Time
			terms.Service, terms.Region = "", ""
			var v sigv4.Verifier
			err = v.Verify(p, nil, terms)
		}
		e, ok := errors.AsType[*sigv4.Error](err)
		if !ok || e.JSON().Code == "" || e.Query().Code == "" || len(e.JSON().Message) > 2048 {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzSignVerify holds that what is signed verifies, whatever it is, and that no
// other body does.
func FuzzSignVerify(f *testing.F) {
	f.Add("/", "x", []byte("body"))
	f.Add("/ሴ/ /..//.?a=b&a=%2f&+", "  a   b  ", []byte(nil))
	f.Fuzz(func(t *testing.T, target, value string, body []byte) {
		if target == "" {
			t.Skip("a server's request has a target")
		}
		req := &http.Request{Method: http.MethodPost, Host: "example.com", RequestURI: target, Header: http.Header{"X-Custom": {value}}}
		var s sigv4.Signer
		if err := s.Sign(req, body, exampleSigning()); err != nil {
			t.Skip(err)
		}
		p, err := sigv4.Parse(req)
		if e, ok := errors.AsType[*sigv4.Error](err); ok && e.Kind == sigv4.InvalidSignature {
			t.Skip("both in the query and in the header")
		} else if err != nil {
			t.Fatal(err)
		}
		var v sigv4.Verifier
		if err := v.Verify(p, body, exampleTerms()); err != nil {
			t.Error(err)
		}
		wantError(t, v.Verify(p, append(body, 0), exampleTerms()), sigv4.InvalidSignature, "we calculated does not match")
	})
}
