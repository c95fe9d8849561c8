// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// inInit runs probe as the extension "x" of a host, during its INIT, and then lets the
// extension go on as one that registered. probe returns the identifier it was given.
func inInit(t *testing.T, cfg lambdahost.Config, probe func(ctx context.Context, p *lambdahost.Proc) (id string)) *lambdahost.Host {
	t.Helper()
	cfg.Function = fn(echo)
	cfg.Extensions = []lambdahost.Extension{extension("x", func(ctx context.Context, p *lambdahost.Proc) error {
		_, err := call(ctx, p, next, "", "Lambda-Extension-Identifier: "+probe(ctx, p))
		return err
	})}
	return start(t, cfg)
}

func TestRegister(t *testing.T) {
	t.Parallel()
	const events = `{"events":["INVOKE","SHUTDOWN"]}`
	inInit(t, lambdahost.Config{FunctionName: "shop", Handler: "main.handle", AccountID: "123456789012"},
		func(ctx context.Context, p *lambdahost.Proc) string {
			for _, c := range []struct{ what, body, header, errorType string }{
				{"no name", events, "X: y", "Extension.InvalidExtensionName"},
				{"no JSON", `{`, "Lambda-Extension-Name: x", "InvalidRequestFormat"},
				{"an unknown event", `{"events":["INVOKE","RESTORE"]}`, "Lambda-Extension-Name: x", "Extension.InvalidEventType"},
				{"configuration keys", `{"events":[],"configurationKeys":["a"]}`, "Lambda-Extension-Name: x", "InvalidRequestFormat"},
				{"another file's name", events, "Lambda-Extension-Name: y", "Extension.InvalidEventType"},
				{"a huge body", `{"events":["` + strings.Repeat("x", 1<<20) + `"]}`, "Lambda-Extension-Name: x", "InvalidRequestFormat"},
			} {
				a, err := call(ctx, p, register, c.body, c.header)
				if err != nil {
					t.Error(err)
				}
				want(t, c.what+": status", a.status, http.StatusForbidden)
				want(t, c.what+": type", a.errorType(), c.errorType)
			}

			a, err := call(ctx, p, register, events, "Lambda-Extension-Name: x", "Lambda-Extension-Accept-Feature: other, accountId")
			if err != nil {
				t.Error(err)
			}
			want(t, "status", a.status, http.StatusOK)
			const body = `{"functionName":"shop","functionVersion":"$LATEST","handler":"main.handle","accountId":"123456789012"}`
			if diff := cmp.Diff(body, a.body); diff != "" {
				t.Error(diff)
			}
			again, err := call(ctx, p, register, events, "Lambda-Extension-Name: x")
			if err != nil {
				t.Error(err)
			}
			want(t, "twice: status", again.status, http.StatusForbidden)
			want(t, "twice: type", again.errorType(), "Extension.InvalidExtensionState")
			return a.header.Get("Lambda-Extension-Identifier")
		})
}

func TestTheAccountIsToldToThoseWhoAccept(t *testing.T) {
	t.Parallel()
	inInit(t, lambdahost.Config{}, func(ctx context.Context, p *lambdahost.Proc) string {
		a, err := call(ctx, p, register, `{}`, "Lambda-Extension-Name: x")
		if err != nil || strings.Contains(a.body, "accountId") {
			t.Errorf("%s, %v", a.body, err)
		}
		return a.header.Get("Lambda-Extension-Identifier")
	})
}

func TestCallsNeedAnIdentifier(t *testing.T) {
	t.Parallel()
	inInit(t, lambdahost.Config{}, func(ctx context.Context, p *lambdahost.Proc) string {
		for _, request := range []string{next, initErr, exitErr} {
			for header, errorType := range map[string]string{
				"X: before register":             "Extension.MissingExtensionIdentifier",
				"Lambda-Extension-Identifier: 7": "Extension.InvalidExtensionIdentifier",
				"Lambda-Extension-Identifier: 3da1f2dc-3222-475e-9205-e2e6c6318895": "Extension.UnknownExtensionIdentifier",
			} {
				a, err := call(ctx, p, request, `{}`, header)
				if err != nil {
					t.Error(err)
				}
				want(t, "status", a.status, http.StatusForbidden)
				want(t, request+" with "+header, a.errorType(), errorType)
			}
		}
		a, err := call(ctx, p, register, `{}`, "Lambda-Extension-Name: x")
		if err != nil {
			t.Error(err)
		}
		id := a.header.Get("Lambda-Extension-Identifier")
		a, err = call(ctx, p, initErr, `{}`, "Lambda-Extension-Identifier: "+id)
		if err != nil {
			t.Error(err)
		}
		want(t, "a report without a type", a.errorType(), "Extension.MissingHeader")
		return id
	})
}

func TestOnlyTheLatestOfTwoCallsForAnEventIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		served := make(chan struct{})
		inInit(t, lambdahost.Config{Listener: lambdahost.NewPipe()}, func(ctx context.Context, p *lambdahost.Proc) string {
			a, err := call(ctx, p, register, `{"events":["INVOKE"]}`, "Lambda-Extension-Name: x")
			if err != nil {
				t.Error(err)
			}
			id := a.header.Get("Lambda-Extension-Identifier")
			go func() {
				first, err := call(ctx, p, next, "", "Lambda-Extension-Identifier: "+id)
				if err != nil {
					t.Error(err)
				}
				want(t, "the earlier call", first.errorType(), "Extension.InvalidExtensionState")
				close(served)
			}()
			synctest.Wait()
			return id
		})
		<-served
	})
}

func TestInternalExtensions(t *testing.T) {
	t.Parallel()
	var told answer
	h := start(t, lambdahost.Config{Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
		named := "Lambda-Extension-Name: inner"
		a, err := call(ctx, p, register, `{"events":["SHUTDOWN"]}`, named)
		if err != nil {
			return err
		}
		want(t, "SHUTDOWN", a.errorType(), "Extension.InvalidEventType")
		if a, err = call(ctx, p, register, `{"events":["INVOKE"]}`, named); err != nil {
			return err
		}
		want(t, "status", a.status, http.StatusOK)
		id := "Lambda-Extension-Identifier: " + a.header.Get("Lambda-Extension-Identifier")
		if a, err = call(ctx, p, register, `{"events":["INVOKE"]}`, named); err != nil {
			return err
		}
		want(t, "twice", a.errorType(), "Extension.InvalidExtensionState")

		asking := make(chan error)
		go func() {
			var err error
			if told, err = call(ctx, p, next, "", id); err == nil {
				go func() { _, _ = call(ctx, p, next, "", id) }()
			}
			asking <- err
		}()
		a, err = call(ctx, p, nextInvocation, "")
		if err != nil {
			return err
		}
		if late, err := call(ctx, p, register, `{"events":["INVOKE"]}`, "Lambda-Extension-Name: late"); err == nil {
			want(t, "after INIT", late.errorType(), "Extension.RegistrationClosed")
		}
		if err := <-asking; err != nil {
			return err
		}
		if _, err := call(ctx, p, postInvocation(a.header.Get("Lambda-Runtime-Aws-Request-Id"), "response"), a.body); err != nil {
			return err
		}
		_, err = call(ctx, p, nextInvocation, "")
		return err
	})})
	want(t, "payload", string(invoke(t, h, `1`).Payload), `1`)
	if !strings.Contains(told.body, `"eventType":"INVOKE"`) {
		t.Errorf("the internal extension was told %q", told.body)
	}
}

func TestTheRuntimeAnswersEachInvocationOnce(t *testing.T) {
	t.Parallel()
	h := start(t, lambdahost.Config{Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
		a, err := call(ctx, p, nextInvocation, "")
		if err != nil {
			return err
		}
		id := a.header.Get("Lambda-Runtime-Aws-Request-Id")
		again, err := call(ctx, p, nextInvocation, "")
		if err != nil {
			return err
		}
		want(t, "the invocation, asked for twice", again.header.Get("Lambda-Runtime-Aws-Request-Id"), id)

		for _, c := range []struct {
			what, request, header string
			status                int
			errorType             string
		}{
			{"unknown id", postInvocation("8476a536-e9f4-11e8-9739-2dfe598c3fcd", "response"), "X: y", 400, "InvalidRequestID"},
			{"unknown id", postInvocation("x", "error"), "X: y", 400, "InvalidRequestID"},
			{"late init error", "POST /2018-06-01/runtime/init/error", "X: y", 403, "InvalidStateTransition"},
			{"unknown path", "POST /2018-06-01/runtime/nothing", "X: y", 404, ""},
			{"other verb", "POST /2018-06-01/runtime/invocation/next", "X: y", 405, ""},
			{"restore without SnapStart", nextRestore, "X: y", 404, ""},
			{"first answer", postInvocation(id, "response"), "X: y", 202, ""},
			{"second answer", postInvocation(id, "response"), "X: y", 403, "InvalidStateTransition"},
			{"second answer", postInvocation(id, "error"), "X: y", 403, "InvalidStateTransition"},
		} {
			a, err := call(ctx, p, c.request, `"body"`, c.header)
			if err != nil {
				return err
			}
			want(t, c.what+": status", a.status, c.status)
			want(t, c.what+": type", a.errorType(), c.errorType)
		}
		_, err = call(ctx, p, nextInvocation, "")
		return err
	})})
	want(t, "payload", string(invoke(t, h, `1`).Payload), `"body"`)
}

func TestErrorsOfTheRuntime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, what, body, header, errorType string }{
		{"the header names the type", "error", `{"errorType":"A","errorMessage":"m"}`, "Lambda-Runtime-Function-Error-Type: B", "B"},
		{"the document names the type", "error", `{"errorType":"A","errorMessage":"m"}`, "X: y", "A"},
		{"nothing names the type", "error", `oops`, "X: y", "Runtime.Unknown"},
		{"an unknown response mode", "response", `1`, "Lambda-Runtime-Function-Response-Mode: odd", "Runtime.InvalidResponseModeHeader"},
		{"a streamed response", "response", `1`, "Lambda-Runtime-Function-Response-Mode: streaming", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, lambdahost.Config{Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
				a, err := call(ctx, p, nextInvocation, "")
				if err != nil {
					return err
				}
				id := a.header.Get("Lambda-Runtime-Aws-Request-Id")
				if _, err = call(ctx, p, postInvocation(id, c.what), c.body, c.header); err != nil {
					return err
				}
				_, err = call(ctx, p, nextInvocation, "")
				return err
			})})
			res := invoke(t, h, `1`)
			want(t, "type", res.ErrorType, c.errorType)
			want(t, "error", res.FunctionError != "", c.errorType != "")
			if c.what == "error" {
				want(t, "payload", string(res.Payload), c.body)
			}
		})
	}
}

func TestAStreamedResponseThatBreaksOff(t *testing.T) {
	t.Parallel()
	h := start(t, lambdahost.Config{Function: program(func(ctx context.Context, p *lambdahost.Proc) error {
		a, err := call(ctx, p, nextInvocation, "")
		if err != nil {
			return err
		}
		_, path, _ := strings.Cut(postInvocation(a.header.Get("Lambda-Runtime-Aws-Request-Id"), "response"), " ")
		body := io.MultiReader(strings.NewReader(`"half`)) // of unknown length, so that there can be a trailer
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.Env["AWS_LAMBDA_RUNTIME_API"]+path, body)
		if err != nil {
			return err
		}
		r.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
		r.Trailer = http.Header{
			"Lambda-Runtime-Function-Error-Type": {"Function.Broken"},
			"Lambda-Runtime-Function-Error-Body": {`{"errorType":"Function.Broken"}`},
		}
		res, err := p.Client.Do(r)
		if err != nil {
			return err
		}
		res.Body.Close()
		want(t, "status", res.StatusCode, http.StatusAccepted)
		_, err = call(ctx, p, nextInvocation, "")
		return err
	})})
	wantError(t, invoke(t, h, `1`), "Function.Broken", "")
}
