// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import "time"

// Config says where a Client gets secrets from. Its zero value is what the environment
// says.
type Config struct {
	// Agent is the URL of an extension or agent to ask, or "off" for none. Empty means
	// COFFER_AGENT; and if that is empty too, the extension of the Lambda function
	// that this is, if it has one.
	Agent string
	// AgentToken is what to show to the agent. Empty means COFFER_AGENT_TOKEN, the
	// content of COFFER_AGENT_TOKEN_FILE, AWS_SESSION_TOKEN or
	// AWS_CONTAINER_AUTHORIZATION_TOKEN.
	AgentToken string
	// Endpoint is the URL of a Coffer server, or of what else speaks AWS's protocol.
	// Empty means COFFER_ENDPOINT, AWS_ENDPOINT_URL_SECRETS_MANAGER and so on, or AWS.
	Endpoint string
	// Region is AWS's. Empty means AWS_REGION or AWS_DEFAULT_REGION.
	Region string
	// TTL is how long a value is fresh in this process. Zero means five minutes, less
	// than zero that nothing is kept. An agent has a TTL of its own.
	TTL time.Duration
	// Stale is for how long after that it may stand in for a source that can't be
	// reached. Zero means an hour, less than zero never.
	Stale time.Duration
	// Defaults are options of every call, before its own.
	Defaults []Option
	// Getenv reads the environment. Nil means os.Getenv.
	Getenv func(string) string
}
