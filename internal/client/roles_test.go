// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	stsapi "github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const reader = "arn:aws:iam::123456789012:role/reader"

// cloud is STS, which gives credentials for an hour, and other services, which tell the
// key that they were called with.
type cloud struct {
	now func() time.Time

	mu    sync.Mutex
	host  string // that STS was asked at
	forms []url.Values
	auth  []string // of the requests to STS
	fault *api.Error
	down  bool
	gate  chan struct{} // STS waits for it, if it is not nil
	tries int           // requests to STS
}

func (c *cloud) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	_, key, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	if req.Header.Get("X-Amz-Target") != "" {
		return answered(200, `{"Name":"`+key+`"}`), nil
	}
	c.mu.Lock()
	gate := c.gate
	c.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.down {
		return nil, errors.New("connection refused")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	c.host, c.forms, c.auth = req.URL.Host, append(c.forms, form), append(c.auth, key)
	if c.fault != nil {
		return answered(c.fault.HTTPStatus(), string(awsquery.AppendError(nil, stsapi.Service, "id", c.fault))), nil
	}
	given := &stsapi.Credentials{
		AccessKeyId: new(fmt.Sprintf("ASIA%d", len(c.forms))), SecretAccessKey: secret.NewText("s"), SessionToken: secret.NewText("t"),
		Expiration: new(api.NewTime(c.now().Add(time.Hour))),
	}
	var out any = &stsapi.AssumeRoleOutput{Credentials: given}
	if form.Get("Action") == "AssumeRoleWithWebIdentity" {
		out = &stsapi.AssumeRoleWithWebIdentityOutput{Credentials: given}
	}
	return answered(200, string(awsquery.AppendAnswer(nil, stsapi.Service, form.Get("Action"), "id", out))), nil
}

func answered(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func (c *cloud) set(f func(*cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// key calls as a role and returns the access key that the call was signed with.
func key(t *testing.T, c *client.Client, role string) (string, error) {
	t.Helper()
	answer, err := c.As(role).Call(t.Context(), sm, "GetSecretValue", []byte(`{}`))
	name := strings.TrimSuffix(strings.TrimPrefix(string(answer), `{"Name":"`), `"}`)
	return name, err
}

func TestARoleIsAssumedOnceUntilItsCredentialsExpire(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &cloud{now: func() time.Time { return now }}
	made := newClient(t, c, func(cfg *client.Config) { cfg.Now = c.now })
	for i, step := range []struct {
		after time.Duration
		role  string
		want  string
	}{
		{0, reader, "ASIA1"},
		{54 * time.Minute, reader, "ASIA1"},
		{2 * time.Minute, reader, "ASIA2"},
		{0, reader + "2", "ASIA3"},
		{0, reader, "ASIA2"},
		{24 * time.Hour, reader, "ASIA4"},
	} {
		now = now.Add(step.after)
		if got, err := key(t, made, step.role); err != nil || got != step.want {
			t.Errorf("step %d: %s, %v; want %s", i, got, err, step.want)
		}
	}
	want := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {reader}, "RoleSessionName": {"coffer-extension"},
	}
	if diff := cmp.Diff(want, c.forms[0]); diff != "" {
		t.Errorf("the request (-want +got):\n%s", diff)
	}
	if c.host != "sts.eu-west-1.amazonaws.com" || c.auth[0] != keys.AccessKeyID {
		t.Errorf("STS was asked at %s as %s", c.host, c.auth[0])
	}
	made.Forget()
	if got, err := key(t, made, reader); err != nil || got != "ASIA5" {
		t.Errorf("after Forget: %s, %v", got, err)
	}
}

func TestManyCallsAtOnceAssumeARoleOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*api.Error{"granted": nil, "refused": api.AccessDenied.New("no")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{now: time.Now, fault: fault, gate: make(chan struct{})}
				made := newClient(t, c)
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						if _, err := key(t, made, reader); (err == nil) != (fault == nil) {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				close(c.gate)
				wg.Wait()
				if c.tries != 1 {
					t.Errorf("assumed %d times", c.tries)
				}
			})
		})
	}
}

func TestTheRolesThatAreHeldAreBounded(t *testing.T) {
	t.Parallel()
	c := &cloud{now: time.Now}
	made := newClient(t, c)
	role := func(i int) string { return fmt.Sprint(reader, i) }
	for i := range 17 { // one more than are held
		for _, r := range []string{role(i), role(0)} { // the first is in use all the time
			if _, err := key(t, made, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := c.tries
	for r, calls := range map[string]int{role(0): 0, role(16): 0} {
		if _, err := key(t, made, r); err != nil || c.tries-before != calls {
			t.Errorf("%s: %d calls to STS, %v", r, c.tries-before, err)
		}
	}
	if _, err := key(t, made, role(1)); err != nil || c.tries != before+1 {
		t.Errorf("the one that was not used for longest: %d calls, %v", c.tries-before, err)
	}
}

func TestWhatSTSAnswersIsToldApart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault       *api.Error
		down        bool
		code        string
		tries       int
		unavailable bool
	}{
		"denied":    {fault: api.AccessDenied.New("User: x is not authorized to perform: sts:AssumeRole"), code: "AccessDeniedException", tries: 1},
		"malformed": {fault: api.ErrorCode{Code: "ValidationError", Status: 400}.New("m"), code: "ValidationError", tries: 1},
		"disabled":  {fault: stsapi.RegionDisabledException.New("m"), code: "RegionDisabledException", tries: 1},
		"expired":   {fault: stsapi.ExpiredTokenException.New("m"), code: "ExpiredTokenException", tries: 1},
		"overload":  {fault: api.ServiceUnavailable.New("m"), code: "ServiceUnavailable", tries: 3, unavailable: true},
		"no answer": {down: true, tries: 3, unavailable: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{now: time.Now, fault: test.fault, down: test.down}
				_, err := key(t, newClient(t, c), reader)
				refused, ok := errors.AsType[*client.RoleError](err)
				if !ok || refused.Role != reader || client.Unavailable(err) != test.unavailable {
					t.Errorf("%v, unavailable %t", err, client.Unavailable(err))
				}
				if e, ok := errors.AsType[*api.Error](err); ok && e.Code != test.code || !ok && test.code != "" {
					t.Errorf("%v, want %s", err, test.code)
				}
				if c.tries != test.tries {
					t.Errorf("asked %d times, want %d", c.tries, test.tries)
				}
			})
		})
	}
}

func TestARolesCredentialsLastWhileSTSIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{now: time.Now}
		made := newClient(t, c)
		for i, step := range []struct {
			down bool
			wait time.Duration
			ok   bool
		}{{false, 0, true}, {true, 57 * time.Minute, true}, {true, 4 * time.Minute, false}, {false, 0, true}} {
			c.set(func(c *cloud) { c.down = step.down })
			time.Sleep(step.wait)
			if _, err := key(t, made, reader); (err == nil) != step.ok {
				t.Errorf("step %d: %v", i, err)
			}
		}
	})
}

func TestAnAnswerOfSTSWithoutCredentialsIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", "{}", "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>",
		"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>",
	} {
		w := &wire{answers: []answer{{status: 200, body: body}}}
		_, err := newClient(t, w).As(reader).Call(t.Context(), sm, "GetSecretValue", nil)
		if err == nil || client.Unavailable(err) || len(w.got) != 1 {
			t.Errorf("%q: %v after %d requests", body, err, len(w.got))
		}
	}
}

func TestSTSHasAnEndpointOfItsOwn(t *testing.T) {
	t.Parallel()
	c := &cloud{now: time.Now}
	made := newClient(t, c, func(cfg *client.Config) {
		cfg.Getenv = env("AWS_REGION", "eu-west-1", "AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4566")
	})
	if _, err := key(t, made, reader); err != nil || c.host != "127.0.0.1:4566" {
		t.Errorf("asked at %s: %v", c.host, err)
	}
}

func TestWebIdentity(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	c := &cloud{now: time.Now}
	made, err := client.New(client.Config{
		Transport: c,
		Getenv: env("AWS_REGION", "eu-west-1", "AWS_WEB_IDENTITY_TOKEN_FILE", file, "AWS_ROLE_ARN", reader,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/"),
	})
	if err != nil {
		t.Fatal(err)
	}
	call := func() (string, error) {
		answer, err := made.Call(t.Context(), sm, "GetSecretValue", []byte(`{}`))
		return string(answer), err
	}
	if _, err := call(); err == nil || client.Unavailable(err) || !strings.Contains(err.Error(), file) {
		t.Errorf("without the file: %v", err)
	}
	for i, token := range []string{"eyJ.one", "eyJ.two"} {
		made.Forget()
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := call()
		if want := fmt.Sprintf(`{"Name":"ASIA%d"}`, i+1); err != nil || got != want {
			t.Fatalf("%s, %v; want %s", got, err, want)
		}
		want := url.Values{
			"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {reader},
			"RoleSessionName": {"coffer-extension"}, "WebIdentityToken": {token},
		}
		if diff := cmp.Diff(want, c.forms[i]); diff != "" || c.auth[i] != "" {
			t.Errorf("signed by %q (-want +got):\n%s", c.auth[i], diff)
		}
	}
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 20_001), 0o600); err != nil {
		t.Fatal(err)
	}
	made.Forget()
	if _, err := call(); err == nil || strings.Contains(err.Error(), "xxx") {
		t.Errorf("a token that is too long: %v", err)
	}
}

func TestACallerThatGivesUpDoesNotFailOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{now: time.Now, gate: make(chan struct{})}
		made := newClient(t, c)
		short, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := made.As(reader).Call(short, sm, "GetSecretValue", nil); err == nil {
				t.Error("no error")
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := key(t, made, reader); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(c.gate)
		wg.Wait()
	})
}
