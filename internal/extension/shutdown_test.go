// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/lambdaapi"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source"
)

// shutdownBound is what we allow ourselves of the time that Lambda leaves.
const shutdownBound = 200 * time.Millisecond

// shutDown ends the environment and wants that to be quick. The function ends at once.
func (l *lab) shutDown() {
	l.t.Helper()
	began := time.Now()
	if err := l.host.Shutdown(l.t.Context()); err != nil {
		l.t.Error(err)
	}
	if took := time.Since(began); took >= shutdownBound {
		l.t.Errorf("SHUTDOWN took %v", took)
	}
}

func TestShutdownIsQuickWhileTheSourceHangs(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		l.cloud.set(func(c *cloud) { c.fault = "hangs" })
		l.freeze(time.Hour)
		l.invoke(secretPath, "200 STALE s3cret 1", 1) // which leaves a fetch under way
		l.shutDown()
	})
}

func TestShutdownIsQuickWhileARequestIsServed(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.cloud.set(func(c *cloud) { c.fault = "hangs" })
		var wg sync.WaitGroup
		wg.Go(func() { // as a process that the function has left behind may ask
			if got := l.ask(l.t.Context(), "session", secretPath); got == "200 MISS s3cret 1" {
				l.t.Errorf("it was answered %q", got)
			}
		})
		time.Sleep(time.Millisecond)
		l.shutDown()
		wg.Wait()
	})
}

func TestShutdownIsQuickDuringThePrefetch(t *testing.T) {
	bubble(t, func(l *lab) {
		l.cloud.fault = "hangs"
		l.start(map[string]string{"COFFER_PREFETCH": "db,/p"})
		l.shutDown()
	})
}

// given is a source that notes the very bytes that it has given away.
type given struct {
	source.Source
	mu     sync.Mutex
	values []secret.Value
}

func (g *given) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	v, err := g.Source.Fetch(ctx, ref)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.values = append(g.values, v.Text)
	}
	return v, err
}

// watched runs the program as its own run does, with its source noted.
func (l *lab) watched(seen *given) lambdahost.Program {
	return func(ctx context.Context, p *lambdahost.Proc) error {
		proc := l.process(p)
		settings := agent.SettingsFrom(proc.getenv)
		listeners, err := proc.open(settings)
		if err != nil {
			return err
		}
		x, err := proc.assemble(settings, listeners)
		if err != nil {
			return err
		}
		seen.Source = x.source.Source
		x.source.Source = seen
		api := lambdaapi.New(p.Env["AWS_LAMBDA_RUNTIME_API"], proc.api)
		defer api.Close()
		e := &extension{parts: x, api: api, name: "coffer-extension", kind: p.Env["AWS_LAMBDA_INITIALIZATION_TYPE"]}
		return e.live(ctx)
	}
}

func TestShutdownOverwritesEveryValue(t *testing.T) {
	bubble(t, func(l *lab) {
		seen := &given{}
		l.start(map[string]string{"COFFER_PREFETCH": "db"}, func(c *lambdahost.Config) { c.Extensions[0].Program = l.watched(seen) })
		l.invoke(parameterPath, "200 MISS parameter 1", 1)
		if len(seen.values) != 2 {
			l.t.Fatalf("%d values", len(seen.values))
		}
		for i, v := range seen.values {
			if bytes.Equal(v.Reveal(), make([]byte, v.Len())) {
				l.t.Fatalf("value %d is overwritten while it is in use", i)
			}
		}
		l.shutDown()
		for i, v := range seen.values {
			if !bytes.Equal(v.Reveal(), make([]byte, v.Len())) {
				l.t.Errorf("value %d is still in memory", i)
			}
		}
	})
}
