// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
)

// The AWS extension's defaults and limits: AWS Secrets Manager User Guide, "Using
// Parameters and Secrets Lambda extension: environment variables".
const (
	DefaultPort = 2773
	maxPort     = 65535
	maxItems    = 1000
	maxTTL      = 300 // seconds
	maxTimeout  = 15 * 60 * 1000
)

// maxOwnTTL bounds the TTL and the stale time of Coffer's own variables.
const maxOwnTTL = 24 * time.Hour

// Settings are what the environment says of an agent.
type Settings struct {
	// Port is the port to listen on.
	Port int
	// Secrets and Parameters are how long values are kept.
	Secrets, Parameters cache.Policy
	// MaxItems bounds the cache.
	MaxItems int
	// MaxConns bounds the connections to a source.
	MaxConns int
	// Level is the least level that is logged; Quiet logs nothing.
	Level slog.Level
	// Quiet is the log level none.
	Quiet bool
	// Prefetch is what to fetch before anybody asks.
	Prefetch []cache.Ref
	// Contract is that of /secretsmanager/get, and Prefix is where the paths of secrets
	// begin.
	Contract Contract
	Prefix   string
	// Budget is how many calls to the source each caller may cause in a second. Zero is
	// any number.
	Budget int
	// Socket is the path of the unix socket to listen on too, if there is one.
	Socket string
	// OpenMetrics shows the metrics to requests without a token.
	OpenMetrics bool
	// Warnings say which variables have a value that can't be used, and what is used
	// for it. A wrong setting is no reason to keep a function from starting.
	Warnings []string
}

// SettingsFrom reads the environment: all variables of the AWS extension, with its
// limits, and beside them
//
//	COFFER_SECRETS_TTL     how long secrets are kept, such as 45m; up to 24h
//	COFFER_PARAMETERS_TTL  the same for parameters
//	COFFER_STALE           how long a value may stand in for a source that is down; 0s is never
//	COFFER_PREFETCH        secrets and parameters to fetch at the start, with commas between
//	COFFER_CONTRACT        extension or agent: how /secretsmanager/get answers
//	COFFER_PATH_PREFIX     where the paths of secrets begin, such as /v1/
//	COFFER_REQUEST_BUDGET  calls to the source that each caller may cause in a second; 0 is any number
//	COFFER_SOCKET          a unix socket to listen on too
//	COFFER_METRICS         open shows the metrics without a token
func SettingsFrom(getenv func(string) string) Settings {
	s := Settings{Level: slog.LevelInfo}
	r := reader{getenv: getenv, settings: &s}
	s.Port = r.number("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", DefaultPort, 1, maxPort)
	s.MaxItems = r.number("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", maxItems, 0, maxItems)
	s.MaxConns = r.number("PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", client.DefaultMaxConns, 1, 1<<16)
	s.Secrets = r.policy("SECRETS_MANAGER", "COFFER_SECRETS_TTL")
	s.Parameters = r.policy("SSM_PARAMETER_STORE", "COFFER_PARAMETERS_TTL")
	if !r.boolean("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", true) || s.MaxItems == 0 {
		s.Secrets.Bypass, s.Parameters.Bypass = true, true
	}
	if stale, ok := r.duration("COFFER_STALE"); ok {
		if stale == 0 {
			stale = -1
		}
		s.Secrets.Stale, s.Parameters.Stale = stale, stale
	}
	r.level("PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL")
	s.Contract = Contract(r.choice("COFFER_CONTRACT", string(ExtensionContract), string(AgentContract)))
	s.OpenMetrics = r.choice("COFFER_METRICS", "", "open") == "open"
	s.Budget = r.number("COFFER_REQUEST_BUDGET", DefaultBudget, 0, maxBudget)
	s.Socket = getenv("COFFER_SOCKET")
	if s.Prefix = getenv("COFFER_PATH_PREFIX"); !validPrefix(s.Prefix) {
		if s.Prefix != "" {
			r.warn("COFFER_PATH_PREFIX has no slash at either end. Using %s.", DefaultPrefix)
		}
		s.Prefix = DefaultPrefix
	}
	var wrong []error
	s.Prefetch, wrong = parsePrefetch(getenv("COFFER_PREFETCH"))
	for _, err := range wrong {
		r.warn("COFFER_PREFETCH: %v. Ignoring it.", err)
	}
	return s
}

// reader reads variables and notes what is wrong with them.
type reader struct {
	getenv   func(string) string
	settings *Settings
}

func (r reader) warn(format string, args ...any) {
	r.settings.Warnings = append(r.settings.Warnings, fmt.Sprintf(format, args...))
}

// number reads a number between two limits, both included.
func (r reader) number(name string, def, least, most int) int {
	text := strings.TrimSpace(r.getenv(name))
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < least:
		r.warn("%s is not a number of %d or more. Using %d.", name, least, def)
		return def
	case n > most:
		r.warn("%s exceeds max limit. Using %d.", name, most)
		return most
	}
	return n
}

// choice reads one of two words, in any case, of which the first is the default.
func (r reader) choice(name, def, other string) string {
	text := strings.TrimSpace(r.getenv(name))
	switch {
	case strings.EqualFold(text, other):
		return other
	case text != "" && !strings.EqualFold(text, def):
		r.warn("%s can be %s. Ignoring what it is.", name, strings.TrimPrefix(def+" or "+other, " or "))
	}
	return def
}

func (r reader) boolean(name string, def bool) bool {
	switch strings.ToLower(strings.TrimSpace(r.getenv(name))) {
	case "true":
		return true
	case "false":
		return false
	case "":
	default:
		r.warn("%s is neither true nor false. Using %t.", name, def)
	}
	return def
}

// duration reads a duration with a unit, of maxOwnTTL at most.
func (r reader) duration(name string) (time.Duration, bool) {
	text := strings.TrimSpace(r.getenv(name))
	if text == "" {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil || d < 0:
		r.warn("%s is not a duration such as 45m. Ignoring it.", name)
		return 0, false
	case d > maxOwnTTL:
		r.warn("%s exceeds max limit. Using %v.", name, maxOwnTTL)
		return maxOwnTTL, true
	}
	return d, true
}

// policy reads <SERVICE>_TTL and <SERVICE>_TIMEOUT_MILLIS, and Coffer's own TTL, which
// comes before the former.
func (r reader) policy(service, own string) cache.Policy {
	var p cache.Policy
	p.TTL = time.Duration(r.number(service+"_TTL", maxTTL, 0, maxTTL)) * time.Second
	if d, ok := r.duration(own); ok {
		p.TTL = d
	}
	p.Bypass = p.TTL == 0
	if name := service + "_TIMEOUT_MILLIS"; strings.TrimSpace(r.getenv(name)) != "" {
		p.Timeout = time.Duration(r.number(name, 0, 0, maxTimeout)) * time.Millisecond
		if p.Timeout == 0 {
			p.Timeout = -1 // none
		}
	}
	return p
}

func (r reader) level(name string) {
	s := r.settings
	switch level := strings.ToLower(strings.TrimSpace(r.getenv(name))); level {
	case "debug":
		s.Level = slog.LevelDebug
	case "info", "":
	case "warn":
		s.Level = slog.LevelWarn
	case "error":
		s.Level = slog.LevelError
	case "none":
		s.Quiet = true
	default:
		r.warn("%s is none of debug, info, warn, error, none. Using info.", name)
	}
}
