// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/functions"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

func TestConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	type f = functions.Function
	for _, c := range []struct {
		name  string
		wreck func(*f)
		says  string
	}{
		{"no ARN", func(f *f) { f.ARN = name }, "missing prefix"},
		{"another service's ARN", func(f *f) { f.ARN = "arn:aws:s3:eu-west-1:123456789012:function:a" }, "want arn:"},
		{"no region", func(f *f) { f.ARN = "arn:aws:lambda::123456789012:function:a" }, "want arn:"},
		{"no account", func(f *f) { f.ARN = "arn:aws:lambda:eu-west-1::function:a" }, "want arn:"},
		{"a layer", func(f *f) { f.ARN = "arn:aws:lambda:eu-west-1:123456789012:layer:a" }, "want arn:"},
		{"a name that is no name", func(f *f) { f.ARN = "arn:aws:lambda:eu-west-1:123456789012:function:a b" }, "want arn:"},
		{"an empty version", func(f *f) { f.ARN += ":" }, "want arn:"},
		{"neither", func(f *f) { f.Program = nil }, "either"},
		{"both", func(f *f) { f.Endpoint = &functions.Endpoint{URL: "https://a"} }, "either"},
		{"no time", func(f *f) { f.Timeout = -1 }, "timeout"},
		{"too much time", func(f *f) { f.Timeout = functions.MaxTimeout + time.Second }, "timeout"},
		{"no command", func(f *f) { f.Program.Command = nil }, "command"},
		{"no role", func(f *f) { f.Program.Role = "" }, "role"},
		{"a reserved variable", func(f *f) { f.Program.Env = map[string]string{"AWS_REGION": "x"} }, "reserved"},
		{"a large environment", func(f *f) {
			f.Program.Env = map[string]string{"AB": strings.Repeat("x", lambdahost.MaxEnvironment)}
		}, "bytes"},
		{"no URL", func(f *f) { *f = remote("%") }, "not a URL"},
		{"no host", func(f *f) { *f = remote("https://") }, "want https"},
		{"another scheme", func(f *f) { *f = remote("ftp://a") }, "want https"},
		{"a password", func(f *f) { *f = remote("https://me:hunter2@a") }, "has a user"},
		{"a query", func(f *f) { *f = remote("https://a?b=c") }, "query"},
		{"no TLS over a network", func(f *f) { *f = remote("http://10.0.0.1:3001") }, "insecure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := program(t)
			c.wreck(&f)
			_, err := functions.New(functions.Config{Functions: []functions.Function{f}})
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error is %v, want one of %q", err, c.says)
			}
		})
	}
}

func TestConfigurationsThatAreTaken(t *testing.T) {
	t.Parallel()
	insecure := remote("http://lambda.internal:3001")
	insecure.Endpoint.Insecure = true
	versioned := program(t)
	versioned.ARN += ":$LATEST"
	local, tls := remote("http://localhost:3001"), remote("https://lambda.eu-west-1.amazonaws.com")
	local.ARN, tls.ARN, insecure.ARN = functARN+":1", functARN+":live", functARN+"-2"
	l := open(t, nil, program(t), versioned, insecure, local, tls)
	if diff := cmp.Diff([]string{functARN, functARN + "-2", functARN + ":$LATEST", functARN + ":1", functARN + ":live"}, l.ARNs()); diff != "" {
		t.Error(diff)
	}
	if _, err := functions.New(functions.Config{Functions: []functions.Function{tls, tls}}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("twice the same: %v", err)
	}
	if _, err := functions.New(functions.Config{Functions: make([]functions.Function, functions.MaxFunctions+1)}); err == nil || !strings.Contains(err.Error(), "most") {
		t.Errorf("too many: %v", err)
	}
}

func TestAnEventThatIsTooLarge(t *testing.T) {
	t.Parallel()
	l := open(t, nil, program(t))
	wantIs(t, l.Invoke(t.Context(), functARN, make([]byte, lambdahost.MaxPayload+1)), lambdahost.ErrPayloadTooLarge)
}

func remote(url string) functions.Function {
	return functions.Function{ARN: functARN, Endpoint: &functions.Endpoint{URL: url}}
}
