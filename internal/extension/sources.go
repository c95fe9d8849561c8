// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"log/slog"
	"strings"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source"
	"github.com/coffer-secrets/coffer/internal/source/aws"
)

// sources builds the sources that the environment names, as one.
func (p *process) sources(settings agent.Settings, log *slog.Logger) (source.Source, error) {
	caller, err := p.caller(client.Config{}, settings, log)
	if err != nil {
		return nil, err
	}
	all := &source.Mux{Default: p.withReplica(p.dated(aws.New(caller)), settings, log), Named: map[string]source.Source{
		"kms": aws.NewDecrypter(caller, p.getenv("AWS_LAMBDA_FUNCTION_NAME")),
	}}
	addVault := func(all *source.Mux, settings agent.Settings) error { return p.addVault(all, settings, log) }
	for _, add := range []func(*source.Mux, agent.Settings) error{p.addDoppler, p.addFiles, addVault} {
		if err := add(all, settings); err != nil {
			log.Error("a source is left out: its settings are wrong", "error", err.Error())
		}
	}
	return p.withFile(all, log), nil
}

// dated lets secrets end when their rotation is due, if that is wanted.
func (p *process) dated(s *aws.Source) source.Source {
	if strings.EqualFold(p.getenv("COFFER_ROTATION_DATES"), "true") {
		return aws.NewDated(s, p.now)
	}
	return s
}

// caller is who calls AWS, or a Coffer server: at the endpoint and in the region of the
// config, or those of the environment.
func (p *process) caller(cfg client.Config, settings agent.Settings, log *slog.Logger) (*client.Client, error) {
	cfg.Getenv, cfg.Transport, cfg.Now = p.getenv, p.transport, p.now
	cfg.MaxConns, cfg.UserAgent = settings.MaxConns, "coffer-extension/"+version()
	caller, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	if url := caller.Cleartext(); url != "" {
		log.Warn("secrets will travel unencrypted", "endpoint", url)
	}
	return caller, nil
}
