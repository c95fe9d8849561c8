// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"log/slog"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/files"
)

// keeper is the files that are kept, or nothing at all.
type keeper struct {
	*files.Keeper
	every time.Duration
}

// keep builds what COFFER_FILES and COFFER_ON_CHANGE name. What is wrong in them is logged,
// and left out.
func (p *process) keep(settings agent.Settings, held *cache.Cache, log *slog.Logger) keeper {
	items, wrong := files.Parse(p.getenv("COFFER_FILES"))
	for _, err := range wrong {
		log.Error("a file of COFFER_FILES is left out", "error", err.Error())
	}
	var env []string
	if p.environ != nil {
		env = p.environ()
	}
	command, err := files.ParseCommand(p.getenv("COFFER_ON_CHANGE"), env)
	if err != nil {
		log.Error("COFFER_ON_CHANGE is left out", "error", err.Error())
	}
	if len(items) == 0 {
		return keeper{}
	}
	k := files.New(files.Config{Items: items, Get: held.Get, Render: p.render, OnChange: command, Log: log})
	return keeper{k, lookEvery(settings)}
}

// lookEvery is how often values are looked at in the cache: as often as they can change
// there, but not all the time.
func lookEvery(settings agent.Settings) time.Duration {
	every := refreshEvery
	for _, policy := range []cache.Policy{settings.Secrets, settings.Parameters} {
		if !policy.Bypass && policy.TTL > 0 {
			every = min(every, policy.TTL)
		}
	}
	return max(every, time.Second)
}

// begin begins to keep the files. The channel is closed when they were written for the
// first time.
func (k keeper) begin(ctx context.Context, background *tasks) <-chan struct{} {
	if k.Keeper == nil {
		return nil
	}
	background.start(ctx, func(ctx context.Context) { k.Run(ctx, k.every) })
	return k.Written()
}

// await waits until they were, or ctx ends.
func (k keeper) await(ctx context.Context) {
	if k.Keeper == nil {
		return
	}
	select {
	case <-k.Written():
	case <-ctx.Done():
	}
}

// nudge has the files looked at now.
func (k keeper) nudge() {
	if k.Keeper != nil {
		k.Nudge()
	}
}

// end removes the files.
func (k keeper) end() {
	if k.Keeper != nil {
		k.Remove()
	}
}
