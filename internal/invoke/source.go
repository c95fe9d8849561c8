// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package invoke

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// endpoints and trust are the variables of the caller that function and extension get:
// where secrets come from, and whose certificates to believe there.
var (
	endpoints = []string{
		"COFFER_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM",
		"AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL_STS",
	}
	trust = []string{"AWS_CA_BUNDLE", "COFFER_CA_FILE", "NODE_EXTRA_CA_CERTS"}
)

// surroundings are what a function is told of the world.
type surroundings struct {
	region      string
	account     string
	credentials lambdahost.Credentials
	env         map[string]string
}

// surroundings are those of a server that is started here, or the caller's own.
func (o *Options) surroundings(ctx context.Context, s *Session, work string) (surroundings, error) {
	if o.Dev != nil {
		return o.Dev.start(ctx, s, work, o.Output)
	}
	from := surroundings{region: first(o.Getenv, "AWS_REGION", "AWS_DEFAULT_REGION"), env: map[string]string{}}
	o.pass(trust, from.env)
	if o.Endpoint != "" {
		from.env["AWS_ENDPOINT_URL"] = o.Endpoint
	} else {
		o.pass(endpoints, from.env)
	}
	from.credentials = lambdahost.Credentials{
		AccessKeyID:     o.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: secret.NewText(o.Getenv("AWS_SECRET_ACCESS_KEY")),
		SessionToken:    secret.NewText(o.Getenv("AWS_SESSION_TOKEN")),
	}
	if from.credentials.AccessKeyID == "" || from.credentials.SecretAccessKey.Len() == 0 {
		return from, errors.New("no credentials for the function: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or start a server with --dev")
	}
	if from.credentials.SessionToken.Len() == 0 { // which the function would show the extension
		from.env["COFFER_AGENT_TOKEN"] = rand.Text()
	}
	return from, nil
}

// pass gives env the caller's variables of those names.
func (o *Options) pass(names []string, env map[string]string) {
	for _, name := range names {
		if v := o.Getenv(name); v != "" {
			env[name] = v
		}
	}
}

func first(getenv func(string) string, names ...string) string {
	for _, name := range names {
		if v := getenv(name); v != "" {
			return v
		}
	}
	return ""
}
