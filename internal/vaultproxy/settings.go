// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vaultproxy

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultPort is that of Vault's Lambda extension, and of Vault.
const DefaultPort = 8200

// The place of files that are not said to be elsewhere.
const (
	defaultDir  = "/tmp/vault"
	defaultFile = "secret.json"
)

// Settings are what the environment says of a proxy and of files.
type Settings struct {
	// Proxy and WriteFiles say what of both there is to be.
	Proxy, WriteFiles bool
	// Open lets programs use the proxy without showing a token: a run mode with a proxy
	// was asked for.
	Open bool
	// Port is the proxy's.
	Port int
	// TTL and Always are the Proxy's.
	TTL    time.Duration
	Always bool
	// Files are the secrets to write to files.
	Files []File
	// Warnings say which variables have a value that can't be used.
	Warnings []string
}

// File is a secret that is written to a file.
type File struct {
	// Secret is the path in Vault, and Name that of the file.
	Secret, Name string
}

// SettingsFrom reads the environment, which is a list of NAME=VALUE, for the variables of
// Vault's Lambda extension:
//
//	VAULT_RUN_MODE                          default (both), proxy or file
//	VAULT_DEFAULT_CACHE_TTL                 how long answers may be kept, such as 15m; not at all
//	VAULT_DEFAULT_CACHE_ENABLED             whether they are when a request does not say (false)
//	VAULT_SECRET_PATH, VAULT_SECRET_FILE    a secret to write to a file (/tmp/vault/secret.json)
//	VAULT_SECRET_PATH_X, VAULT_SECRET_FILE_X
//	                                        another one
//
// and COFFER_VAULT_PROXY_PORT, another port than 8200.
func SettingsFrom(environ []string) Settings {
	env := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if value = strings.TrimSpace(value); value != "" && (strings.HasPrefix(name, "VAULT_") || name == "COFFER_VAULT_PROXY_PORT") {
			env[name] = value
		}
	}
	s := Settings{Port: DefaultPort}
	s.mode(env["VAULT_RUN_MODE"])
	var err error
	if text := env["COFFER_VAULT_PROXY_PORT"]; text != "" {
		if s.Port, err = strconv.Atoi(text); err != nil || s.Port < 1 || s.Port > 65535 {
			s.Port = DefaultPort
			s.warn("COFFER_VAULT_PROXY_PORT is not a port. Using %d.", s.Port)
		}
	}
	if text := env["VAULT_DEFAULT_CACHE_TTL"]; text != "" {
		if s.TTL, err = time.ParseDuration(text); err != nil || s.TTL < 0 {
			s.TTL = 0
			s.warn("VAULT_DEFAULT_CACHE_TTL is not a duration such as 15m. Keeping nothing.")
		}
	}
	if text := env["VAULT_DEFAULT_CACHE_ENABLED"]; text != "" {
		if s.Always, err = strconv.ParseBool(text); err != nil {
			s.warn("VAULT_DEFAULT_CACHE_ENABLED is neither true nor false. Using false.")
		}
	}
	if s.WriteFiles {
		s.files(env)
	}
	return s
}

func (s *Settings) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}

// mode reads the run mode.
func (s *Settings) mode(text string) {
	switch mode := strings.ToLower(text); mode {
	case "default", "proxy":
		s.Proxy, s.Open, s.WriteFiles = true, true, mode == "default"
	case "file":
		s.WriteFiles = true
	default:
		s.Proxy, s.WriteFiles = true, true
		if mode != "" {
			s.warn("VAULT_RUN_MODE is none of default, proxy, file. Ignoring it.")
		}
	}
}

// files finds the secrets to write, each with its file.
func (s *Settings) files(env map[string]string) {
	const paths, names = "VAULT_SECRET_PATH", "VAULT_SECRET_FILE"
	used := map[string]bool{}
	for _, variable := range slices.Sorted(maps.Keys(env)) {
		suffix, ok := strings.CutPrefix(variable, paths)
		if !ok || suffix != "" && suffix[0] != '_' {
			continue
		}
		name := env[names+suffix]
		if name == "" && suffix == "" {
			name = defaultFile
		}
		if name != "" && !filepath.IsAbs(name) {
			name = filepath.Join(defaultDir, name)
		}
		name = filepath.Clean(name)
		switch {
		case name == ".":
			s.warn("%s needs %s. Ignoring it.", variable, names+suffix)
		case used[name]:
			s.warn("Two secrets are to be written to the file of %s. Ignoring one of them.", names+suffix)
		default:
			used[name] = true
			s.Files = append(s.Files, File{strings.Trim(env[variable], "/"), name})
		}
	}
}
