// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// awkward is an Extensions API that answers what it is told to.
type awkward struct {
	script []step
	said   []string // the paths that were called, by their last part
}

// step is the answer to one call.
type step struct {
	status int
	body   string
	err    error
}

// RoundTrip implements http.RoundTripper. When nothing is left to be answered, the call
// waits for its end.
func (a *awkward) RoundTrip(req *http.Request) (*http.Response, error) {
	a.said = append(a.said, req.URL.Path[len("/2020-01-01/extension/"):])
	if len(a.script) == 0 {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	s := a.script[0]
	a.script = a.script[1:]
	if s.err != nil {
		return nil, s.err
	}
	res := (&cloud{now: time.Now}).answer(s.status, s.body)
	res.Header.Set("Lambda-Extension-Identifier", "id")
	return res, nil
}

func TestWhatLambdaMaySay(t *testing.T) {
	t.Parallel()
	ok := step{status: 200, body: `{}`}
	event := func(body string) step { return step{status: 200, body: body} }
	shutdown := event(`{"eventType":"SHUTDOWN","shutdownReason":"spindown"}`)
	forbidden := step{status: 403, body: `{"errorType":"Extension.InvalidEventType","errorMessage":"no"}`}
	for name, c := range map[string]struct {
		script []step
		said   string
		fails  string // empty if the program is to end with status 0
	}{
		"nothing but a shutdown": {
			script: []step{ok, shutdown},
			said:   "register event/next",
		},
		"an event of a type that is not known": {
			script: []step{ok, event(`{"eventType":"HIBERNATE","until":1}`), event(`{"eventType":"INVOKE","requestId":"r"}`), shutdown},
			said:   "register event/next event/next event/next",
		},
		"a reason for a shutdown that is not known": {
			script: []step{ok, event(`{"eventType":"SHUTDOWN","shutdownReason":"SandboxTerminated","deadlineMs":1}`)},
			said:   "register event/next",
		},
		"a shutdown without a reason": {
			script: []step{ok, event(`{"eventType":"SHUTDOWN"}`)},
			said:   "register event/next",
		},
		"no INVOKE here": {
			script: []step{forbidden, ok, shutdown},
			said:   "register register event/next",
		},
		"no extension here": {
			script: []step{forbidden, forbidden},
			said:   "register register",
			fails:  "registering: extensions API: register: 403 Extension.InvalidEventType: no",
		},
		"an error at the registration": {
			script: []step{{status: 500, body: `{"errorType":"InternalServerError"}`}},
			said:   "register",
			fails:  "registering: extensions API: register: 500 InternalServerError",
		},
		"nobody to register with": {
			script: []step{{err: errors.New("connection refused")}},
			said:   "register",
			fails:  "registering: extensions API: register: connection refused",
		},
		"the order to exit": { // as the Extensions API's 500, "Container error"
			script: []step{ok, {status: 500, body: `{"errorType":"InternalServerError"}`}},
			said:   "register event/next",
			fails:  "extensions API: next: 500 InternalServerError",
		},
		"what is no event": {
			script: []step{ok, event(`no JSON`)},
			said:   "register event/next",
			fails:  "extensions API: event/next: invalid character",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &awkward{script: slices.Clone(c.script)}
				env := map[string]string{
					"AWS_LAMBDA_RUNTIME_API": "lambda", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s",
					"AWS_SESSION_TOKEN": "t", "COFFER_PREFETCH": "db",
				}
				p := &process{
					name: "coffer-extension", getenv: func(n string) string { return env[n] }, errs: new(strings.Builder), now: time.Now,
					api: api, transport: &cloud{now: time.Now, version: 1},
					listen: func(int) (net.Listener, error) { return lambdahost.NewPipe(), nil },
				}
				err := p.run(t.Context())
				if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
					t.Errorf("%v, want %q", err, c.fails)
				}
				if got := strings.Join(api.said, " "); got != c.said {
					t.Errorf("it called %s, want %s", got, c.said)
				}
			})
		})
	}
}
