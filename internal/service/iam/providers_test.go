// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const providerARN = "arn:aws:iam::123456789012:oidc-provider/token.example.com/a"

// makeProvider makes the provider with that ARN.
func makeProvider(t *testing.T, c *iam.Client) {
	t.Helper()
	out, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: new("https://token.example.com/a/"), ClientIDList: []string{"one", "two", "one"}, ThumbprintList: []string{strings.Repeat("AB", 20)},
		Tags: []types.Tag{{Key: new("Team"), Value: new("a")}, {Key: new("team"), Value: new("b")}},
	})
	if err != nil || *out.OpenIDConnectProviderArn != providerARN || len(out.Tags) != 2 {
		t.Fatalf("made %+v, %v", out, err)
	}
}

// provider is what GetOpenIDConnectProvider tells, on a line.
func provider(t *testing.T, c *iam.Client) string {
	t.Helper()
	out, err := c.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: new(providerARN)})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintln(*out.Url, out.ClientIDList, out.ThumbprintList, len(out.Tags), out.CreateDate.Unix())
}

func TestProvider(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx, on := t.Context(), new(providerARN)
	makeProvider(t, c)
	s.Restart()
	at := servicetest.Start.Unix()
	if got, want := provider(t, c), fmt.Sprintln("token.example.com/a", []string{"one", "two"}, []string{strings.Repeat("ab", 20)}, 2, at); got != want {
		t.Errorf("made %s, want %s", got, want)
	}
	for _, id := range []string{"three", "three"} {
		if _, err := c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: on, ClientID: &id}); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"one", "none"} {
		if _, err := c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: on, ClientID: &id}); err != nil {
			t.Error(err)
		}
	}
	zero := strings.Repeat("0", 40)
	if _, err := c.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: on, ThumbprintList: []string{zero}}); err != nil {
		t.Error(err)
	}
	if got, want := provider(t, c), fmt.Sprintln("token.example.com/a", []string{"two", "three"}, []string{zero}, 2, at); got != want {
		t.Errorf("changed to %s, want %s", got, want)
	}
	list, err := c.ListOpenIDConnectProviders(ctx, nil)
	if err != nil || len(list.OpenIDConnectProviderList) != 1 || *list.OpenIDConnectProviderList[0].Arn != providerARN {
		t.Errorf("listed %+v, %v", list, err)
	}
	for range 2 {
		if _, err := c.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: on}); err != nil {
			t.Error(err)
		}
	}
	_, err = c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: on})
	wantFault(t, "a deleted provider", err, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+providerARN)
}

func TestProviderFaults(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	makeProvider(t, c)
	for url, want := range map[string][2]string{
		"https://token.example.com/a":    {"EntityAlreadyExists", "Provider with url https://token.example.com/a already exists."},
		"https://TOKEN.example.com/a":    {"EntityAlreadyExists", "Provider with url https://TOKEN.example.com/a already exists."},
		"token.example.com":              {"ValidationError", "Invalid Open ID Connect Provider URL"},
		"http://token.example.com":       {"InvalidInput", "Invalid Open ID Connect Provider URL. The URL must begin with https://."},
		"https://token.example.com?a=b":  {"InvalidInput", "Invalid Open ID Connect Provider URL."},
		"https://a:b@token.example.com":  {"InvalidInput", "Invalid Open ID Connect Provider URL."},
		"https://":                       {"InvalidInput", "Invalid Open ID Connect Provider URL."},
		"https://token.example.com:8443": {},
		"http://127.0.0.1:8080/issuer":   {},
	} {
		_, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &url})
		if want[0] != "" {
			wantFault(t, url, err, want[0], want[1])
		} else if err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	many, prints := make([]string, 101), make([]string, 6)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for i := range prints {
		prints[i] = strings.Repeat("0", 40)
	}
	other := new("https://other.example.com")
	_, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: other, ClientIDList: many})
	wantFault(t, "101 client ids", err, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100")
	_, err = c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: other, ThumbprintList: prints})
	wantFault(t, "6 thumbprints", err, "InvalidInput", "Thumbprint list must contain fewer than 5 entries.")
	_, err = c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: other, ThumbprintList: []string{strings.Repeat("x", 40)}})
	wantFault(t, "a thumbprint of no digits", err, "InvalidInput", "")
	_, err = c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: other, ThumbprintList: []string{"0"}})
	wantFault(t, "a short thumbprint", err, "ValidationError", "")
	for _, none := range []string{"arn:aws:iam::999999999999:oidc-provider/token.example.com/a", "arn:aws:iam::123456789012:role/token.example.com"} {
		_, fault := c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &none, ClientID: new("x")})
		if fault == nil {
			t.Errorf("%s is taken for a provider", none)
		}
	}
	list, err := c.ListOpenIDConnectProviders(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var arns []string
	for _, entry := range list.OpenIDConnectProviderList {
		arns = append(arns, *entry.Arn)
	}
	want := []string{"arn:aws:iam::123456789012:oidc-provider/127.0.0.1:8080/issuer", providerARN, "arn:aws:iam::123456789012:oidc-provider/token.example.com:8443"}
	if diff := cmp.Diff(want, arns); diff != "" {
		t.Errorf("after the faults there are others (-want +got):\n%s", diff)
	}
	eve := iam.NewFromConfig(s.Config(s.User("eve", servicetest.Allow("arn:aws:iam::123456789012:oidc-provider/other.example.com", "iam:*"))))
	_, err = eve.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: new(providerARN)})
	wantFault(t, "another's provider", err, "AccessDenied", "")
	_, err = eve.ListOpenIDConnectProviders(ctx, nil)
	wantFault(t, "all providers", err, "AccessDenied", "")
	if _, err := eve.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: other}); err != nil {
		t.Error(err)
	}
}
