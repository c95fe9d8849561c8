// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/source"
	"github.com/coffer-secrets/coffer/internal/source/doppler"
)

// addDoppler adds Doppler, if there is a token for it.
func (p *process) addDoppler(all *source.Mux, settings agent.Settings) error {
	if p.getenv("DOPPLER_TOKEN") == "" {
		return nil
	}
	from, err := doppler.New(doppler.Config{
		Getenv: p.getenv, Transport: p.transport, MaxConns: settings.MaxConns, UserAgent: "coffer-extension/" + version(), Now: p.now,
	})
	if err != nil {
		return err
	}
	all.Named["doppler"] = from
	return nil
}
