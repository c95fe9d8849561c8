// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"pgregory.net/rapid"
)

// rotationMachine does to one secret whatever can be done to it, with functions that do
// whatever they can, beside what its author can say of labels and values without knowing the
// code.
type rotationMachine struct {
	*world
	name    string
	rotator rotator
	tokens  []string
	deleted bool
	// before are the labels before an operation, byHand whether it moved AWSPREVIOUS itself.
	before map[string][]string
	byHand bool

	mu     sync.Mutex // functions put values, too
	values map[string]string
}

// put notes a value that was stored.
func (m *rotationMachine) put(id, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[id] = value
}

func (m *rotationMachine) token(t *rapid.T) *string {
	if len(m.tokens) > 0 && rapid.IntRange(0, 5).Draw(t, "repeat") == 0 {
		return new(rapid.SampledFrom(m.tokens).Draw(t, "token"))
	}
	m.tokens = append(m.tokens, token(len(m.tokens)+1))
	return &m.tokens[len(m.tokens)-1]
}

func (m *rotationMachine) rotate(t *rapid.T) {
	in := &secretsmanager.RotateSecretInput{
		SecretId: &m.name, ClientRequestToken: m.token(t), RotationLambdaARN: new(functionARN),
		RotateImmediately: new(rapid.IntRange(0, 2).Draw(t, "test") != 0),
	}
	if rapid.Bool().Draw(t, "rules") {
		in.RotationRules = &types.RotationRulesType{ScheduleExpression: new(rapid.SampledFrom([]string{"rate(4 hours)", "rate(2 days)", "cron(0 6 * * ? *)"}).Draw(t, "expression"))}
	}
	_, err := m.RotateSecret(m.ctx, in)
	m.expect(t, err)
}

func (m *rotationMachine) cancelRotation(t *rapid.T) {
	_, err := m.CancelRotateSecret(m.ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &m.name})
	m.expect(t, err)
}

func (m *rotationMachine) putValue(t *rapid.T) {
	stages := rapid.SampledFrom([][]string{nil, {"AWSCURRENT"}, {"AWSPENDING"}, {"blue"}, {"AWSPREVIOUS"}, {"AWSCURRENT", "AWSPENDING"}}).Draw(t, "stages")
	id := *m.token(t)
	_, err := m.PutSecretValue(m.ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &m.name, ClientRequestToken: &id, SecretString: &id, VersionStages: stages,
	})
	if m.expect(t, err) {
		m.put(id, id)
		m.byHand = slices.Contains(stages, "AWSPREVIOUS")
	}
}

func (m *rotationMachine) moveStage(t *rapid.T) {
	ids := slices.Sorted(maps.Keys(m.before))
	if len(ids) == 0 {
		t.Skip("no versions")
	}
	stage := rapid.SampledFrom([]string{"AWSCURRENT", "AWSPENDING", "AWSPENDING", "AWSPREVIOUS", "blue"}).Draw(t, "stage")
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &m.name, VersionStage: &stage}
	for _, id := range ids {
		if slices.Contains(m.before[id], stage) {
			in.RemoveFromVersionId = &id
		}
	}
	if rapid.Bool().Draw(t, "moves") {
		in.MoveToVersionId = new(rapid.SampledFrom(ids).Draw(t, "to"))
	}
	_, err := m.UpdateSecretVersionStage(m.ctx, in)
	m.byHand = m.expect(t, err) && stage == "AWSPREVIOUS"
}

func (m *rotationMachine) remove(t *rapid.T) {
	_, err := m.DeleteSecret(m.ctx, &secretsmanager.DeleteSecretInput{SecretId: &m.name})
	if m.expect(t, err) {
		m.deleted = true
	}
}

func (m *rotationMachine) restore(t *rapid.T) {
	_, err := m.RestoreSecret(m.ctx, &secretsmanager.RestoreSecretInput{SecretId: &m.name})
	if err != nil {
		t.Fatal(err)
	}
	m.deleted = false
}

// expect wants an error of the caller's, if any, and reports whether there is none.
func (m *rotationMachine) expect(t *rapid.T, err error) bool {
	code, _, _ := strings.Cut(fault(err), ":")
	switch code {
	case "no error":
		return true
	case "InvalidRequestException", "InvalidParameterException", "ResourceNotFoundException", "ResourceExistsException":
		return false
	}
	t.Fatal(err)
	return false
}

// work does the jobs that are due, with a function that is as good as it happens to be.
func (m *rotationMachine) work(t *rapid.T) {
	m.lambda.set(functionARN, m.function(t))
	m.Settle()
}

// crash has the worker end in the middle of a step, if the function is run at all, or has
// nothing done.
func (m *rotationMachine) crash(t *rapid.T) {
	f, at := m.function(t), rapid.SampledFrom(allSteps).Draw(t, "stops at")
	reached, once := make(chan struct{}), sync.Once{}
	m.lambda.set(functionARN, func(ctx context.Context, e event) error {
		err := f(ctx, e)
		if e.Step == at {
			once.Do(func() { close(reached) })
			<-ctx.Done()
		}
		return err
	})
	m.SettleUntil(reached)
}

func (m *rotationMachine) wait(t *rapid.T) {
	m.Clock.Advance(rapid.SampledFrom([]time.Duration{time.Minute, time.Minute, 10 * time.Minute, 5 * time.Hour, 26 * time.Hour, -time.Hour}).Draw(t, "for"))
}

// function draws what the function does: as it should, nothing, an error at a step or after
// it, or something else with labels.
func (m *rotationMachine) function(t *rapid.T) function {
	at := rapid.SampledFrom(allSteps).Draw(t, "at")
	good := func(ctx context.Context, e event) error {
		if err := m.rotator.rotate(ctx, e); err != nil {
			return err
		}
		if value, err := m.rotator.pending(ctx, e); err == nil && e.Step == "createSecret" {
			m.put(e.ClientRequestToken, value)
		}
		return nil
	}
	switch rapid.SampledFrom([]string{"good", "good", "good", "idle", "fails", "fails late", "unpends", "one step", "panics"}).Draw(t, "function") {
	case "idle":
		return func(context.Context, event) error { return nil }
	case "fails":
		return func(ctx context.Context, e event) error {
			if e.Step == at {
				return errors.New("failed")
			}
			return good(ctx, e)
		}
	case "fails late":
		return func(ctx context.Context, e event) error {
			err := good(ctx, e)
			if e.Step == at {
				return errors.New("failed")
			}
			return err
		}
	case "unpends":
		return func(ctx context.Context, e event) error {
			if e.Step != at {
				return good(ctx, e)
			}
			_, err := m.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: &e.SecretId, VersionStage: new("AWSPENDING"), RemoveFromVersionId: &e.ClientRequestToken,
			})
			return err
		}
	case "one step":
		return func(ctx context.Context, e event) error {
			_, err := m.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &e.SecretId, ClientRequestToken: &e.ClientRequestToken, SecretString: new("one")})
			if err == nil {
				m.put(e.ClientRequestToken, "one")
			}
			return nil
		}
	case "panics":
		return func(context.Context, event) error { panic("of the function") }
	}
	return good
}

// check is what always holds.
func (m *rotationMachine) check(t *rapid.T) {
	out, err := m.DescribeSecret(m.ctx, &secretsmanager.DescribeSecretInput{SecretId: &m.name})
	if err != nil {
		t.Fatal(err)
	}
	now := out.VersionIdsToStages
	m.mu.Lock()
	values := maps.Clone(m.values)
	m.mu.Unlock()
	for _, stage := range []string{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "blue"} {
		if h := holders(now, stage); len(h) > 1 {
			t.Fatalf("%s is on %q", stage, h)
		}
	}
	current, was := one(holders(now, "AWSCURRENT")), one(holders(m.before, "AWSCURRENT"))
	switch {
	case current == "" && len(values) > 0:
		t.Fatalf("there is a value, and none is current: %v", now)
	case current != "" && values[current] == "":
		t.Fatalf("version %s is current, and has no value", current)
	case was != "" && current != was && !m.byHand && one(holders(now, "AWSPREVIOUS")) != was:
		t.Fatalf("AWSCURRENT went from %s to %s, and AWSPREVIOUS is on %q", was, current, holders(now, "AWSPREVIOUS"))
	}
	m.before, m.byHand = now, false
	if m.deleted {
		return
	}
	for id, value := range values {
		got, err := m.GetSecretValue(m.ctx, &secretsmanager.GetSecretValueInput{SecretId: &m.name, VersionId: &id})
		if err != nil || *got.SecretString != value {
			t.Fatalf("the value of version %s is lost: %v", id, err)
		}
	}
}

// holders are the versions with the label.
func holders(versions map[string][]string, stage string) (ids []string) {
	for id, stages := range versions {
		if slices.Contains(stages, stage) {
			ids = append(ids, id)
		}
	}
	return ids
}

func one(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

func TestNothingIsLostInRotations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, n := w.rotator(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		w.lambda.set(functionARN, r.rotate)
		m := &rotationMachine{world: w, name: "secret-" + strconv.Itoa(n), rotator: r, values: map[string]string{}}
		in := &secretsmanager.CreateSecretInput{Name: &m.name}
		if rapid.IntRange(0, 4).Draw(t, "empty") > 0 {
			m.tokens = append(m.tokens, token(1))
			in.ClientRequestToken, in.SecretString = new(token(1)), new("first")
			m.values[token(1)] = "first"
		}
		if _, err := w.CreateSecret(w.ctx, in); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: &m.name, ForceDeleteWithoutRecovery: new(true)}); err != nil {
				panic(fmt.Sprint(err))
			}
		}()
		t.Repeat(map[string]func(*rapid.T){
			"rotate": m.rotate, "cancel": m.cancelRotation, "put": m.putValue, "move a label": m.moveStage,
			"delete": m.remove, "restore": m.restore, "work": m.work, "wait": m.wait, "crash": m.crash, "": m.check,
		})
	})
}
