// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffertest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer"
)

// settings are the variables that the AWS SDKs, the AWS CLI and package coffer read.
func (s *Server) settings() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":          s.URL,
		"AWS_ACCESS_KEY_ID":         s.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":     s.SecretAccessKey,
		"AWS_REGION":                Region,
		"AWS_DEFAULT_REGION":        Region,
		"AWS_EC2_METADATA_DISABLED": "true",
	}
}

// ours reports whether a variable is one that could lead a client elsewhere.
func ours(name string) bool {
	return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "COFFER_") || strings.HasPrefix(name, "PARAMETERS_SECRETS_EXTENSION_")
}

// Setenv sets the environment, until the test ends, so that every client that configures
// itself by it calls the server: the AWS SDKs, child processes, and package coffer's
// default client, which is replaced. Other settings of AWS's are unset meanwhile. As
// with t.Setenv, no parallel test can do so.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); ours(name) {
			t.Setenv(name, "") // to have it restored
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range s.settings() {
		t.Setenv(name, value)
	}
	own := s.Client()
	before := coffer.SetDefault(own)
	t.Cleanup(func() { coffer.SetDefault(before) })
}

// Environ returns this process's environment with what Setenv would change, for an
// exec.Cmd.
func (s *Server) Environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return ours(name)
	})
	for name, value := range s.settings() {
		env = append(env, name+"="+value)
	}
	return env
}

// Config is that of a coffer.Client that reads from the server itself, whatever the
// environment says.
func (s *Server) Config() coffer.Config {
	settings := s.settings()
	return coffer.Config{
		Agent: "off", Endpoint: s.URL, Region: Region,
		Getenv: func(name string) string { return settings[name] },
	}
}

// Client returns a client of the server. It is closed when the test ends.
func (s *Server) Client() *coffer.Client {
	c := coffer.New(s.Config())
	s.tb.Cleanup(c.Close)
	return c
}
