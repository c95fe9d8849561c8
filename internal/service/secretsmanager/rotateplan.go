// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// The kinds of the jobs of rotation: one looks at a window's start whether a secret is to be
// rotated, the other makes one try.
const (
	kindWindow = "sm-rotation-window"
	kindRotate = "sm-rotate"
)

const (
	// windowsAtOnce is how many looks are under way at once, so that they share commits.
	windowsAtOnce = 8
	// rotationsAtOnce is how many tries are, which mostly wait for functions. These have
	// bounds of their own.
	rotationsAtOnce = 64
)

// rotationTask is the payload of both kinds of jobs.
type rotationTask struct {
	Account, Region, Name, UID string
	// Planned is when a look is due. One that the head does not know is outdated.
	Planned time.Time `json:",omitzero"`
	// Token and Failed are a try's. One is outdated as soon as another is to be made.
	Token  string `json:",omitzero"`
	Failed int    `json:",omitzero"`
}

func (s *Secret) task() rotationTask {
	return rotationTask{Account: s.Account, Region: s.Region, Name: s.Name, UID: s.UID}
}

func (t rotationTask) enqueue(tx kv.Tx, kind string, due time.Time) error {
	payload, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return jobs.Enqueue(tx, kind, due, payload)
}

func taskOf(payload []byte) (t rotationTask, err error) {
	if err := json.Unmarshal(payload, &t); err != nil {
		return t, fmt.Errorf("job of a rotation: %w", err)
	}
	return t, nil
}

// act runs do in a transaction of Secrets Manager's own, on a copy of the secret that a job
// is about, if it still is there and has a rotation. The secret is saved if do says so.
func (s *Service) act(ctx context.Context, t rotationTask, do func(tx kv.Tx, call *gate.Call, secret *Secret) (save bool, err error)) error {
	actor := gate.Actor{Service: sm.Service, Account: t.Account, Region: t.Region}
	return s.gate.Act(ctx, actor, func(_ context.Context, tx kv.Tx, call *gate.Call) error {
		secret, err := s.heads.Get(tx, t.Account, t.Region, keyName(t.Name))
		if err != nil || secret == nil || secret.UID != t.UID || secret.Rotation == nil || secret.gone(call.Time) {
			return err
		}
		secret = secret.clone()
		save, err := do(tx, call, secret)
		if err != nil || !save {
			return err
		}
		return s.save(tx, call, secret)
	})
}

// plan has somebody look at the secret when its next window begins. There is one such job at
// a time: it comes too early if the window has moved away meanwhile, and then makes the next.
func (s *Service) plan(tx kv.Tx, call *gate.Call, secret *Secret) error {
	r := secret.Rotation
	if r == nil || !r.Enabled {
		return nil
	}
	w, ok := r.window(call.Time)
	if !ok || (!r.Planned.IsZero() && !r.Planned.After(w.Start)) {
		return nil
	}
	r.Planned = w.Start
	t := secret.task()
	t.Planned = r.Planned
	return t.enqueue(tx, kindWindow, r.Planned)
}

// look begins a rotation if a window is open. While one is under way its end makes the plan.
func (s *Service) look(ctx context.Context, payload []byte) error {
	t, err := taskOf(payload)
	if err != nil {
		return err
	}
	return s.act(ctx, t, func(tx kv.Tx, call *gate.Call, secret *Secret) (bool, error) {
		r := secret.Rotation
		if !r.Planned.Equal(t.Planned) {
			return false, nil
		}
		r.Planned = time.Time{}
		if !r.Enabled || !secret.Deleted.IsZero() || r.Run != nil {
			return true, nil
		}
		w, ok := r.window(call.Time)
		if !ok || !w.Contains(call.Time) {
			return true, s.plan(tx, call, secret)
		}
		run := Run{Token: gate.NewID(), Until: w.End}
		if pending, held := secret.Versions.pending(); held {
			run.Token = pending // what a rotation left that failed is taken up
		}
		secret.Changed = call.Time.UTC()
		return true, secret.begin(tx, call, run)
	})
}
