// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// AWS retries a rotation that fails "multiple times during the open rotation windows" (User
// Guide, "Rotation by Lambda function"), and does not say how often or when.
const (
	// maxTries is how often a rotation is tried before it is given up until the next window.
	maxTries = 5
	// firstPause is the time between the first try and the second. Each further one is twice
	// as long: all tries of a function that fails at once take 15 minutes.
	firstPause = time.Minute
)

// begin has a rotation, or a test, begin: its version has AWSPENDING from now on, and a job
// makes the first try.
func (s *Secret) begin(tx kv.Tx, call *gate.Call, run Run) error {
	run.Proof = gate.NewID()
	s.Rotation.Run, s.Rotation.Token = &run, run.Token
	if _, there := s.Versions[run.Token]; !there {
		empty := Version{Created: call.Time.UTC(), Empty: true}
		if run.Test {
			empty.Shows, _ = s.Versions.holder(stageCurrent)
		}
		if s.Versions == nil {
			s.Versions = Versions{}
		}
		s.Versions[run.Token] = empty
	}
	s.Versions.move(stagePending, run.Token)
	return s.try(tx, call.Time)
}

// try has the next try made at that time.
func (s *Secret) try(tx kv.Tx, due time.Time) error {
	t := s.task()
	t.Token, t.Failed = s.Rotation.Run.Token, s.Rotation.Run.Failed
	return t.enqueue(tx, kindRotate, due)
}

// wanted says that a try is the one to be made now.
func (t rotationTask) wanted(secret *Secret) bool {
	run := secret.Rotation.Run
	return run != nil && run.Token == t.Token && run.Failed == t.Failed
}

// alive says that the version of the rotation is still on its way, or has arrived.
func (s *Secret) alive() bool {
	token := s.Rotation.Run.Token
	pending, _ := s.Versions.holder(stagePending)
	current, _ := s.Versions.holder(stageCurrent)
	return s.Deleted.IsZero() && (pending == token || current == token)
}

// attempt is what a try is made with.
type attempt struct {
	rotationTask
	arn, function, proof string
	steps                []string
}

// fault is why a try failed.
type fault struct {
	step string
	err  error
}

// tryRotation makes one try: all steps from the first, whatever earlier tries have come to, as
// AWS does. One that the server did not live to see the end of is made again.
func (s *Service) tryRotation(ctx context.Context, payload []byte) error {
	t, err := taskOf(payload)
	if err != nil {
		return err
	}
	release, err := s.rotating.hold(ctx, t.UID)
	if err != nil {
		return err
	}
	defer release()
	a, err := s.beginTry(ctx, t)
	if err != nil || a == nil {
		return err
	}
	failed, err := s.takeSteps(ctx, a)
	if err != nil {
		return err
	}
	return s.endTry(ctx, a, failed)
}

// beginTry returns nil if the try is not to be made any more.
func (s *Service) beginTry(ctx context.Context, t rotationTask) (a *attempt, err error) {
	err = s.act(ctx, t, func(tx kv.Tx, call *gate.Call, secret *Secret) (bool, error) {
		a = nil
		if !t.wanted(secret) {
			return false, nil
		}
		r := secret.Rotation
		if !secret.alive() {
			secret.drop()
			return true, s.plan(tx, call, secret)
		}
		a = &attempt{t, secret.ARN, r.Function, r.Run.Proof, rotationSteps}
		if r.Run.Test {
			a.steps = testSteps
		}
		call.Event(secret.event(r.Run.eventName("RotationStarted")))
		return false, nil
	})
	return a, err
}

// eventName is CloudTrail's name for what happens to a rotation, or to a test of one.
func (r *Run) eventName(name string) string {
	if r.Test {
		return "Test" + name
	}
	return name
}

// takeSteps has the function take the steps, as long as the try is wanted, and returns what
// kept it from doing so. An error is one of the server, and not of the function.
func (s *Service) takeSteps(ctx context.Context, a *attempt) (*fault, error) {
	for _, step := range a.steps {
		err := s.invoke(ctx, a, step)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("rotation stopped: %w", ctx.Err())
		}
		if err != nil {
			return &fault{step, err}, nil
		}
		switch wanted, err := s.stillWanted(ctx, a.rotationTask); {
		case err != nil:
			return nil, err
		case !wanted:
			return &fault{step, errUnwanted}, nil
		}
	}
	return nil, nil
}

func (s *Service) stillWanted(ctx context.Context, t rotationTask) (wanted bool, err error) {
	err = s.act(ctx, t, func(_ kv.Tx, _ *gate.Call, secret *Secret) (bool, error) {
		wanted = t.wanted(secret) && secret.Deleted.IsZero()
		return false, nil
	})
	return wanted, err
}

// endTry notes what came of a try, unless it is not wanted any more.
func (s *Service) endTry(ctx context.Context, a *attempt, failed *fault) error {
	return s.act(ctx, a.rotationTask, func(tx kv.Tx, call *gate.Call, secret *Secret) (bool, error) {
		if !a.wanted(secret) {
			return false, nil
		}
		run := secret.Rotation.Run
		current, _ := secret.Versions.holder(stageCurrent)
		switch {
		case !secret.Deleted.IsZero():
			secret.drop()
		case failed == nil && run.Test:
			call.Event(secret.event(run.eventName("RotationSucceeded")))
			secret.drop()
		case failed == nil && current == a.Token:
			secret.succeed(call)
			secret.Changed = call.Time.UTC()
		default:
			e := secret.event(run.eventName("RotationFailed"))
			e.ErrorMessage = a.explain(failed)
			call.Event(e)
			if again, err := secret.again(tx, call.Time); err != nil || again {
				return true, err
			}
		}
		return true, s.plan(tx, call, secret)
	})
}

// again has a rotation that failed tried once more, after a pause, or gives it up.
func (s *Secret) again(tx kv.Tx, now time.Time) (bool, error) {
	run := s.Rotation.Run
	pause := firstPause << run.Failed
	run.Failed++
	over := !run.Until.IsZero() && !now.Add(pause).Before(run.Until)
	if run.Test || run.Failed == maxTries || over || !s.alive() {
		s.drop()
		s.Rotation.Tried = now.UTC()
		return false, nil
	}
	return true, s.try(tx, now.Add(pause))
}
