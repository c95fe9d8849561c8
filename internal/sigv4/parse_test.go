// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	credential = "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
	names      = "SignedHeaders=content-type;host;x-amz-date;x-amz-target"
	signature  = "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	complete   = "AWS4-HMAC-SHA256 " + credential + ", " + names + ", " + signature
)

func fingerprint(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"as the SDKs write it": complete,
		"without spaces":       "AWS4-HMAC-SHA256 " + credential + "," + names + "," + signature,
		"in another order":     "AWS4-HMAC-SHA256   " + signature + " ,  " + names + ",\t" + credential + " ",
		"names in any order":   "AWS4-HMAC-SHA256 " + credential + ",SignedHeaders=X-Amz-Target;Host;content-type;x-amz-date," + signature,
		"with one unknown":     complete + ", Other=1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := jsonRequest(nil)
			req.Header.Set("Authorization", header)
			req.Header.Set("X-Amz-Date", "20150830T123600Z")
			req.Header.Set("Date", "nonsense")
			p, err := sigv4.Parse(req)
			if err != nil {
				t.Fatal(err)
			}
			if p.AccessKeyID != "AKIDEXAMPLE" || p.Region != "us-east-1" || p.Service != "service" || !p.Time.Equal(suiteTime) ||
				p.SignedHeaders != "content-type;host;x-amz-date;x-amz-target" || p.Presigned || p.Expires != 0 || p.SessionToken() != "" {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestParseHeaderErrors(t *testing.T) {
	t.Parallel()
	const (
		noCredential = "Authorization header requires 'Credential' parameter. "
		noSignature  = "Authorization header requires 'Signature' parameter. "
		noNames      = "Authorization header requires 'SignedHeaders' parameter. "
		noDate       = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
		hashed       = "(Hashed with SHA-256 and encoded with Base64) Authorization="
	)
	const date = "20150830T123600Z"
	for name, c := range map[string]struct {
		header, date string
		kind         sigv4.Kind
		message      string
	}{
		"empty":          {"", date, sigv4.MissingToken, ""},
		"only the name":  {"AWS4-HMAC-SHA256", "", sigv4.IncompleteSignature, noCredential + noSignature + noNames + noDate + hashed + fingerprint("AWS4-HMAC-SHA256")},
		"a JWT":          {"eyJ0eXAi", "", sigv4.IncompleteSignature, noCredential + noSignature + noNames + noDate + hashed},
		"no date":        {complete, "", sigv4.IncompleteSignature, noDate + hashed + fingerprint(complete)},
		"no credential":  {"AWS4-HMAC-SHA256 " + names + "," + signature, date, sigv4.IncompleteSignature, noCredential + hashed},
		"no names":       {"AWS4-HMAC-SHA256 " + credential + "," + signature, date, sigv4.IncompleteSignature, noNames + hashed},
		"no signature":   {"AWS4-HMAC-SHA256 " + credential + "," + names, date, sigv4.IncompleteSignature, noSignature + hashed},
		"bearer":         {"Bearer abc", date, sigv4.IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '" + fingerprint("Bearer abc") + "'."},
		"trailing comma": {complete + ",", date, sigv4.IncompleteSignature, "Invalid key=value pair"},
		"a space inside": {strings.Replace(complete, "Credential=", "Credential= ", 1), date, sigv4.UnknownKey, ""},
		"credential twice": {
			complete + "," + credential, date, sigv4.IncompleteSignature, "more than one 'Credential' parameter",
		},
		"signature twice":            {complete + "," + signature, date, sigv4.IncompleteSignature, "more than one 'Signature' parameter"},
		"names twice":                {complete + "," + names, date, sigv4.IncompleteSignature, "more than one 'SignedHeaders' parameter"},
		"a name twice":               {strings.Replace(complete, "host;", "host;host;", 1), date, sigv4.IncompleteSignature, "more than once"},
		"a name twice, in two cases": {strings.Replace(complete, "host;", "host;Host;", 1), date, sigv4.IncompleteSignature, "more than once"},
		"too many names":             {strings.Replace(complete, "host;", "host;"+strings.Repeat("a;", 100), 1), date, sigv4.IncompleteSignature, "more than 100 names"},
		"too long":                   {complete + "," + strings.Repeat(" ", 4096), date, sigv4.IncompleteSignature, "more than 4096 bytes"},
		"another algorithm": {
			strings.Replace(complete, "SHA256", "SHA512", 1), date, sigv4.IncompleteSignature,
			"Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). ",
		},
		"asymmetric": {strings.Replace(complete, "HMAC-SHA256", "ECDSA-P256-SHA256", 1), date, sigv4.IncompleteSignature, "Unsupported AWS 'algorithm'"},
		"a bad date": {
			complete, "2015", sigv4.IncompleteSignature,
			"Date must be in ISO-8601 'basic format'. Got '2015'. See http://en.wikipedia.org/wiki/ISO_8601",
		},
		"no such day":       {complete, "20150230T123600Z", sigv4.IncompleteSignature, "Date must be"},
		"no such hour":      {complete, "20150830T243600Z", sigv4.IncompleteSignature, "Date must be"},
		"a leap second":     {complete, "20150830T123660Z", sigv4.IncompleteSignature, "Date must be"},
		"no such minute":    {complete, "20150830T126000Z", sigv4.IncompleteSignature, "Date must be"},
		"no such month":     {complete, "20151330T123600Z", sigv4.IncompleteSignature, "Date must be"},
		"another zone":      {complete, "20150830T123600+", sigv4.IncompleteSignature, "Date must be"},
		"not digits":        {complete, "2015083oT123600Z", sigv4.IncompleteSignature, "Date must be"},
		"a long date":       {complete, strings.Repeat("1", 1000), sigv4.IncompleteSignature, "1...'. See"},
		"host not signed":   {strings.Replace(complete, "host;", "", 1), date, sigv4.InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		"target not signed": {strings.Replace(complete, ";x-amz-target", "", 1), date, sigv4.InvalidSignature, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
		"four elements":     {strings.Replace(complete, "/service", "", 1), date, sigv4.IncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got "},
		"six elements":      {strings.Replace(complete, "/service", "/service/x", 1), date, sigv4.IncompleteSignature, "Credential must have exactly 5"},
		"a long key":        {strings.Replace(complete, "AKID", strings.Repeat("A", 128), 1), date, sigv4.UnknownKey, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := jsonRequest(nil)
			req.Header.Set("Authorization", c.header)
			if c.date != "" {
				req.Header.Set("X-Amz-Date", c.date)
			}
			err := verify(req, nil, sigv4.Terms{Now: suiteTime})
			wantError(t, err, c.kind, c.message)
			if err != nil && strings.Contains(err.Error(), signature[10:]) {
				t.Errorf("the signature is in the error: %v", err)
			}
		})
	}
}

func TestParseAmbiguousRequests(t *testing.T) {
	t.Parallel()
	req := signed(t, nil, exampleSigning())
	req.Header.Add("Authorization", req.Header.Get("Authorization"))
	wantError(t, verify(req, nil, exampleTerms()), sigv4.InvalidSignature, "Found more than one 'Authorization' as HTTP header.")

	req = signed(t, nil, exampleSigning())
	req.RequestURI = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256"
	wantError(t, verify(req, nil, exampleTerms()), sigv4.InvalidSignature,
		"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")

	req = signed(t, nil, exampleSigning())
	req.Header.Add("X-Amz-Date", "20150830T123600Z")
	wantError(t, verify(req, nil, exampleTerms()), sigv4.IncompleteSignature, "Got '20150830T123600Z,20150830T123600Z'")
}

func TestDateHeader(t *testing.T) {
	t.Parallel()
	for date, ok := range map[string]bool{
		"20150830T123600Z":              true,
		"Sun, 30 Aug 2015 12:36:00 GMT": true,
		"Sun, 30 Aug 2015 12:36:00":     false,
		"2015-08-30T12:36:00Z":          false,
	} {
		req := jsonRequest(nil)
		req.Header.Set("Authorization", complete)
		req.Header.Set("Date", date)
		p, err := sigv4.Parse(req)
		if ok != (err == nil) || ok && !p.Time.Equal(suiteTime) {
			t.Errorf("%s: %v, %v", date, p, err)
		}
	}
}

func TestParsePresignedErrors(t *testing.T) {
	t.Parallel()
	good := func() url.Values {
		return url.Values{
			"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {credential[11:]}, "X-Amz-Date": {"20150830T123600Z"},
			"X-Amz-SignedHeaders": {"host"}, "X-Amz-Expires": {"60"}, "X-Amz-Signature": {signature[10:]},
		}
	}
	if p, err := sigv4.Parse(httptest.NewRequest(http.MethodGet, "/?"+good().Encode(), nil)); err != nil || p.Expires != time.Minute {
		t.Fatal(p, err)
	}
	for _, c := range []struct {
		key     string
		values  []string
		kind    sigv4.Kind
		message string
	}{
		{"X-Amz-Algorithm", nil, sigv4.MissingToken, ""},
		{"X-Amz-Algorithm", []string{"AWS4-HMAC-SHA512"}, sigv4.MissingToken, ""},
		{"X-Amz-Algorithm", []string{"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256"}, sigv4.IncompleteSignature, "more than one 'X-Amz-Algorithm'"},
		{"X-Amz-Credential", nil, sigv4.IncompleteSignature, "AWS query-string parameters must include 'X-Amz-Credential'. Re-examine the query-string parameters."},
		{"X-Amz-Credential", []string{credential[11:], credential[11:]}, sigv4.IncompleteSignature, "more than one 'X-Amz-Credential'"},
		{"X-Amz-Signature", []string{""}, sigv4.IncompleteSignature, "AWS query-string parameters must include 'X-Amz-Signature'. "},
		{"X-Amz-Signature", []string{"a", "b"}, sigv4.IncompleteSignature, "more than one 'X-Amz-Signature'"},
		{"X-Amz-SignedHeaders", nil, sigv4.IncompleteSignature, "AWS query-string parameters must include 'X-Amz-SignedHeaders'. "},
		{"X-Amz-SignedHeaders", []string{"date"}, sigv4.InvalidSignature, "'Host' or ':authority' must be"},
		{"X-Amz-Date", nil, sigv4.IncompleteSignature, "AWS query-string parameters must include 'X-Amz-Date'. "},
		{"X-Amz-Date", []string{"Sun, 30 Aug 2015 12:36:00 GMT"}, sigv4.IncompleteSignature, "Date must be in ISO-8601"},
		{"X-Amz-Expires", []string{"x"}, sigv4.IncompleteSignature, "X-Amz-Expires should be a number"},
		{"X-Amz-Expires", []string{"99999999999999999999"}, sigv4.IncompleteSignature, "X-Amz-Expires should be a number"},
		{"X-Amz-Expires", []string{"0"}, sigv4.IncompleteSignature, "X-Amz-Expires must be at least 1"},
		{"X-Amz-Expires", []string{"-60"}, sigv4.IncompleteSignature, "X-Amz-Expires must be at least 1"},
		{"X-Amz-Expires", []string{"604801"}, sigv4.IncompleteSignature, "X-Amz-Expires must be less than a week (in seconds) that is 604800"},
		{"X-Amz-Expires", []string{"60", "604800"}, sigv4.IncompleteSignature, "more than one 'X-Amz-Expires'"},
		{"X-Amz-Security-Token", []string{"a", "b"}, sigv4.IncompleteSignature, "more than one 'X-Amz-Security-Token'"},
	} {
		query := good()
		query[c.key] = c.values
		_, err := sigv4.Parse(httptest.NewRequest(http.MethodGet, "/?"+query.Encode(), nil))
		wantError(t, err, c.kind, c.message)
	}
}

func TestMalformedQueries(t *testing.T) {
	t.Parallel()
	for query, message := range map[string]string{
		"a=%":                              "Incomplete trailing escape % sequence",
		"a=%2":                             "Incomplete trailing escape % sequence",
		"%zz=":                             "Illegal hex characters in escape (%) pattern",
		"a=%2g":                            "Illegal hex characters in escape (%) pattern",
		"a=" + strings.Repeat("x", 16<<10): "more than 16384 bytes",
		strings.Repeat("&", 512):           "512 parameters",
	} {
		req := signed(t, nil, exampleSigning())
		req.RequestURI = "/?" + query
		wantError(t, verify(req, nil, exampleTerms()), sigv4.MalformedQueryString, message)
	}
}

// TestAbsoluteTarget: a request line may have a whole URL, as to a proxy.
func TestAbsoluteTarget(t *testing.T) {
	t.Parallel()
	for target, path := range map[string]string{
		"http://example.com":      "/",
		"http://example.com/":     "/",
		"http://example.com?a=b":  "/?a=b",
		"http://example.com/x?a":  "/x?a",
		"http://example.com/x/?/": "/x/?/",
	} {
		var s sigv4.Signer
		req := jsonRequest(nil)
		req.RequestURI = path
		if err := s.Sign(req, nil, exampleSigning()); err != nil {
			t.Fatal(err)
		}
		req.RequestURI = target
		if err := verify(req, nil, exampleTerms()); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}
