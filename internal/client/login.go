// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	// callerIdentity is the form of STS's GetCallerIdentity.
	callerIdentity = "Action=GetCallerIdentity&Version=2011-06-15"
	// serverIDHeader has the name of the Coffer server that a signed request is for.
	serverIDHeader = "X-Coffer-Server-Id"
	// globalSTS is the endpoint of STS that knows everybody of AWS's standard partition.
	globalSTS = "https://sts.amazonaws.com/"
)

// login issues credentials of a Coffer server to who proves its identity in AWS: by a
// request of GetCallerIdentity that is signed with AWS's credentials, and not sent, but
// handed to the server.
type login struct {
	server   *Client // which signs nothing
	aws      Provider
	sts      string
	region   string // of sts
	serverID string
	role     string // or empty, for the server to choose
}

// newLogin returns the provider of COFFER_LOGIN=aws.
func (l *line) newLogin(cfg Config) (Provider, error) {
	if kind := cfg.Getenv("COFFER_LOGIN"); kind != "aws" {
		return nil, fmt.Errorf("COFFER_LOGIN=%q: aws is the only login there is", kind)
	}
	server, err := url.Parse(l.endpoints.all)
	if err != nil || server.Host == "" {
		return nil, errors.New("COFFER_LOGIN: set COFFER_ENDPOINT to the server to log in to")
	}
	inAWS, err := New(Config{Getenv: withoutCoffer(cfg.Getenv), Region: cfg.Region, Transport: cfg.Transport, Now: cfg.Now})
	if err != nil {
		return nil, err
	}
	g := &login{
		server: l.with(Static(sigv4.Credentials{})), aws: inAWS.credentials, sts: globalSTS,
		serverID: first(cfg.Getenv, "COFFER_LOGIN_SERVER_ID"), role: cfg.Getenv("COFFER_LOGIN_ROLE"),
	}
	if g.serverID == "" {
		g.serverID = server.Hostname()
	}
	if endpoint := cfg.Getenv("COFFER_LOGIN_STS_ENDPOINT"); endpoint != "" {
		if err := checkURL(endpoint); err != nil {
			return nil, err
		}
		g.sts = strings.TrimSuffix(endpoint, "/") + "/"
	}
	g.region = stsRegion(g.sts)
	return newRenewed(g.ask, l.clock), nil
}

// withoutCoffer is the environment without what is there for a Coffer server, in which
// AWS's credentials are found as if there were none.
func withoutCoffer(getenv func(string) string) func(string) string {
	return func(name string) string {
		if strings.HasPrefix(name, "COFFER_") || name == "AWS_ENDPOINT_URL" {
			return ""
		}
		return getenv(name)
	}
}

// stsRegion is the region that an endpoint of STS wants signatures for: it is in the names
// of AWS's regional ones.
func stsRegion(endpoint string) string {
	_, rest, _ := strings.Cut(endpoint, "://sts.")
	if region, _, _ := strings.Cut(rest, "."); strings.Contains(region, "-") {
		return region
	}
	return "us-east-1"
}

func (g *login) ask(ctx context.Context) (sigv4.Credentials, time.Time, error) {
	none := sigv4.Credentials{}
	in, err := g.proof(ctx)
	if err != nil {
		return none, time.Time{}, &LoginError{err}
	}
	out, err := awsjson.Do(ctx, g.server, coffer.LoginWithAWS, in)
	if err != nil {
		return none, time.Time{}, &LoginError{err}
	}
	if out.AccessKeyId == nil || out.Expiration == nil || out.SecretAccessKey.Len() == 0 || out.SessionToken.Len() == 0 {
		return none, time.Time{}, &LoginError{errors.New("the answer has no credentials")}
	}
	expires, err := time.Parse(time.RFC3339, *out.Expiration)
	if err != nil {
		return none, time.Time{}, &LoginError{errors.New("the answer does not say when the credentials expire")}
	}
	return sigv4.Credentials{
		AccessKeyID: *out.AccessKeyId, SecretAccessKey: out.SecretAccessKey.Value, SessionToken: out.SessionToken.RevealString(),
	}, expires, nil
}

// proof signs a request of GetCallerIdentity.
func (g *login) proof(ctx context.Context) (*coffer.LoginWithAWSInput, error) {
	creds, err := g.aws.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting AWS's credentials: %w", err)
	}
	body := []byte(callerIdentity)
	req, err := http.NewRequest(http.MethodPost, g.sts, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header["Content-Type"] = []string{"application/x-www-form-urlencoded; charset=utf-8"}
	req.Header[serverIDHeader] = []string{g.serverID}
	at := g.server.now().Add(time.Duration(g.server.skew.Load()))
	if err := new(sigv4.Signer).Sign(req, body, sigv4.Signing{Credentials: creds, Region: g.region, Service: "sts", Time: at}); err != nil {
		return nil, err
	}
	in := &coffer.LoginWithAWSInput{Method: new(http.MethodPost), URL: &g.sts, Body: new(callerIdentity)}
	for name, values := range req.Header {
		in.Headers = append(in.Headers, coffer.LoginHeader{Name: new(name), Value: secret.NewText(values[0])})
	}
	if g.role != "" {
		in.RoleArn = &g.role
	}
	return in, nil
}

// LoginError is a login at a Coffer server that failed. Whether the server refused or
// could not be reached is in Err.
type LoginError struct{ Err error }

// Error implements error.
func (e *LoginError) Error() string { return "logging in with AWS: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *LoginError) Unwrap() error { return e.Err }
