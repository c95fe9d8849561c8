// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Invoker runs the functions that rotate secrets. It is used concurrently.
type Invoker interface {
	// Known reports whether there is a function of that ARN.
	Known(arn string) bool
	// Invoke runs a function with an event of JSON, and returns nil when it has succeeded.
	// It bounds the function's time. Its errors are recorded: they have nothing in them of
	// what the function was given, or said.
	Invoke(ctx context.Context, arn string, payload []byte) error
}

// The steps of a rotation, in their order, and of a test (User Guide, "Four steps in a
// rotation function").
var (
	rotationSteps = []string{"createSecret", "setSecret", stepTest, "finishSecret"}
	testSteps     = []string{stepTest}
)

const stepTest = "testSecret"

const (
	// maxStep bounds a step together with its wait for other invocations of the function.
	// The function's own bound is smaller.
	maxStep = time.Hour
	// maxReason bounds what is recorded of an error, in bytes.
	maxReason = 256
)

// stepEvent is what a function is invoked with (User Guide, "Rotation by Lambda function").
type stepEvent struct {
	Step               string
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	RotationToken      string
}

var (
	errStepTimedOut = errors.New("the function did not end in time")
	errStepPanicked = errors.New("the function could not be run")
	// errUnwanted is about a rotation that was canceled, or whose secret was deleted.
	errUnwanted = errors.New("the rotation was not to go on")
)

// invoke has the function take a step.
func (s *Service) invoke(ctx context.Context, a *attempt, step string) (err error) {
	payload, err := json.Marshal(stepEvent{step, a.arn, a.Token, a.proof})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxStep, errStepTimedOut)
	defer cancel()
	defer func() {
		if recover() != nil { // the value may quote the event
			err = errStepPanicked
		}
	}()
	if s.functions == nil {
		return errNoInvoke
	}
	err = s.functions.Invoke(ctx, a.function, payload)
	if err != nil && errors.Is(context.Cause(ctx), errStepTimedOut) {
		return errStepTimedOut
	}
	return err
}

// explain tells why a try failed, in the words of AWS's records and more.
func (a *attempt) explain(f *fault) string {
	if f == nil {
		return fmt.Sprintf("Lambda %s took all steps, and version %s is not %s", a.function, a.Token, stageCurrent)
	}
	reason := strings.TrimPrefix(f.err.Error(), "function "+a.function+": ")
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return fmt.Sprintf("Error when executing lambda %s during %s step: %s", a.function, f.step, reason)
}

// holds lets one try at a secret be made at a time: one that nobody wants any more may still
// wait for its function when the next begins. The zero value is ready.
type holds struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when it is released
}

// hold waits until nobody holds the key, and returns what releases it.
func (h *holds) hold(ctx context.Context, key string) (release func(), err error) {
	for {
		h.mu.Lock()
		other, held := h.held[key]
		if !held {
			mine := make(chan struct{})
			if h.held == nil {
				h.held = map[string]chan struct{}{}
			}
			h.held[key] = mine
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				delete(h.held, key)
				h.mu.Unlock()
				close(mine)
			}, nil
		}
		h.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
