// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// profileEnvironment reads variables of the environment, as if the settings of a profile
// were among them and went before others. Empty is no profile.
func profileEnvironment(profile string) (func(string) string, error) {
	if profile == "" {
		return os.Getenv, nil
	}
	if !profileName.MatchString(profile) {
		return nil, usageError{badProfile(profile)}
	}
	credentials, config, err := sharedFiles()
	if err != nil {
		return nil, err
	}
	key, err := readSection(credentials, profile)
	if err != nil {
		return nil, err
	}
	server, err := readSection(config, configSection(profile))
	if err != nil {
		return nil, err
	}
	if server["credential_process"] != "" {
		return nil, fmt.Errorf("the profile %s holds no access key: another program, or a login, gives it credentials", profile)
	}
	variables := map[string]string{}
	if key["aws_access_key_id"] != "" { // the three belong together
		for _, name := range []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"} {
			variables[strings.ToUpper(name)] = key[name]
			variables["COFFER"+strings.ToUpper(strings.TrimPrefix(name, "aws"))] = ""
		}
	}
	for name, variable := range map[string]string{"endpoint_url": "COFFER_ENDPOINT", "region": "AWS_REGION", "ca_bundle": "COFFER_CA_FILE"} {
		if server[name] != "" {
			variables[variable] = server[name]
		}
	}
	return func(name string) string {
		if value, ok := variables[name]; ok {
			return value
		}
		return os.Getenv(name)
	}, nil
}

// readSection returns the settings of a section of a shared file, or none if there is no
// such file or section.
func readSection(file, section string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return settingsOf(string(text), section), nil
}

// keepKey keeps an access key in a profile, and returns the file that it is in.
func keepKey(profile, id string, value secret.Value) (file string, err error) {
	file, _, err = sharedFiles()
	if err != nil {
		return "", err
	}
	return file, setProfile(file, profile, []pair{
		{"aws_access_key_id", id}, {"aws_secret_access_key", value.RevealString()}, {"aws_session_token", ""},
	})
}

// completeProfile completes the names of the profiles that hold a key.
func completeProfile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	credentials, _, err := sharedFiles()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	text, err := os.ReadFile(credentials)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if title, ok := sectionTitle(line); ok {
			names = append(names, title)
		}
	}
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}
