// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// badInput is a request that can't be served, with what AWS answers to it.
type badInput struct {
	target, body string
	before       func(*http.Request) // it is signed
	after        func(*http.Request) // it was signed
	code         string
	status       int
	message      string // a part of it; empty for any
}

const getSecret, putParameter = "secretsmanager.GetSecretValue", "AmazonSSM.PutParameter"

func header(name string, values ...string) func(*http.Request) {
	return func(req *http.Request) { req.Header[name] = values }
}

// badInputs are those that are signed rightly, or whose signature is the fault.
var badInputs = map[string]badInput{
	"an unknown target":            {target: "secretsmanager.GetSecret", body: `{}`, code: "UnknownOperationException", status: 400},
	"an unknown service":           {target: "DynamoDB_20120810.GetItem", body: `{}`, code: "UnknownOperationException", status: 400},
	"a target without an operaton": {target: "secretsmanager", body: `{}`, code: "UnknownOperationException", status: 400},
	"no target":                    {body: `{}`, code: "UnknownOperationException", status: 400},
	"two targets":                  {target: getSecret, body: `{}`, before: header("X-Amz-Target", getSecret, putParameter), code: "UnknownOperationException", status: 400},
	"an operation not served":      {target: "TrentService.DescribeCustomKeyStores", body: `{}`, code: "NotImplemented", status: 501, message: "DescribeCustomKeyStores"},

	"no body":                     {target: getSecret, body: ``, code: "SerializationException", status: 400},
	"JSON that is cut off":        {target: getSecret, body: `{"SecretId":"a`, code: "SerializationException", status: 400},
	"no JSON":                     {target: getSecret, body: `SecretId=a`, code: "SerializationException", status: 400},
	"a list":                      {target: getSecret, body: `[]`, code: "SerializationException", status: 400, message: "Start of list found where not expected"},
	"a text":                      {target: getSecret, body: `"a"`, code: "SerializationException", status: 400},
	"two objects":                 {target: getSecret, body: `{"SecretId":"a"}{"SecretId":"b"}`, code: "SerializationException", status: 400},
	"a member twice":              {target: getSecret, body: `{"SecretId":"a","SecretId":"b"}`, code: "SerializationException", status: 400},
	"a member twice, escaped":     {target: getSecret, body: `{"SecretId":"a","Secret\u0049d":"b"}`, code: "SerializationException", status: 400},
	"a name in other letters":     {target: getSecret, body: `{"secretid":"a"}`, code: "ValidationException", status: 400, message: "'secretId' failed to satisfy constraint: Member must not be null"},
	"invalid UTF-8":               {target: getSecret, body: "{\"SecretId\":\"a\xff\"}", code: "SerializationException", status: 400},
	"half a surrogate":            {target: getSecret, body: `{"SecretId":"\ud800"}`, code: "SerializationException", status: 400},
	"a number for a text":         {target: getSecret, body: `{"SecretId":1}`, code: "SerializationException", status: 400, message: "NUMBER_VALUE can not be converted to a String"},
	"a text for a number":         {target: "secretsmanager.ListSecrets", body: `{"MaxResults":"1"}`, code: "SerializationException", status: 400},
	"a number out of range":       {target: "secretsmanager.ListSecrets", body: `{"MaxResults":1e99}`, code: "SerializationException", status: 400},
	"a blob that is not base64":   {target: "TrentService.Decrypt", body: `{"CiphertextBlob":"***"}`, code: "SerializationException", status: 400},
	"deep nesting":                {target: getSecret, body: `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, code: "SerializationException", status: 400},
	"very deep nesting":           {target: getSecret, body: `{"x":` + strings.Repeat(`{"a":`, 150_000) + `1` + strings.Repeat("}", 150_000) + `}`, code: "SerializationException", status: 400},
	"a body over the limit":       {target: getSecret, body: `{"SecretId":"` + strings.Repeat("a", 1<<20) + `"}`, code: "RequestEntityTooLargeException", status: 413},
	"a body far over the limit":   {target: getSecret, body: strings.Repeat(" ", 8<<20), code: "RequestEntityTooLargeException", status: 413},
	"a text over its length":      {target: getSecret, body: `{"SecretId":"` + strings.Repeat("a", 2049) + `"}`, code: "ValidationException", status: 400, message: "Member must have length less than or equal to 2048"},
	"a text under its length":     {target: getSecret, body: `{"SecretId":""}`, code: "ValidationException", status: 400, message: "Member must have length greater than or equal to 1"},
	"a text not in its pattern":   {target: "TrentService.CreateAlias", body: `{"AliasName":"alias/a b","TargetKeyId":"1"}`, code: "ValidationException", status: 400, message: "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
	"a value not in its list":     {target: putParameter, body: `{"Name":"/a","Value":"b","Type":"Text"}`, code: "ValidationException", status: 400, message: "Member must satisfy enum value set: ["},
	"a number over its range":     {target: "secretsmanager.ListSecrets", body: `{"MaxResults":101}`, code: "ValidationException", status: 400, message: "Member must have value less than or equal to 100"},
	"two faults at once":          {target: getSecret, body: `{"SecretId":"","VersionId":"x"}`, code: "ValidationException", status: 400, message: "2 validation errors detected: "},
	"an ARN that is none":         {target: "TrentService.DescribeKey", body: `{"KeyId":"arn:aws:kms:broken"}`, code: "InvalidArnException", status: 400},
	"a page token of nobody's":    {target: "secretsmanager.ListSecrets", body: `{"NextToken":"AAAA"}`, code: "InvalidNextTokenException", status: 400},
	"a ciphertext of nobody's":    {target: "TrentService.Decrypt", body: `{"CiphertextBlob":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, code: "InvalidCiphertextException", status: 400},
	"an empty form":               {before: header("Content-Type", "application/x-www-form-urlencoded"), code: "MissingAction", status: 400},
	"a form with a broken escape": {body: "Action=%zz", before: header("Content-Type", "application/x-www-form-urlencoded"), code: "MalformedInput", status: 400},
	"an unknown action":           {body: "Action=Nothing&Version=2011-06-15", before: header("Content-Type", "application/x-www-form-urlencoded"), code: "InvalidAction", status: 400},

	"no signature":                   {target: getSecret, body: `{}`, after: func(r *http.Request) { r.Header.Del("Authorization") }, code: "MissingAuthenticationTokenException", status: 400},
	"a signature that is nonsense":   {target: getSecret, body: `{}`, after: header("Authorization", "AWS4-HMAC-SHA256 nonsense"), code: "IncompleteSignatureException", status: 400},
	"a basic authorization":          {target: getSecret, body: `{}`, after: header("Authorization", "Basic YTpi"), code: "IncompleteSignatureException", status: 400},
	"another body than was signed":   {target: getSecret, body: `{}`, after: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`[]`)) }, code: "InvalidSignatureException", status: 400},
	"another target than was signed": {target: getSecret, body: `{}`, after: header("X-Amz-Target", "secretsmanager.DeleteSecret"), code: "InvalidSignatureException", status: 400},
	"a header that was not signed":   {target: getSecret, body: `{}`, after: header("X-Amz-Something", "x"), code: "InvalidSignatureException", status: 400},
	"an unsigned payload":            {target: getSecret, body: `{}`, after: header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), code: "InvalidSignatureException", status: 400},
}

// TestBadInput sends all of them to a real server: each gets its error, and the server
// is as healthy afterwards as before.
func TestBadInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range badInputs {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodPost, h.URL+"/", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.target != "" {
				req.Header.Set("X-Amz-Target", c.target)
			}
			if c.before != nil {
				c.before(req)
			}
			if err := h.sign(req, c.body, time.Now()); err != nil {
				t.Fatal(err)
			}
			if c.after != nil {
				c.after(req)
			}
			a, err := h.send(req)
			if err != nil {
				t.Fatal(err)
			}
			if a.Code != c.code || a.Status != c.status || !strings.Contains(string(a.Body), c.message) {
				t.Errorf("answered %s, want %d %s", a, c.status, c.code)
			}
		})
	}
	h.staysWell()
}

// TestStaleSignatures are rightly made, at another time.
func TestStaleSignatures(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for age, fresh := range map[time.Duration]bool{
		-time.Hour: false, -16 * time.Minute: false, -14 * time.Minute: true, 14 * time.Minute: true, 16 * time.Minute: false, 24 * 365 * time.Hour: false,
	} {
		req, err := h.request("secretsmanager.ListSecrets", `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.sign(req, `{}`, time.Now().Add(age)); err != nil {
			t.Fatal(err)
		}
		a, err := h.send(req)
		if err != nil {
			t.Fatal(err)
		}
		if (a.Status == http.StatusOK) != fresh || !fresh && a.Code != "InvalidSignatureException" {
			t.Errorf("signed %v from now: %s", age, a)
		}
	}
}

// TestBadHTTP sends what no client library would. The server may answer or hang up; it
// must neither wait for ever nor serve anything.
func TestBadHTTP(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	host := strings.TrimPrefix(h.URL, "http://")
	for name, raw := range map[string]string{
		"garbage":                "\x00\x01\x02\r\n\r\n",
		"a TLS greeting":         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"no host":                "POST / HTTP/1.1\r\n\r\n",
		"two lengths":            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"a length and chunks":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a negative length":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
		"an enormous length":     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n",
		"a broken chunk":         "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"a long header":          "POST / HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"very many headers":      "POST / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-Many: x\r\n", 10_000) + "\r\n",
		"a header with a return": "POST / HTTP/1.1\r\nHost: a\r\nX-Bad: a\rb\r\n\r\n",
		"an absolute URL":        "POST http://elsewhere/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"a path with dots":       "POST /../../etc/passwd HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"CONNECT":                "CONNECT elsewhere:443 HTTP/1.1\r\nHost: a\r\n\r\n",
		"HTTP/2 unasked":         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"an upgrade":             "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, raw) // the server may hang up meanwhile
			_ = conn.(*net.TCPConn).CloseWrite()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return // it hung up
			}
			defer resp.Body.Close()
			if resp.StatusCode < 300 {
				t.Errorf("answered %s", resp.Status)
			}
			body, _ := io.ReadAll(resp.Body)
			if strings.Contains(string(body), "goroutine") || strings.Contains(string(body), "root:") {
				t.Errorf("answered %s", body)
			}
		})
	}
	h.staysWell()
}

// staysWell holds that the server serves as before, and stops as it should.
func (h *house) staysWell() {
	h.t.Helper()
	h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"well","ClientRequestToken":%q,"SecretString":"x"}`, token("well", 1)))
	if a := h.must(getSecret, `{"SecretId":"well"}`); a.member("SecretString") != "x" {
		h.t.Errorf("answered %s", a)
	}
	if status, body := h.get("/healthz"); status != http.StatusOK {
		h.t.Errorf("not healthy: %s", body)
	}
	h.stop(h.t)
	if log := h.Stderr.String(); strings.Contains(log, "panic") || strings.Contains(log, "level=ERROR") {
		h.t.Errorf("the server's log: %s", log)
	}
	mustRun(h.t, "audit", "verify", "--data", h.Data)
}
