// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/agentclient"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source"
)

const (
	// asExtension is where the program is if the function has it as its extension.
	asExtension = "/opt/extensions/coffer-extension"
	// listensIn is how long we wait for that to listen: Lambda starts it before us.
	listensIn = 500 * time.Millisecond
	// knockEvery is how often we try meanwhile.
	knockEvery = 5 * time.Millisecond
	// directConns is how many connections a wrapper has, which is in a hurry.
	directConns = 16
)

// nearest asks the extension or agent beside us if there is one, because it may have the
// value already, and the sources themselves if not.
type nearest struct {
	agent   *agentclient.Client // nil if there is none
	certain bool                // that there is one
	// until is when an extension that does not listen has had its time to begin to.
	until time.Time
	// patience bounds what the agent may take to answer, so that time is left.
	patience time.Duration
	direct   func() (source.Source, error)
}

// nearest builds it, for values that have to be there within some time.
func (p *process) nearest(within time.Duration) (*nearest, error) {
	n := &nearest{patience: within / 2}
	n.direct = sync.OnceValues(func() (source.Source, error) {
		settings := agent.SettingsFrom(p.getenv)
		settings.MaxConns = max(settings.MaxConns, directConns)
		settings.Level = max(settings.Level, slog.LevelWarn)
		return p.sources(settings, newLog(p.errs, settings, p.getenv("AWS_LAMBDA_LOG_FORMAT")))
	})
	url, certain := agentclient.Find(p.getenv)
	if url == "" {
		return n, nil
	}
	token, err := agentclient.Token(p.getenv)
	if err == nil {
		n.agent, err = agentclient.New(url, token)
	}
	if err != nil && certain {
		return nil, err
	}
	if n.certain = certain; !certain {
		if _, err := os.Stat(asExtension); err == nil {
			n.until = time.Now().Add(listensIn)
		}
	}
	return n, nil
}

// get is a reference.Getter. What the agent refuses is refused; if it can't be asked, or
// tells no cause (as AWS's does in INIT), the sources are asked.
func (n *nearest) get(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	if n.agent != nil {
		answer, err := n.ask(ctx, ref)
		if _, refused := errors.AsType[*api.Error](err); err == nil || refused || n.certain {
			return answer, err
		}
	}
	from, err := n.direct()
	if err != nil {
		return cache.Answer{}, err
	}
	v, err := from.Fetch(ctx, ref)
	return cache.Answer{Value: v, Status: cache.Miss}, err
}

// ask asks the agent, again and again while it may still be starting.
func (n *nearest) ask(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	if !n.certain {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, n.patience)
		defer cancel()
	}
	for {
		answer, err := n.agent.Get(ctx, ref)
		if !errors.Is(err, syscall.ECONNREFUSED) || !time.Now().Before(n.until) {
			return answer, err
		}
		select {
		case <-time.After(knockEvery):
		case <-ctx.Done():
			return cache.Answer{}, ctx.Err()
		}
	}
}
