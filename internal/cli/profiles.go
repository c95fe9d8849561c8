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
)

// profileName is what a profile may be called here. AWS's tools take more, with quotes.
var profileName = regexp.MustCompile(`^[\w.@-]{1,64}$`)

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
// as it is. The file is there whole, before and after, for its owner alone.
func setProfile(file, section string, settings []pair) (err error) {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, s := range settings {
		if strings.ContainsAny(s.value, "\r\n\x00") {
			return fmt.Errorf("%s: a value that is not one line", s.name)
		}
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".coffer-") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(withSettings(string(old), section, settings))
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
	var out strings.Builder
	inside, found := false, false
	write := func() {
		for _, s := range settings {
			if s.value != "" {
				out.WriteString(s.name + " = " + s.value + "\n")
			}
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if title, ok := sectionTitle(line); ok {
			inside = title == section
			out.WriteString(line + "\n")
			if inside && !found {
				found = true
				write()
			}
			continue
		}
		if inside && sets(line, settings) {
			continue
		}
		out.WriteString(line + "\n")
	}
	if !found {
		if text != "" {
			out.WriteString("\n")
		}
		out.WriteString("[" + section + "]\n")
		write()
	}
	return out.String()
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
