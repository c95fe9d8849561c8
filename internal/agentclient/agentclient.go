// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package agentclient asks an extension or agent on this machine for secrets and
// parameters, by the HTTP interface that it serves on 127.0.0.1. It finds out from the
// environment where one is, and what to show to it.
//
// The AWS Parameters and Secrets Lambda Extension may be the one that answers: it tells
// less in its headers.
package agentclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	// dialTimeout bounds a connection to an agent, which is on this machine.
	dialTimeout = time.Second
	// defaultPort is the AWS extension's.
	defaultPort = "2773"
	// maxToken bounds a token's file in bytes.
	maxToken = 16 << 10
)

// Find returns the URL of the agent that the environment names, or "" for none, and
// whether that is certain. It is uncertain in a Lambda function, which may have an
// extension or not.
func Find(getenv func(string) string) (url string, certain bool) {
	switch url = getenv("COFFER_AGENT"); url {
	case "off":
		return "", true
	case "":
	default:
		return strings.TrimSuffix(url, "/"), true
	}
	port := getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
	if port == "" && getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		return "", true
	}
	if port == "" {
		port = defaultPort
	}
	return "http://" + net.JoinHostPort("127.0.0.1", port), false
}

// Token returns what the environment says to show to an agent: COFFER_AGENT_TOKEN, the
// content of the file COFFER_AGENT_TOKEN_FILE, AWS_SESSION_TOKEN, or
// AWS_CONTAINER_AUTHORIZATION_TOKEN.
func Token(getenv func(string) string) (string, error) {
	if t := getenv("COFFER_AGENT_TOKEN"); t != "" {
		return t, nil
	}
	if file := getenv("COFFER_AGENT_TOKEN_FILE"); file != "" {
		t, err := secret.FromFile(file, maxToken)
		if err != nil {
			return "", fmt.Errorf("COFFER_AGENT_TOKEN_FILE: %w", err)
		}
		return t.RevealString(), nil
	}
	if t := getenv("AWS_SESSION_TOKEN"); t != "" {
		return t, nil
	}
	return getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"), nil
}

// Client asks one agent. It is safe for concurrent use.
type Client struct {
	base, token string
	transport   *http.Transport
}

// New returns a Client of the agent at a URL: of http, or the path of a unix socket, such
// as unix:/run/coffer.sock.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	dial := (&net.Dialer{Timeout: dialTimeout}).DialContext
	switch {
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	case err == nil && u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		base, dial = "http://localhost", toSocket(dial, u.Path)
	default:
		return nil, errors.New("the agent's address is neither an http URL nor unix:/PATH")
	}
	return &Client{base: base, token: token, transport: &http.Transport{DialContext: dial, DisableCompression: true}}, nil
}

// toSocket returns a dial that goes to the socket, whatever it is asked for.
func toSocket(dial func(ctx context.Context, network, address string) (net.Conn, error), path string) func(ctx context.Context, _, _ string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, "unix", path) }
}

// Close drops idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Get returns what ref names. An agent that does not answer is a cache.Unavailable; a
// refusal of which it tells the cause is an api.Error.
func (c *Client) Get(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	return c.send(ctx, http.MethodGet, ref, url.Values{})
}

// Refresh is Get from the agent's source, whatever the agent holds.
func (c *Client) Refresh(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	return c.send(ctx, http.MethodGet, ref, url.Values{"refreshNow": {"true"}})
}

// Failed reports that a version did not work, and returns another one if there is one.
func (c *Client) Failed(ctx context.Context, ref cache.Ref, versionID string) (cache.Answer, error) {
	return c.send(ctx, http.MethodPost, ref, url.Values{"versionId": {versionID}})
}
