// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/oidc"
)

// issuerLogin is all that a login with an issuer needs to know. The profile has it too.
type issuerLogin struct {
	Issuer, ClientID, Scope, IssuerCAFile string
	Role, Duration                        string
	Endpoint, Region, CAFile              string
}

// setting is a setting of a login: its flag, and its name in the profile.
type setting struct {
	flag, name string
	value      *string
}

func (l *issuerLogin) settings() []setting {
	return []setting{
		{"endpoint", "endpoint_url", &l.Endpoint},
		{"region", "region", &l.Region},
		{"ca-file", "ca_bundle", &l.CAFile},
		{"issuer", "coffer_issuer", &l.Issuer},
		{"client-id", "coffer_client_id", &l.ClientID},
		{"scope", "coffer_scope", &l.Scope},
		{"issuer-ca-file", "coffer_issuer_ca_bundle", &l.IssuerCAFile},
		{"role", "coffer_role_arn", &l.Role},
		{"duration", "coffer_duration", &l.Duration},
	}
}

// check makes the paths absolute, and refuses what can't be a login.
func (l *issuerLogin) check() (err error) {
	if l.ClientID == "" || l.Role == "" {
		return withHint(errors.New("a login with an issuer needs --client-id and --role"), "Try: coffer login --help")
	}
	if err := oidc.CheckURL(l.Issuer); err != nil {
		return fmt.Errorf("--issuer: %w", err)
	}
	if l.Endpoint != "" && oidc.CheckURL(l.Endpoint) != nil {
		return errors.New("--endpoint: a token is sent there, so it has to be HTTPS, or this machine")
	}
	if _, err := arn.Parse(l.Role); err != nil {
		return fmt.Errorf("--role: %w", err)
	}
	if d, err := time.ParseDuration(l.Duration); err != nil || d < 15*time.Minute || d > maxSession {
		return errors.New("--duration: from 15m to 12h")
	}
	if !slices.Contains(strings.Fields(l.Scope), "openid") {
		return errors.New("--scope: openid has to be among the scopes, or there is no ID token")
	}
	for _, file := range []*string{&l.CAFile, &l.IssuerCAFile} {
		if *file == "" {
			continue
		}
		if *file, err = filepath.Abs(*file); err != nil {
			return err
		}
	}
	return nil
}

// writeSessionProfile writes a profile that has AWS's tools ask for the session. Access
// keys in it would come first.
func writeSessionProfile(profile string, l *issuerLogin) (config string, err error) {
	credentials, config, err := sharedFiles()
	if err != nil {
		return "", err
	}
	settings := []pair{{"credential_process", credentialProcess(profile)}}
	for _, s := range l.settings() {
		settings = append(settings, pair{s.name, *s.value})
	}
	if err := setProfile(config, configSection(profile), append(settings, noKeys...)); err != nil {
		return "", err
	}
	return config, setProfile(credentials, profile, noKeys)
}

// noKeys removes an access key.
var noKeys = []pair{{"aws_access_key_id", ""}, {"aws_secret_access_key", ""}, {"aws_session_token", ""}}

// readSessionProfile returns the login that a profile has, or nil.
func readSessionProfile(profile string) (*issuerLogin, error) {
	_, config, err := sharedFiles()
	if err != nil {
		return nil, err
	}
	settings, err := readSection(config, configSection(profile))
	if err != nil {
		return nil, err
	}
	if settings["coffer_issuer"] == "" {
		return nil, nil
	}
	l := &issuerLogin{}
	for _, s := range l.settings() {
		*s.value = settings[s.name]
	}
	return l, nil
}

func credentialProcess(profile string) string { return "coffer credentials --profile " + profile }

// noSession removes from a profile what a login with an issuer has written there.
func noSession() []pair {
	none := []pair{{"credential_process", ""}}
	for _, s := range new(issuerLogin).settings() {
		none = append(none, pair{s.name, ""})
	}
	return none
}
