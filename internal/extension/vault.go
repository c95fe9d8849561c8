// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"log/slog"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/source"
	"github.com/coffer-secrets/coffer/internal/source/vault"
)

// addVault adds Vault or OpenBao, if there is an address of it.
func (p *process) addVault(all *source.Mux, settings agent.Settings, log *slog.Logger) error {
	if !vault.Configured(p.getenv) {
		return nil
	}
	cfg, warnings, err := vault.FromEnvironment(p.getenv, p.now)
	for _, w := range warnings {
		log.Warn(w)
	}
	if err != nil {
		return err
	}
	cfg.Transport, cfg.MaxConns, cfg.UserAgent = p.transport, settings.MaxConns, "coffer-extension/"+version()
	from, err := vault.New(cfg)
	if err != nil {
		return err
	}
	if from.Cleartext() {
		log.Warn("secrets will travel unencrypted", "endpoint", cfg.Address)
	}
	all.Named["vault"] = from
	return nil
}
