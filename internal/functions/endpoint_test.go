// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/functions"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// behind returns a lab whose function is behind an Invoke API that answers so.
func behind(t *testing.T, configure func(*functions.Function, *functions.Config), answer http.HandlerFunc) *lab {
	t.Helper()
	api := httptest.NewServer(answer)
	t.Cleanup(api.Close)
	f := functions.Function{ARN: functARN, Timeout: time.Minute, Endpoint: &functions.Endpoint{URL: api.URL}}
	return open(t, func(_ *lab, c *functions.Config) {
		if configure != nil {
			configure(&f, c)
		}
		c.Functions = []functions.Function{f}
	})
}

func TestAnEndpointIsInvokedAsLambda(t *testing.T) {
	t.Parallel()
	l := behind(t, func(f *functions.Function, _ *functions.Config) { f.Endpoint.URL += "/prefix/" },
		func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			got := []string{r.Method, r.URL.EscapedPath(), r.Header.Get("X-Amz-Invocation-Type"), r.Header.Get("Authorization"), string(body)}
			want := []string{
				"POST", "/prefix/2015-03-31/functions/" + strings.ReplaceAll(functARN, ":", "%3A") + "/invocations",
				"RequestResponse", "", string(event("succeed")),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			fmt.Fprint(w, `"`+canary+`"`)
		})
	l.invoke("succeed")
}

// TestAnEndpointIsSignedFor compares the signature with that of AWS's own SDK.
func TestAnEndpointIsSignedFor(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-" + canary, "AWS_SESSION_TOKEN": "token",
		"COFFER_ACCESS_KEY_ID": "other", "COFFER_SECRET_ACCESS_KEY": "other",
	}
	l := behind(t, func(f *functions.Function, c *functions.Config) {
		f.Endpoint.Sign = true
		c.Getenv = func(name string) string { return env[name] }
	}, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			t.Error(err)
		}
		again := r.Clone(r.Context())
		again.URL.Scheme, again.URL.Host = "http", r.Host
		again.Header = http.Header{}
		for _, name := range []string{"Content-Type", "X-Amz-Invocation-Type"} {
			again.Header.Set(name, r.Header.Get(name))
		}
		hash := sha256.Sum256(body)
		credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret-" + canary, SessionToken: "token"}
		if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(hash[:]), "lambda", region, at); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(again.Header.Get("Authorization"), r.Header.Get("Authorization")); diff != "" {
			t.Error(diff)
		}
	})
	l.invoke("succeed")
	delete(env, "AWS_ACCESS_KEY_ID")
	wantIs(t, l.refused(t.Context(), "succeed"), functions.ErrUnreachable)
}

func TestWhatAnEndpointAnswers(t *testing.T) {
	t.Parallel()
	failed := func(document string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			fmt.Fprint(w, document)
		}
	}
	status := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", code)
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"Message":%q}`, canary)
		}
	}
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		is      error
		failure *functions.FunctionError
		says    string
	}{
		{
			name: "an error of the function", answer: failed(`{"errorType":"ValueError","errorMessage":"no such user"}`),
			failure: &functions.FunctionError{Type: "ValueError", Message: "no such user"},
		},
		{
			name: "an error that is not printable", answer: failed(`{"errorType":"Value Error\n","errorMessage":"a\u0000\nb"}`),
			failure: &functions.FunctionError{Type: "Value.Error.", Message: "a  b"},
		},
		{
			name: "a long error", answer: failed(`{"errorType":"A","errorMessage":"` + strings.Repeat("é", 1000) + `"}`),
			failure: &functions.FunctionError{Type: "A", Message: strings.Repeat("é", 512)},
		},
		{
			name: "an error cut off in a character", answer: failed(`{"errorType":"A","errorMessage":"a` + strings.Repeat("é", 1000) + `"}`),
			failure: &functions.FunctionError{Type: "A", Message: "a" + strings.Repeat("é", 511)},
		},
		{name: "an error of another form", answer: failed(`oops ` + canary), failure: &functions.FunctionError{Type: "Unknown"}},
		{name: "a function that timed out", answer: failed(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1"}`), is: functions.ErrTimedOut},
		{
			name: "an answer that is too large", failure: &functions.FunctionError{Type: "Function.ResponseSizeTooLarge", Message: "the answer is larger than Lambda's largest"},
			answer: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(make([]byte, lambdahost.MaxPayload+1)) // to a client that may have left
			},
		},
		{name: "no such function", answer: status(404, "ResourceNotFoundException:http://internal.amazon.com/x"), is: functions.ErrUnknown},
		{name: "no such page", answer: status(404, ""), is: functions.ErrUnreachable, says: "status 404"},
		{name: "a throttle", answer: status(429, "TooManyRequestsException"), is: functions.ErrUnreachable, says: "status 429 TooManyRequestsException"},
		{name: "a fault", answer: status(500, "A\tB "+strings.Repeat("x", 500)), is: functions.ErrUnreachable, says: "status 500 A.B.xx"},
		{name: "an asynchronous answer", answer: status(202, ""), is: functions.ErrUnreachable, says: "status 202"},
		{
			name: "a redirect", is: functions.ErrUnreachable, says: "status 307",
			answer: func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					t.Error("the redirect was followed")
				}
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			},
		},
		{
			name: "a connection that breaks", is: functions.ErrUnreachable,
			answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		},
		{
			name: "an answer that breaks off", is: functions.ErrUnreachable,
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, canary)
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := behind(t, nil, c.answer)
			err := l.refused(t.Context(), "succeed")
			if c.failure != nil {
				wantFailure(t, err, *c.failure)
				return
			}
			wantIs(t, err, c.is)
			if !strings.Contains(err.Error(), c.says) || len(err.Error()) > 400 {
				t.Errorf("the error says %q", err)
			}
		})
	}
}

func TestAnEndpointThatIsNotThere(t *testing.T) {
	t.Parallel()
	l := behind(t, func(f *functions.Function, _ *functions.Config) { f.Endpoint.URL = "http://127.0.0.1:1" }, nil)
	wantIs(t, l.refused(t.Context(), "succeed"), functions.ErrUnreachable)
}

func TestAnEndpointThatIsSlow(t *testing.T) {
	t.Parallel()
	l := behind(t, func(f *functions.Function, _ *functions.Config) { f.Timeout = 10 * time.Millisecond },
		func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then is it seen that the client has left
			<-r.Context().Done()
		})
	wantIs(t, l.refused(t.Context(), "succeed"), functions.ErrTimedOut)
}

func TestCloseEndsInvocationsOfAnEndpoint(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	l := behind(t, nil, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(begun)
		<-r.Context().Done()
	})
	left := make(chan error, 1)
	go func() { left <- l.refused(t.Context(), "succeed") }()
	<-begun
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wantIs(t, <-left, functions.ErrClosed)
}

func TestInvocationsOfAnEndpointAreBounded(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	var now atomic.Int32
	l := behind(t, nil, func(http.ResponseWriter, *http.Request) {
		if now.Add(1) > functions.MaxConcurrent {
			t.Error("more than the bound at once")
		}
		defer now.Add(-1)
		select {
		case begun <- struct{}{}:
		case <-end:
		}
		<-end
	})
	var all sync.WaitGroup
	for range functions.MaxConcurrent + 2 {
		all.Go(func() {
			if err := l.Invoke(t.Context(), functARN, event("succeed")); err != nil {
				t.Error(err)
			}
		})
	}
	for range functions.MaxConcurrent {
		<-begun
	}
	close(end)
	all.Wait()
}
