// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Freeze stops the environment, as Lambda does between invocations. Commands are
// stopped by SIGSTOP with all they have started, and have real time behind them when
// they go on. Programs can't be stopped: they see Config.Clock jump ahead by slept, and
// no timer fire, when the environment is thawed, which the next Invoke, Restore or
// Shutdown does if Thaw does not.
//
// Freeze fails with ErrBusy during an invocation, and on managed instances, which are
// never frozen.
func (h *Host) Freeze(slept time.Duration) error {
	if h.cfg.InitializationType == ManagedInstances {
		return fmt.Errorf("freezing: managed instances run all the time: %w", ErrBusy)
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return fmt.Errorf("freezing: %w", ErrBusy)
	}
	unlock, err := h.alone(h.alive)
	if err != nil {
		return fmt.Errorf("freezing: %w", err)
	}
	defer unlock()
	env := h.current.Load()
	if env == nil {
		return errors.New("freezing: no environment is running")
	}
	if err := env.signal(signalSuspend); err != nil {
		return fmt.Errorf("freezing: %w", err)
	}
	h.frozen = true
	h.slept += slept
	return nil
}

// Thaw lets a frozen environment go on, and does nothing to any other.
func (h *Host) Thaw() error {
	unlock, err := h.alone(h.alive)
	if err != nil {
		return fmt.Errorf("thawing: %w", err)
	}
	defer unlock()
	env := h.current.Load()
	if env == nil {
		return nil
	}
	return h.thaw(env)
}

// thaw is Thaw; the life lock is held.
func (h *Host) thaw(env *environment) error {
	if !h.frozen {
		return nil
	}
	h.cfg.Clock.Advance(h.slept)
	h.frozen, h.slept = false, 0
	if err := env.signal(signalResume); err != nil {
		return fmt.Errorf("thawing: %w", err)
	}
	return nil
}

// Restore takes an environment of SnapStart from its snapshot to its first invocation:
// it thaws, and the runtime's call of restore/next returns. The next Invoke does it if
// Restore has not been called. It fails with a *Failure if the runtime reports an error
// or needs more than Lambda's 10 seconds, and the environment is then reset.
func (h *Host) Restore(ctx context.Context) error {
	ctx, release := h.bound(ctx)
	defer release()
	unlock, err := h.alone(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	env := h.current.Load()
	if env == nil {
		return errors.New("restoring: no environment is running")
	}
	if err := h.thaw(env); err != nil {
		return err
	}
	_, err = h.restore(ctx, env)
	return err
}

// restore is Restore; the life lock is held and env is thawed.
func (h *Host) restore(ctx context.Context, env *environment) (time.Duration, error) {
	env.mu.Lock()
	done := env.restored
	env.mu.Unlock()
	if done || h.cfg.InitializationType != SnapStart {
		return 0, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, restoreTimeout, timedOut("Restore", restoreTimeout))
	defer cancel()
	began := time.Now()
	if err := env.restore(ctx); err != nil {
		return 0, errors.Join(err, h.end(context.Background(), reasonFor(err)))
	}
	h.cfg.Log.Debug("environment restored", "duration", time.Since(began))
	return time.Since(began), nil
}
