// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/server"
)

// accessFlags are those of the commands that ask who may do what.
type accessFlags struct {
	settings *settings
	context  []string
	json     bool
}

// accessHelp is what the help of these commands has in common.
const accessHelp = `
Server and credentials are those of the environment, as AWS's tools take them:
AWS_ENDPOINT_URL or COFFER_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_REGION. The caller needs the permission %s.
With --data the question is asked of a data directory while no server runs on it, as the
root of the account.`

func bindAccess(cmd *cobra.Command) *accessFlags {
	f := &accessFlags{settings: bindSettings(cmd, append([]string{"region"}, storeSettings...)...)}
	flags := cmd.Flags()
	flags.Lookup("region").Usage = "region, instead of the environment's"
	flags.StringArrayVar(&f.context, "context", nil, "a condition key that the call has, KEY=VALUE; several values of a key are given one by one")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return f
}

// ask runs fn with a client of the server or of the data directory.
func (f *accessFlags) ask(cmd *cobra.Command, fn func(*client.Client) error) error {
	flags := cmd.Flags()
	if flags.Changed("data") || flags.Changed("config") {
		config, err := f.settings.load(cmd)
		if err != nil {
			return err
		}
		log, err := newLog(cmd.ErrOrStderr(), "warn")
		if err != nil {
			return err
		}
		return advise(server.Operate(cmd.Context(), config, log, fn))
	}
	region, err := flags.GetString("region")
	if err != nil {
		return err
	}
	c, err := client.New(client.Config{Region: region, UserAgent: "coffer/" + server.Version})
	if err != nil {
		return err
	}
	return fn(c)
}

// keys are the condition keys of the command line.
func (f *accessFlags) keys() ([]coffer.ContextKey, error) {
	var all []coffer.ContextKey
	for _, text := range f.context {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usageError{fmt.Errorf("--context %q: want KEY=VALUE", text)}
		}
		known := false
		for i := range all {
			if strings.EqualFold(*all[i].Key, key) {
				all[i].Values, known = append(all[i].Values, value), true
			}
		}
		if !known {
			all = append(all, coffer.ContextKey{Key: &key, Values: []string{value}})
		}
	}
	return all, nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
