// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsidentity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/awsidentity"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC)

const serverID = "coffer.example.com"

// answer is what AWS's STS answers.
func answer(name string) string {
	return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>` + name + `</Arn>
    <UserId>AROAEXAMPLE:fn</UserId>
    <Account>111122223333</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>
`
}

const session = "arn:aws:sts::111122223333:assumed-role/orders/fn"

// sts is one that answers what a test says, and notes what it was asked.
type sts struct {
	*httptest.Server
	handler http.HandlerFunc
	asked   atomic.Int64
}

func newSTS(t *testing.T) *sts {
	s := &sts{handler: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer(session)) }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.asked.Add(1)
		s.handler(w, req)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sts) verifier(t *testing.T) *awsidentity.Verifier {
	t.Helper()
	v, err := awsidentity.New(awsidentity.Config{Endpoint: s.URL, ServerID: serverID, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signed is a request that somebody hands over, as edit has it when it is signed.
func signed(t *testing.T, url string, edit func(*http.Request)) awsidentity.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(awsidentity.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set(awsidentity.ServerIDHeader, serverID)
	at := start
	if edit != nil {
		edit(req)
	}
	if when := req.Header.Get("X-Test-Time"); when != "" {
		req.Header.Del("X-Test-Time")
		at, _ = time.Parse(time.RFC3339, when)
	}
	service := "sts"
	if other := req.Header.Get("X-Test-Service"); other != "" {
		req.Header.Del("X-Test-Service")
		service = other
	}
	if err := new(sigv4.Signer).Sign(req, []byte(awsidentity.Body), sigv4.Signing{
		Credentials: sigv4.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: secret.FromString("secret"), SessionToken: "token"},
		Region:      "us-east-1", Service: service, Time: at,
	}); err != nil {
		t.Fatal(err)
	}
	r := awsidentity.Request{Method: req.Method, URL: url, Body: awsidentity.Body, Headers: map[string]string{}}
	for name, values := range req.Header {
		r.Headers[name] = values[0]
	}
	return r
}

func TestWhoSigned(t *testing.T) {
	t.Parallel()
	s := newSTS(t)
	s.handler = func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if string(body) != awsidentity.Body || req.Method != http.MethodPost || req.URL.Path != "/" || req.Header.Get("Authorization") == "" ||
			req.Header.Get("X-Amz-Security-Token") != "token" || req.Header.Get(awsidentity.ServerIDHeader) != serverID {
			t.Errorf("STS is asked %s %s %q with %v", req.Method, req.URL, body, req.Header)
		}
		fmt.Fprint(w, answer(session))
	}
	who, err := s.verifier(t).Verify(t.Context(), signed(t, s.URL+"/", nil))
	if err != nil {
		t.Fatal(err)
	}
	if *who != (awsidentity.Identity{Account: "111122223333", ARN: session, UserID: "AROAEXAMPLE:fn"}) {
		t.Errorf("got %+v", who)
	}
	if who.Principal() != "arn:aws:iam::111122223333:role/orders" || who.Session() != "fn" {
		t.Errorf("it is %s in the session %s", who.Principal(), who.Session())
	}
	for name, want := range map[string][2]string{
		"arn:aws:iam::111122223333:user/team/ada":        {"arn:aws:iam::111122223333:user/team/ada", "ada"},
		"arn:aws:iam::111122223333:root":                 {"arn:aws:iam::111122223333:root", "root"},
		"arn:aws-cn:sts::111122223333:assumed-role/a/b":  {"arn:aws-cn:iam::111122223333:role/a", "b"},
		"arn:aws:sts::111122223333:federated-user/visit": {"arn:aws:sts::111122223333:federated-user/visit", "visit"},
	} {
		i := awsidentity.Identity{ARN: name}
		if i.Principal() != want[0] || i.Session() != want[1] {
			t.Errorf("%s is %s in %s", name, i.Principal(), i.Session())
		}
	}
}

// TestRequestsThatAreNotSent holds that nothing leaves for STS but a request of
// GetCallerIdentity, signed for this server.
func TestRequestsThatAreNotSent(t *testing.T) {
	t.Parallel()
	s := newSTS(t)
	v := s.verifier(t)
	elsewhere := newSTS(t)
	with := func(r awsidentity.Request, header, value string) awsidentity.Request {
		r.Headers = maps.Clone(r.Headers)
		if r.Headers[header] = value; value == "" {
			delete(r.Headers, header)
		}
		return r
	}
	good := signed(t, s.URL, nil)
	id := http.CanonicalHeaderKey(awsidentity.ServerIDHeader)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	other := func(change func(*awsidentity.Request)) awsidentity.Request {
		r := good
		change(&r)
		return r
	}
	unsignedID := signed(t, s.URL, func(r *http.Request) { r.Header.Del(id) })
	unsignedID.Headers[id] = serverID
	for name, r := range map[string]awsidentity.Request{
		"another host":                signed(t, elsewhere.URL, nil),
		"another scheme":              other(func(r *awsidentity.Request) { r.URL = strings.Replace(r.URL, "http:", "https:", 1) }),
		"a path":                      other(func(r *awsidentity.Request) { r.URL += "/x" }),
		"a query":                     other(func(r *awsidentity.Request) { r.URL += "/?Action=AssumeRole" }),
		"a user":                      other(func(r *awsidentity.Request) { r.URL = strings.Replace(r.URL, "http://", "http://a@", 1) }),
		"no URL":                      other(func(r *awsidentity.Request) { r.URL = ":" }),
		"another method":              other(func(r *awsidentity.Request) { r.Method = "GET" }),
		"another action":              other(func(r *awsidentity.Request) { r.Body = "Action=GetSessionToken&Version=2011-06-15" }),
		"more than the action":        other(func(r *awsidentity.Request) { r.Body += "&X=1" }),
		"another host in a header":    with(good, "Host", "sts.amazonaws.com"),
		"a header that asks for JSON": with(good, "Accept", "application/json"),
		"a cookie":                    with(good, "Cookie", "a=b"),
		"a transfer encoding":         with(good, "Transfer-Encoding", "chunked"),
		"a line end":                  with(good, "User-Agent", "a\r\nX: y"),
		"a long header":               with(good, "User-Agent", strings.Repeat("a", 10_000)),
		"a header twice":              with(good, "x-amz-date", good.Headers["X-Amz-Date"]),
		"no server's name":            with(good, id, ""),
		"another server's name":       signed(t, s.URL, set(id, "other.example.com")),
		"a name that is not signed":   unsignedID,
		"no signature":                with(good, "Authorization", ""),
		"another signature":           with(good, "Authorization", "Basic YTpi"),
		"for another service":         signed(t, s.URL, set("X-Test-Service", "iam")),
		"too old":                     signed(t, s.URL, set("X-Test-Time", start.Add(-awsidentity.Window-time.Second).Format(time.RFC3339))),
		"of the future":               signed(t, s.URL, set("X-Test-Time", start.Add(awsidentity.Window+time.Second).Format(time.RFC3339))),
	} {
		_, err := v.Verify(t.Context(), r)
		if fault, ok := errors.AsType[*awsidentity.Error](err); !ok || fault.Kind != awsidentity.Malformed {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "Signature=") {
			t.Errorf("%s: the error has a signature: %v", name, err)
		}
	}
	if n := s.asked.Load() + elsewhere.asked.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Error(err)
	}
}

// TestAnswersThatSayNothing holds that nobody is anybody unless STS says so.
func TestAnswersThatSayNothing(t *testing.T) {
	t.Parallel()
	elsewhere := newSTS(t)
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
	}
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, code) }
	}
	good := answer(session)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    awsidentity.Kind
	}{
		"a wrong signature":       {status(403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>"), awsidentity.Refused},
		"an expired token":        {status(403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"), awsidentity.Refused},
		"a throttle":              {status(400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"), awsidentity.Unreachable},
		"too many":                {status(429, ""), awsidentity.Unreachable},
		"a failure":               {status(500, good), awsidentity.Unreachable},
		"nothing":                 {text(""), awsidentity.Unreachable},
		"no XML":                  {text("{}"), awsidentity.Unreachable},
		"JSON with the XML in it": {text(`{"a":"` + good + `"}`), awsidentity.Unreachable},
		"another answer":          {text(strings.ReplaceAll(good, "GetCallerIdentity", "GetSessionToken")), awsidentity.Unreachable},
		"another namespace":       {text(strings.Replace(good, "2011-06-15", "2010-05-08", 1)), awsidentity.Unreachable},
		"two answers":             {text(good + good), awsidentity.Unreachable},
		"two names":               {text(strings.Replace(good, "<Arn>", "<Arn>arn:aws:iam::444455556666:root</Arn><Arn>", 1)), awsidentity.Unreachable},
		"two results":             {text(strings.Replace(good, "<GetCallerIdentityResult>", "<GetCallerIdentityResult></GetCallerIdentityResult><GetCallerIdentityResult>", 1)), awsidentity.Unreachable},
		"two accounts":            {text(strings.Replace(good, "<Account>111122223333", "<Account>444455556666", 1)), awsidentity.Unreachable},
		"no name":                 {text(answer("ada")), awsidentity.Unreachable},
		"another service's name":  {text(answer("arn:aws:s3::111122223333:bucket")), awsidentity.Unreachable},
		"a huge answer":           {text(good + strings.Repeat(" ", 100_000)), awsidentity.Unreachable},
		"a redirect": {func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, elsewhere.URL, http.StatusTemporaryRedirect)
		}, awsidentity.Unreachable},
	} {
		s := newSTS(t)
		s.handler = c.handler
		who, err := s.verifier(t).Verify(t.Context(), signed(t, s.URL, nil))
		if fault, ok := errors.AsType[*awsidentity.Error](err); !ok || fault.Kind != c.want {
			t.Errorf("%s: %v, %v", name, who, err)
		}
	}
	if elsewhere.asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
	s := newSTS(t)
	v := s.verifier(t)
	s.Close()
	if _, err := v.Verify(t.Context(), signed(t, s.URL, nil)); err == nil {
		t.Error("an STS that is down lets somebody in")
	}
}

// TestOnlySoManyWait fills the verifier with requests that STS doesn't answer.
func TestOnlySoManyWait(t *testing.T) {
	t.Parallel()
	s := newSTS(t)
	began := make(chan struct{})
	s.handler = func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body) // without which the server does not see the end of the connection
		began <- struct{}{}
		<-req.Context().Done()
	}
	v := s.verifier(t)
	r := signed(t, s.URL, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 32 {
		go func() {
			_, err := v.Verify(ctx, r)
			ended <- err
		}()
	}
	for range 32 {
		<-began
	}
	_, err := v.Verify(t.Context(), r)
	if fault, ok := errors.AsType[*awsidentity.Error](err); !ok || fault.Kind != awsidentity.Busy {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	for range 32 {
		if err := <-ended; err == nil {
			t.Error("somebody was let in without an answer")
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]awsidentity.Config{
		"plain HTTP": {Endpoint: "http://sts.amazonaws.com", ServerID: "a"}, "a path": {Endpoint: "https://example.com/x", ServerID: "a"},
		"a query": {Endpoint: "https://example.com/?x", ServerID: "a"}, "no URL": {Endpoint: "sts.amazonaws.com", ServerID: "a"}, "no name": {},
	} {
		if _, err := awsidentity.New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := awsidentity.New(awsidentity.Config{ServerID: "a"}); err != nil {
		t.Error(err)
	}
}
