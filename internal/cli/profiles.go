// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// profileName is what a profile may be called here. AWS's tools take more, with quotes.
var profileName = regexp.MustCompile(`^[\w.@-]{1,64}$`)

// bindProfile adds the flag that names a profile. Those are completed that have a login
// with an issuer.
func bindProfile(cmd *cobra.Command, profile *string) {
	cmd.Flags().StringVar(profile, "profile", "coffer", "name of the profile")
	_ = cmd.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		_, config, err := sharedFiles()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		text, err := os.ReadFile(config)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for line := range strings.Lines(string(text)) {
			title, _ := sectionTitle(line)
			name := strings.TrimPrefix(title, "profile ")
			if profileName.MatchString(name) && settingsOf(string(text), title)["coffer_issuer"] != "" {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

func badProfile(name string) error {
	return fmt.Errorf("profile %q: letters, digits and _.@-", name)
}

// configSection is what the section of a profile is called in the config file.
func configSection(profile string) string {
	if profile == "default" {
		return profile
	}
	return "profile " + profile
}

// sharedFiles are the files of AWS's tools and SDKs (AWS SDKs and Tools Reference Guide,
// "Shared config and credentials files").
func sharedFiles() (credentials, config string, err error) {
	credentials, config = os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), os.Getenv("AWS_CONFIG_FILE")
	if credentials != "" && config != "" {
		return credentials, config, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", "", fmt.Errorf("finding the shared files of AWS's tools: %w", err)
	}
	if credentials == "" {
		credentials = filepath.Join(home, ".aws", "credentials")
	}
	if config == "" {
		config = filepath.Join(home, ".aws", "config")
	}
	return credentials, config, nil
}

// pair is a setting of a section. One without a value is removed.
type pair struct{ name, value string }

// setProfile gives a section of a shared file these settings, and leaves everything else
// as it is. A section that nothing is left of goes too.
func setProfile(file, section string, settings []pair) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, s := range settings {
		if strings.ContainsAny(s.value, "\r\n\x00") {
			return fmt.Errorf("%s: a value that is not one line", s.name)
		}
	}
	text := withSettings(string(old), section, settings)
	if text == string(old) {
		return nil
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return replaceFile(file, []byte(text))
}

// replaceFile writes a file that is there whole, before and after, for its owner alone.
func replaceFile(file string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".coffer-") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// withSettings returns the text of a shared file with the settings in a section.
func withSettings(text, section string, settings []pair) string {
	var set string
	for _, s := range settings {
		if s.value != "" {
			set += s.name + " = " + s.value + "\n"
		}
	}
	var out strings.Builder
	own := "" // the section's title, until there is something below it
	inside, found := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if title, ok := sectionTitle(line); ok {
			own, inside = "", title == section
			if inside && set == "" {
				own, found = line+"\n", true
				continue
			}
			if inside && !found {
				line, found = line+"\n"+strings.TrimSuffix(set, "\n"), true
			}
		} else if inside && sets(line, settings) || own != "" && strings.TrimSpace(line) == "" {
			continue
		}
		out.WriteString(own + line + "\n")
		own = ""
	}
	switch {
	case found:
		return out.String()
	case set == "":
		return text
	case text != "":
		out.WriteString("\n")
	}
	return out.String() + "[" + section + "]\n" + set
}

// settingsOf returns the settings in a section of a shared file, by their names in lower
// case.
func settingsOf(text, section string) map[string]string {
	settings, inside := map[string]string{}, false
	for line := range strings.Lines(text) {
		if title, ok := sectionTitle(line); ok {
			inside = title == section
		} else if name, value, ok := strings.Cut(line, "="); ok && inside && strings.TrimLeft(name, " \t") == name {
			settings[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return settings
}

// sectionTitle returns the name in a line that begins a section.
func sectionTitle(line string) (string, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "[")
	name, _, ended := strings.Cut(rest, "]")
	return strings.Join(strings.Fields(name), " "), ok && ended
}

// sets reports whether a line is one of the settings. One that is indented belongs to the
// setting before it.
func sets(line string, settings []pair) bool {
	name, _, ok := strings.Cut(line, "=")
	for _, s := range settings {
		if ok && strings.EqualFold(strings.TrimRight(name, " \t"), s.name) {
			return true
		}
	}
	return false
}
