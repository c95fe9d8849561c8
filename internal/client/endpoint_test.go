// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/client"
)

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env     []string
		service *api.Service
		want    string
	}{
		"a region":               {[]string{"AWS_REGION", "eu-west-1"}, sm, "https://secretsmanager.eu-west-1.amazonaws.com/"},
		"the default region":     {[]string{"AWS_DEFAULT_REGION", "eu-west-1"}, ssm, "https://ssm.eu-west-1.amazonaws.com/"},
		"China":                  {[]string{"AWS_REGION", "cn-north-1"}, kms, "https://kms.cn-north-1.amazonaws.com.cn/"},
		"GovCloud":               {[]string{"AWS_REGION", "us-gov-west-1"}, sm, "https://secretsmanager.us-gov-west-1.amazonaws.com/"},
		"an isolated region":     {[]string{"AWS_REGION", "us-isob-east-1"}, sm, "https://secretsmanager.us-isob-east-1.sc2s.sgov.gov/"},
		"the European cloud":     {[]string{"AWS_REGION", "eusc-de-east-1"}, sm, "https://secretsmanager.eusc-de-east-1.amazonaws.eu/"},
		"FIPS":                   {[]string{"AWS_REGION", "us-east-1", "AWS_USE_FIPS_ENDPOINT", "true"}, sm, "https://secretsmanager-fips.us-east-1.amazonaws.com/"},
		"an endpoint for all":    {[]string{"AWS_ENDPOINT_URL", "http://127.0.0.1:4566"}, sm, "http://127.0.0.1:4566"},
		"an endpoint for one":    {[]string{"AWS_ENDPOINT_URL", "http://a", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://b"}, sm, "http://b"},
		"an endpoint for others": {[]string{"AWS_ENDPOINT_URL", "http://a", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://b"}, ssm, "http://a"},
		"an endpoint for SSM":    {[]string{"AWS_REGION", "eu-west-1", "AWS_ENDPOINT_URL_SSM", "http://b"}, ssm, "http://b"},
		"Coffer before all":      {[]string{"COFFER_ENDPOINT", "https://c", "AWS_ENDPOINT_URL", "http://a", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://b"}, sm, "https://c"},
		"told to ignore endpoints": {[]string{
			"AWS_REGION", "eu-west-1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true",
			"AWS_ENDPOINT_URL", "http://a", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://b",
		}, sm, "https://secretsmanager.eu-west-1.amazonaws.com/"},
		"a service of Coffer's":        {[]string{"COFFER_ENDPOINT", "https://c"}, own, "https://c/coffer/v1/X"},
		"one below a path":             {[]string{"AWS_ENDPOINT_URL", "https://c/d/"}, own, "https://c/d/coffer/v1/X"},
		"a service that AWS has not":   {[]string{"AWS_REGION", "eu-west-1"}, own, ""},
		"nothing":                      {nil, sm, ""},
		"a region that is a host":      {[]string{"AWS_REGION", "evil.example/"}, sm, ""},
		"an endpoint without a scheme": {[]string{"AWS_ENDPOINT_URL", "localhost:4566"}, sm, ""},
		"an endpoint with a password":  {[]string{"AWS_ENDPOINT_URL", "https://u:p@a"}, sm, ""},
		"an endpoint that is a file":   {[]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER", "file:///etc/passwd"}, sm, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &wire{answers: []answer{ok()}}
			made, err := client.New(client.Config{Getenv: env(c.env...), Credentials: client.Static(keys), Transport: w})
			if err == nil {
				_, err = made.Call(t.Context(), c.service, "X", nil)
			}
			if (err != nil) != (c.want == "") {
				t.Fatalf("error %v", err)
			}
			if c.want == "" {
				return
			}
			if w.got[0].URL.String() != c.want {
				t.Errorf("%s, want %s", w.got[0].URL, c.want)
			}
			if _, targeted := w.got[0].Header["X-Amz-Target"]; targeted != (c.service.Path == "") {
				t.Errorf("its headers are %v", w.got[0].Header)
			}
		})
	}
}

func TestCleartext(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"http://coffer:8080": "http://coffer:8080", "https://coffer:8080": "", "http://127.0.0.1:1": "", "http://[::1]:1": "", "http://localhost": "",
	} {
		if got := newClient(t, &wire{}, func(c *client.Config) { c.Endpoint = endpoint }).Cleartext(); got != want {
			t.Errorf("%s: %q", endpoint, got)
		}
	}
	if got := newClient(t, &wire{}).Cleartext(); got != "" {
		t.Errorf("AWS: %q", got)
	}
}
