// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// lab is the function, in a local Lambda, with a service that has one secret.
type lab struct {
	t       *testing.T
	service *service
	host    *lambdahost.Host
}

func open(t *testing.T, value *string) *lab {
	t.Helper()
	s := &service{
		enabled: true,
		values:  map[string]*string{"v1": value},
		stages:  map[string][]string{"v1": {current}, "v2": {pending}},
	}
	api := httptest.NewServer(s)
	t.Cleanup(api.Close)
	r := &rotation{secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: &api.URL, Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, RetryMaxAttempts: 1,
	})}
	host, err := lambdahost.New(lambdahost.Config{
		Timeout: time.Minute, InitTimeout: time.Minute,
		Function: lambdahost.Process{Program: func(ctx context.Context, p *lambdahost.Proc) error {
			return serve(ctx, p.Env["AWS_LAMBDA_RUNTIME_API"], r.handle)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &lab{t, s, host}
}

// step invokes the function as Secrets Manager does, and returns the message of its error.
func (l *lab) step(step string) string {
	l.t.Helper()
	event := fmt.Sprintf(`{"Step":%q,"SecretId":"a","ClientRequestToken":"v2"}`, step)
	res, err := l.host.Invoke(l.t.Context(), []byte(event))
	if err != nil {
		l.t.Fatal(err)
	}
	if res.FunctionError == "" {
		return ""
	}
	var document struct{ ErrorMessage string }
	if err := json.Unmarshal(res.Payload, &document); err != nil || document.ErrorMessage == "" {
		l.t.Fatalf("error document %s: %v", res.Payload, err)
	}
	return document.ErrorMessage
}

// TestARotation does each step twice, as Secrets Manager may.
func TestARotation(t *testing.T) {
	t.Parallel()
	for before, after := range map[string]string{
		"hunter2":    "random-1",
		`"a string"`: "random-1",
		`{"username":"orders","password":"hunter2","port":5432}`: `{"password":"random-1","port":5432,"username":"orders"}`,
	} {
		l := open(t, &before)
		for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
			for range 2 {
				if message := l.step(step); message != "" {
					t.Errorf("%s: %s", step, message)
				}
			}
		}
		if got := l.service.values["v2"]; got == nil || *got != after {
			t.Errorf("%s became %v, want %s", before, got, after)
		}
		if got := fmt.Sprint(l.service.stages); got != "map[v1:[AWSPREVIOUS] v2:[AWSPENDING AWSCURRENT]]" {
			t.Errorf("stages %s", got)
		}
	}
}

func TestRotationsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, step, says string
		wreck            func(*service)
	}{
		{"not enabled", "createSecret", "not enabled", func(s *service) { s.enabled = false }},
		{"a version that is not there", "createSecret", "not AWSPENDING", func(s *service) { delete(s.stages, "v2") }},
		{"a version that is not pending", "createSecret", "not AWSPENDING", func(s *service) { s.stages["v2"] = []string{"mine"} }},
		{"an unknown step", "deleteSecret", "unknown step", func(*service) {}},
		{"no value", "createSecret", "ResourceNotFoundException", func(s *service) { s.stages["v1"] = nil }},
		{"no password in it", "createSecret", "without", func(s *service) { s.values["v1"] = new(`{"key":"hunter2"}`) }},
		{"binary", "createSecret", "binary", func(s *service) { s.values["v1"] = nil }},
		{"a test before there is anything to test", "testSecret", "ResourceNotFoundException", func(*service) {}},
		{"nothing to finish", "finishSecret", "no version that is AWSCURRENT", func(s *service) { delete(s.stages, "v1") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := open(t, new("hunter2"))
			c.wreck(l.service)
			message := l.step(c.step)
			if !strings.Contains(message, c.says) || strings.Contains(message, "hunter2") {
				t.Errorf("the error says %q, want %q", message, c.says)
			}
			if l.service.values["v2"] != nil {
				t.Error("there is a new version")
			}
		})
	}
}
