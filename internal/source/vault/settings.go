// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
)

// unsupported are variables of Vault's clients that change whom we trust or who we are, and
// that we don't have.
var unsupported = []string{
	"VAULT_SKIP_VERIFY", "VAULT_CAPATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY", "VAULT_TLS_SERVER_NAME",
}

// Configured reports whether the environment names a server.
func Configured(getenv func(string) string) bool { return address(getenv) != "" }

// address prefers the variable that leaves VAULT_ADDR to the clients of the proxy.
func address(getenv func(string) string) string {
	return first(getenv, "VLE_VAULT_ADDR", "VAULT_ADDR")
}

// FromEnvironment reads the variables of Vault's Lambda extension, and those that other
// logins need:
//
//	VLE_VAULT_ADDR, VAULT_ADDR, VAULT_NAMESPACE
//	VAULT_CACERT, or COFFER_CA_FILE        certificate authorities to trust
//	VAULT_TOKEN_EXPIRY_GRACE_PERIOD        when a token is no longer used before its end
//	VAULT_TOKEN, VAULT_TOKEN_FILE          a token; no login
//	VAULT_ROLE_ID, VAULT_SECRET_ID, VAULT_SECRET_ID_FILE
//	                                       AppRole, at VAULT_AUTH_PROVIDER (approle)
//	VAULT_JWT, VAULT_JWT_FILE              JWT as VAULT_AUTH_ROLE, at VAULT_AUTH_PROVIDER (jwt)
//	VAULT_AUTH_ROLE                        else AWS, at VAULT_AUTH_PROVIDER (aws), with
//	VAULT_IAM_SERVER_ID, VAULT_STS_ENDPOINT_REGION, VAULT_ASSUMED_ROLE_ARN
//
// The warnings tell of settings that can't be used.
func FromEnvironment(getenv func(string) string, now func() time.Time) (cfg Config, warnings []string, err error) {
	getenv = trimmed(getenv)
	cfg = Config{
		Address: address(getenv), Namespace: getenv("VAULT_NAMESPACE"), CAFile: first(getenv, "VAULT_CACERT", "COFFER_CA_FILE"), Now: now,
	}
	for _, name := range unsupported {
		if getenv(name) != "" {
			warnings = append(warnings, name+" is not supported. Ignoring it.")
		}
	}
	if text := getenv("VAULT_TOKEN_EXPIRY_GRACE_PERIOD"); text != "" {
		if cfg.Grace, err = time.ParseDuration(text); err != nil || cfg.Grace <= 0 {
			warnings = append(warnings, fmt.Sprintf("VAULT_TOKEN_EXPIRY_GRACE_PERIOD is not a duration such as 10s. Using %v.", DefaultGrace))
			cfg.Grace = 0
		}
	}
	cfg.Login, err = loginFrom(getenv, now)
	return cfg, warnings, err
}

// loginFrom chooses the login by what there is to log in with.
func loginFrom(getenv func(string) string, now func() time.Time) (Login, error) {
	if read := readFrom(getenv, "VAULT_TOKEN"); read != nil {
		return Token(read), nil
	}
	role := getenv("VAULT_AUTH_ROLE")
	mount := strings.Trim(strings.TrimPrefix(strings.Trim(getenv("VAULT_AUTH_PROVIDER"), "/"), "auth/"), "/")
	if mount != "" && !isPath(mount) {
		return nil, errors.New("VAULT_AUTH_PROVIDER is not the path of an auth method")
	}
	if id := getenv("VAULT_ROLE_ID"); id != "" {
		return AppRole(or(mount, "approle"), Text(id), readFrom(getenv, "VAULT_SECRET_ID")), nil
	}
	if read := readFrom(getenv, "VAULT_JWT"); read != nil {
		return JWT(or(mount, "jwt"), role, read), nil
	}
	if role == "" {
		return nil, errors.New("nothing to log in to Vault with: set VAULT_AUTH_ROLE for AWS, VAULT_ROLE_ID, VAULT_JWT_FILE, or VAULT_TOKEN_FILE")
	}
	return awsFrom(getenv, or(mount, "aws"), role, now)
}

// awsFrom returns the login with the AWS role that we have, or with one that we assume.
func awsFrom(getenv func(string) string, mount, role string, now func() time.Time) (Login, error) {
	a := AWS{Mount: mount, Role: role, ServerID: getenv("VAULT_IAM_SERVER_ID"), Region: getenv("VAULT_STS_ENDPOINT_REGION"), Now: now}
	if a.Region == "" && getenv("AWS_STS_REGIONAL_ENDPOINTS") == "regional" {
		a.Region = getenv("AWS_REGION")
	}
	// Vault's STS is AWS's: a Coffer server's credentials are not.
	own := func(name string) string {
		if strings.HasPrefix(name, "COFFER_") {
			return ""
		}
		return getenv(name)
	}
	var err error
	if assumed := getenv("VAULT_ASSUMED_ROLE_ARN"); assumed != "" {
		caller, err := client.New(client.Config{Getenv: own, Region: a.Region, Now: now})
		if err != nil {
			return nil, err
		}
		a.Credentials = caller.Assuming(assumed)
	} else if a.Credentials, err = client.FromEnvironment(own, now); err != nil {
		return nil, err
	}
	return a.Login, nil
}

// readFrom returns a Read of the variable, or of the file that the variable with _FILE
// names, or nil.
func readFrom(getenv func(string) string, name string) Read {
	if v := getenv(name); v != "" {
		return Text(v)
	}
	if file := getenv(name + "_FILE"); file != "" {
		return File(file)
	}
	return nil
}

// trimmed returns getenv without the space around values, as Vault's extension reads them.
func trimmed(getenv func(string) string) func(string) string {
	return func(name string) string { return strings.TrimSpace(getenv(name)) }
}

func first(getenv func(string) string, names ...string) string {
	for _, n := range names {
		if v := getenv(n); v != "" {
			return v
		}
	}
	return ""
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
