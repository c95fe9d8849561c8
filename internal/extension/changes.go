// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
)

const (
	// askEvery is how often a server is asked at most where an INVOKE is the occasion: the
	// next event waits for its answer.
	askEvery = 10 * time.Second
	// askIn bounds such a call.
	askIn = settleIn
	// followEvery is how often a server is asked at most that has us wait for changes.
	followEvery = time.Second
	// waitIn bounds a call that waits for changes. Half of it is the first try's, which
	// may wait for coffer.MaxWait seconds.
	waitIn = 50 * time.Second
	// longestPause is how long a server that fails is left alone at most.
	longestPause = time.Minute
)

// changes asks a Coffer server which values have changed, and has the cache ask for these
// anew. A nil one does nothing. It belongs to one goroutine.
type changes struct {
	caller awsjson.Caller
	held   *cache.Cache
	log    *slog.Logger
	now    func() time.Time

	token    *string // of the last answer
	off      bool    // the server does not tell of changes
	next     time.Time
	failures int
}

// changes returns what asks for changes, or nil if the environment has no Coffer server, or
// says off.
func (p *process) changes(held *cache.Cache, settings agent.Settings, log *slog.Logger) *changes {
	switch p.getenv("COFFER_CHANGES") {
	case "on":
	case "":
		if p.getenv("COFFER_ENDPOINT") == "" {
			return nil
		}
	case "off":
		return nil
	default:
		log.Warn("COFFER_CHANGES is neither on nor off. Using off.")
		return nil
	}
	caller, err := p.caller(client.Config{}, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil // which the source says, too
	}
	return &changes{caller: caller, held: held, log: log, now: p.now}
}

// ask asks once, if that was not done a short time ago.
func (c *changes) ask(ctx context.Context) {
	if c == nil || c.off || !c.due() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askIn)
	defer cancel()
	c.poll(ctx, 0, askEvery)
}

// due reports whether it is time to ask. A time that is too far ahead was set by a clock
// that has since gone back.
func (c *changes) due() bool {
	wait := c.next.Sub(c.now().Round(0))
	return wait <= 0 || wait > longestPause
}

// follow asks until ctx ends, or the server turns out not to tell. The server has us wait
// for changes, so that they are known at once.
func (c *changes) follow(ctx context.Context) {
	for c != nil && !c.off && ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, waitIn)
		c.poll(limited, coffer.MaxWait, followEvery)
		cancel()
		select {
		case <-time.After(min(longestPause, max(0, c.next.Sub(c.now().Round(0))))):
		case <-ctx.Done():
		}
	}
}

// poll asks once, and notes when to ask next: not before some time from now.
func (c *changes) poll(ctx context.Context, wait int32, every time.Duration) {
	c.next = c.now().Round(0).Add(every)
	in := &coffer.ListChangesInput{NextToken: c.token}
	if wait > 0 {
		in.WaitTimeSeconds = &wait
	}
	out, err := awsjson.Do(ctx, c.caller, coffer.ListChanges, in)
	if err != nil {
		c.fail(ctx, err, every)
		return
	}
	c.token, c.failures = out.NextToken, 0
	if out.More != nil && *out.More {
		c.next = time.Time{}
	}
	if out.Reset != nil && *out.Reset {
		c.expire(nil)
		return
	}
	changed := map[string]bool{}
	for _, change := range out.Changes {
		if change.ARN != nil {
			changed[*change.ARN] = true
		}
	}
	if len(changed) > 0 {
		c.log.Debug("the server told of changes", "number", len(changed))
		c.expire(changed)
	}
}

// expire has the cache ask anew for what has changed, or if that is nil for all that has an
// ARN, and for what of it is in use at once.
func (c *changes) expire(changed map[string]bool) {
	c.held.Expire(func(arn string) bool { return arn != "" && (changed == nil || changed[arn]) })
	c.held.RefreshDue(0)
}

// fail puts off the next call, longer each time, or for ever if the server does not know
// the operation. A token that it does not know is not used again.
func (c *changes) fail(ctx context.Context, err error, every time.Duration) {
	if e, ok := errors.AsType[*api.Error](err); ok {
		switch {
		case e.Status == http.StatusNotImplemented, e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed,
			api.UnknownOperationException.Is(err), api.AccessDeniedException.Is(err):
			c.off = true
			c.log.Info("the server does not tell of changes: they are seen when a TTL ends", "error", e.Error())
			return
		case api.ValidationException.Is(err) && c.token != nil:
			c.token = nil
			c.expire(nil)
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	c.failures++
	c.next = c.now().Round(0).Add(min(longestPause, every<<min(c.failures, 6)))
	c.log.Debug("asking for changes failed", "error", err.Error())
}
