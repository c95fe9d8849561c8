// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/source"
	"github.com/coffer-secrets/coffer/internal/source/vault"
	"github.com/coffer-secrets/coffer/internal/vaultproxy"
)

// filesIn bounds the time for which an invocation is held up to write files. Nothing is
// written in most of them.
const filesIn = 2 * time.Second

// vaultSide is Vault as a source, and what its own extension has beside: a proxy and files.
// A nil one is not configured.
type vaultSide struct {
	*vault.Source
	proxy  *vaultproxy.Proxy
	server *agent.Server
	files  *vaultproxy.Files
}

// Forget implements source.Source.
func (v *vaultSide) Forget() {
	v.Source.Forget()
	if v.proxy != nil {
		v.proxy.Forget()
	}
}

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
	p.vault = &vaultSide{Source: from}
	all.Named["vault"] = p.vault
	return nil
}

// errItself is of a proxy that would pass requests on to itself.
var errItself = errors.New("its port is where Vault's address is: set VLE_VAULT_ADDR to Vault's own")

// serveVault begins to serve the proxy, if there is to be one, and prepares the files. That
// the port is taken is no reason to do without all else.
func (p *process) serveVault(x *parts) *vaultSide {
	v := p.vault
	if v == nil || p.environ == nil {
		return v
	}
	settings := vaultproxy.SettingsFrom(p.environ())
	for _, w := range settings.Warnings {
		x.log.Warn(w)
	}
	if settings.WriteFiles {
		v.files = vaultproxy.NewFiles(v.Source, settings.Files, x.log, p.now)
	}
	if !settings.Proxy {
		return v
	}
	listener, err := net.Listener(nil), errItself
	if !v.IsAt(settings.Port) {
		listener, err = p.listen(settings.Port)
	}
	if err != nil {
		x.log.Error("Vault's proxy is not served: see COFFER_VAULT_PROXY_PORT and VAULT_RUN_MODE", "error", err.Error())
		return v
	}
	tokens, _ := agent.TokensFrom(p.getenv) // whether they are all there was said
	v.proxy = vaultproxy.New(vaultproxy.Config{
		Source: v.Source, Guard: agent.Guard(tokens, settings.Open), TTL: settings.TTL, Always: settings.Always,
		HoldBack: x.source.on.Load, Log: x.log, Now: p.now,
	})
	v.server = agent.Serve(listener, v.proxy, x.log)
	x.log.Info("serving Vault's interface", "address", listener.Addr().String(), "open", settings.Open)
	return v
}

// writeFiles writes the files that are due, within a time.
func (v *vaultSide) writeFiles(ctx context.Context, within time.Duration) {
	if v == nil || v.files == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	v.files.Sync(ctx)
}

// stop ends the proxy.
func (v *vaultSide) stop(ctx context.Context) error {
	if v == nil || v.server == nil {
		return nil
	}
	return v.server.Stop(ctx)
}
