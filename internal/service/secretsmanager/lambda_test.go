// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// The functions of the tests.
const (
	functionARN = "arn:aws:lambda:" + servicetest.Region + ":" + servicetest.Account + ":function:rotator"
	otherARN    = functionARN + "-2"
)

// event is what Secrets Manager invokes a rotation function with, and all of it.
type event struct{ Step, SecretId, ClientRequestToken, RotationToken string } //nolint:revive // the member's name

// A function does a step.
type function func(context.Context, event) error

// lambda runs functions as a server does, and notes what they are asked.
type lambda struct {
	mu        sync.Mutex
	functions map[string]function
	events    []event
}

// set makes a function, or another one in its place; nil takes it away.
func (l *lambda) set(arn string, f function) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.functions[arn] = f
}

// Known implements the service's Invoker.
func (l *lambda) Known(arn string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.functions[arn] != nil
}

// Invoke implements the service's Invoker.
func (l *lambda) Invoke(ctx context.Context, arn string, payload []byte) error {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	l.mu.Lock()
	f := l.functions[arn]
	l.events = append(l.events, e)
	l.mu.Unlock()
	if f == nil {
		return fmt.Errorf("function %s: %w", arn, errUnknown)
	}
	if err := f(ctx, e); err != nil {
		return fmt.Errorf("function %s: %w", arn, err)
	}
	return nil
}

var errUnknown = errors.New("unknown function")

// asked returns what was asked since it was called last.
func (l *lambda) asked() []event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// steps are the steps of events.
func steps(events []event) (all []string) {
	for _, e := range events {
		all = append(all, e.Step)
	}
	return all
}

// A rotator does what AWS's rotation function templates do, and asks before what they ask:
// that rotation is enabled, and the version has AWSPENDING. What it sets is the current
// value with an exclamation mark.
type rotator struct{ *secretsmanager.Client }

func (r rotator) rotate(ctx context.Context, e event) error {
	secret, err := r.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretId})
	if err != nil {
		return err
	}
	if secret.RotationEnabled == nil || !*secret.RotationEnabled {
		return errors.New("not enabled for rotation")
	}
	stages, known := secret.VersionIdsToStages[e.ClientRequestToken]
	switch {
	case !known:
		return errors.New("the version has no stage for rotation")
	case slices.Contains(stages, "AWSCURRENT"):
		return nil
	case !slices.Contains(stages, "AWSPENDING"):
		return errors.New("the version is not set as AWSPENDING")
	}
	switch e.Step {
	case "createSecret":
		return r.createSecret(ctx, e)
	case "testSecret":
		_, err := r.pending(ctx, e)
		return err
	case "finishSecret":
		return r.finishSecret(ctx, e, secret.VersionIdsToStages)
	}
	return nil
}

func (r rotator) createSecret(ctx context.Context, e event) error {
	now, err := r.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &e.SecretId, VersionStage: new("AWSCURRENT")})
	if err != nil {
		return err
	}
	if _, err := r.pending(ctx, e); err == nil {
		return nil
	} else if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		return err
	}
	_, err = r.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &e.SecretId, ClientRequestToken: &e.ClientRequestToken, RotationToken: &e.RotationToken,
		SecretString: new(*now.SecretString + "!"), VersionStages: []string{"AWSPENDING"},
	})
	return err
}

func (r rotator) pending(ctx context.Context, e event) (string, error) {
	out, err := r.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId: &e.SecretId, VersionId: &e.ClientRequestToken, VersionStage: new("AWSPENDING"),
	})
	if err != nil {
		return "", err
	}
	return *out.SecretString, nil
}

func (r rotator) finishSecret(ctx context.Context, e event, versions map[string][]string) error {
	for id, stages := range versions {
		if slices.Contains(stages, "AWSCURRENT") {
			_, err := r.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: &e.SecretId, VersionStage: new("AWSCURRENT"), MoveToVersionId: &e.ClientRequestToken, RemoveFromVersionId: &id,
			})
			return err
		}
	}
	return errors.New("no version is current")
}

// rotator makes a function that rotates, in the name of a user who may do that, and no more.
func (w *world) rotator() rotator {
	w.t.Helper()
	return rotator{w.as("rotator",
		servicetest.Allow("*", "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"),
		servicetest.Allow("*", "kms:Decrypt", "kms:GenerateDataKey"))}
}

// failing is a function that rotates up to a step, and fails there.
func (r rotator) failing(at string) function {
	return func(ctx context.Context, e event) error {
		if e.Step == at {
			return errors.New("the function failed: DatabaseError")
		}
		return r.rotate(ctx, e)
	}
}
