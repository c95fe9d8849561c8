// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/server"
)

// settings binds the fields of a server's Config to flags and environment variables,
// by the names that the configuration file uses.
type settings struct {
	config server.Config
	file   string
}

// bindSettings adds flags for the settings of those names, or for all, and --config.
func bindSettings(cmd *cobra.Command, names ...string) *settings {
	s := &settings{}
	flags := cmd.Flags()
	flags.StringVar(&s.file, "config", os.Getenv("COFFER_CONFIG"), "configuration file, YAML")
	v := reflect.ValueOf(&s.config).Elem()
	for field, value := range v.Fields() {
		name, usage := field.Tag.Get("yaml"), field.Tag.Get("usage")
		if usage == "" || (len(names) > 0 && !slices.Contains(names, name)) {
			continue
		}
		switch p := value.Addr().Interface().(type) {
		case *string:
			flags.StringVar(p, name, "", usage)
		case *bool:
			flags.BoolVar(p, name, false, usage)
		case *int:
			flags.IntVar(p, name, 0, usage)
		case *time.Duration:
			flags.DurationVar(p, name, 0, usage)
		}
	}
	return s
}

// load returns the settings: the flags that were given, below them the environment,
// and below that the file.
func (s *settings) load(cmd *cobra.Command) (server.Config, error) {
	var file server.Config
	if s.file != "" {
		if err := server.LoadFile(s.file, &file); err != nil {
			return file, err
		}
	}
	flags, config := cmd.Flags(), reflect.ValueOf(&s.config).Elem()
	for field, value := range reflect.ValueOf(&file).Elem().Fields() {
		name := field.Tag.Get("yaml")
		text, ok := os.LookupEnv(environment(name))
		switch {
		case flags.Lookup(name) == nil:
			config.FieldByIndex(field.Index).Set(value)
		case flags.Changed(name):
		case ok:
			if err := flags.Set(name, text); err != nil {
				return file, fmt.Errorf("%s: %w", environment(name), err)
			}
		default:
			config.FieldByIndex(field.Index).Set(value)
		}
	}
	return s.config, nil
}

// environment is the variable of a setting: COFFER_AUDIT_FILE for audit-file.
func environment(name string) string {
	return "COFFER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
