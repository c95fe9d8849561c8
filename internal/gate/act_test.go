// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

func actor(as gate.Forwarded) gate.Actor {
	return gate.Actor{Service: secretsmanager.Service, Account: account, Region: region, As: as}
}

// generate is what the tests' actors do: a nested call, an effect, an event.
func generate(key string) func(context.Context, kv.Tx, *gate.Call) error {
	return func(ctx context.Context, tx kv.Tx, call *gate.Call) error {
		if _, err := gate.Invoke(ctx, call.In("us-east-1"), tx, kms.GenerateDataKey, &kms.GenerateDataKeyInput{KeyId: &key}); err != nil {
			return err
		}
		call.Event(gate.Event{
			Name: "RotationStarted", Target: gate.Target{ARN: call.ARN("secretsmanager", "secret:a"), Type: "AWS::SecretsManager::Secret"},
			Details: map[string]string{"SecretId": "a"},
		})
		return tx.Put("done/"+key, []byte("x"))
	}
}

// TestActForACaller holds that a service acts with the permissions of who asked, where
// it says, and that all of it is recorded with the effect.
func TestActForACaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withUpdate(twice))
	bindNested(w)
	if err := w.Act(t.Context(), actor(gate.Forwarded{AccessKeyID: keyID}), generate("k")); err != nil {
		t.Fatal(err)
	}
	if w.value("done/k") != "x" || w.value("key/k") != "x" {
		t.Error("it has no effect")
	}
	records := w.records()
	if len(records) != 2 {
		t.Fatalf("recorded %s", show(records))
	}
	inner, event := records[0], records[1]
	if inner.EventName != "GenerateDataKey" || inner.AWSRegion != "us-east-1" || inner.ErrorCode != "" ||
		inner.UserIdentity.InvokedBy != "secretsmanager.amazonaws.com" || inner.UserIdentity.AccessKeyID != keyID || inner.UserIdentity.Type != "Root" {
		t.Errorf("the nested call's record is %s", inner.Line)
	}
	if event.EventName != "RotationStarted" || event.EventType != audit.TypeServiceEvent || event.AWSRegion != region ||
		event.UserIdentity.Type != "AWSService" || event.UserIdentity.InvokedBy != "secretsmanager.amazonaws.com" ||
		event.UserIdentity.AccessKeyID != "" || string(event.AdditionalEventData) != `{"SecretId":"a"}` ||
		len(event.Resources) != 1 || event.RequestID != inner.RequestID {
		t.Errorf("the event's record is %s", event.Line)
	}
}

// TestActIsRefused holds that neither a service by itself, nor a caller without the
// permission, nor one whose key is gone gets anything done, and that refused calls are
// recorded all the same.
func TestActIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		as      gate.Forwarded
		change  func(*world)
		records int
	}{
		"the service":    {gate.Forwarded{}, func(*world) {}, 1},
		"no permission":  {gate.Forwarded{AccessKeyID: keyID}, func(w *world) { w.directory.as(w.t) }, 1},
		"key is gone":    {gate.Forwarded{AccessKeyID: "AKIAGONE"}, func(*world) {}, 0},
		"key is off":     {gate.Forwarded{AccessKeyID: keyID}, func(w *world) { w.directory.known[keyID].Inactive = true }, 0},
		"directory down": {gate.Forwarded{AccessKeyID: keyID}, func(w *world) { w.directory.seen = broken }, 0},
	} {
		w := newWorld(t, nil)
		bindNested(w)
		c.change(w)
		err := w.Act(t.Context(), actor(c.as), generate("k"))
		if err == nil || w.value("done/k") != "" || w.value("key/k") != "" {
			t.Errorf("%s: it was done: %v", name, err)
		}
		if name != "directory down" && !api.AccessDeniedException.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
		records := w.records()
		if len(records) != c.records || (len(records) > 0 && records[0].ErrorCode != "AccessDeniedException" && records[0].ErrorCode != "AccessDenied") {
			t.Errorf("%s: recorded %s", name, show(records))
		}
	}
}

func broken(int, *gate.Credential) (*gate.Credential, error) {
	return nil, errors.New("a damaged record")
}

// TestActThatFails holds that nothing of it is kept but the records of its calls, and
// that without a log nothing is done.
func TestActThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	bindNested(w)
	as := actor(gate.Forwarded{AccessKeyID: keyID})
	failed := errors.New("failed at the end")
	for name, fail := range map[string]func() error{"error": func() error { return failed }, "panic": func() error { panic("hidden") }} {
		err := w.Act(t.Context(), as, func(ctx context.Context, tx kv.Tx, call *gate.Call) error {
			return errors.Join(generate(name)(ctx, tx, call), fail())
		})
		if err == nil || strings.Contains(err.Error(), "hidden") && name == "error" || w.value("done/"+name) != "" || w.value("key/"+name) != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	records := w.records() // closes the log
	if len(records) != 2 || records[0].EventName != "GenerateDataKey" || records[0].ErrorCode == "" {
		t.Errorf("recorded %s", show(records))
	}
	if err := w.Act(t.Context(), as, generate("late")); !api.ServiceUnavailable.Is(err) || w.value("done/late") != "" {
		t.Errorf("without a log: %v", err)
	}
}

// TestEventsOfACall holds that an event of a call comes after its record, and only if
// the call succeeds.
func TestEventsOfACall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gate.Write(w.Gate, secretsmanager.PutSecretValue, namedPut(), func(_ context.Context, _ kv.Tx, call *gate.Call, in *putIn) (*putOut, error) {
		call.Event(gate.Event{Name: "SecretVersionDeletion", ErrorCode: "Failed", ErrorMessage: "because"})
		if *in.SecretId == "fails" {
			return nil, secretsmanager.ResourceExistsException.New("No.")
		}
		if got := call.Forward(); got.AccessKeyID != keyID {
			t.Errorf("the caller is forwarded as %+v", got)
		}
		return &putOut{}, nil
	})
	w.call(put, `{"SecretId":"a","SecretString":"s"}`)
	w.call(put, `{"SecretId":"fails","SecretString":"s"}`)
	var names []string
	records := w.records()
	for _, r := range records {
		names = append(names, r.EventName+" "+r.ErrorCode)
	}
	if got := strings.Join(names, ", "); got != "PutSecretValue , SecretVersionDeletion Failed, PutSecretValue ResourceExistsException" {
		t.Errorf("recorded %s", show(records))
	}
}

// TestJobsAreBoundOnce holds that no kind has two handlers.
func TestJobsAreBoundOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.Job("a", jobs.Handler{})
	if got := w.Jobs(); len(got) != 3 || got[jobs.KindErase].Do == nil || got[events.KindTrim].Do == nil {
		t.Errorf("the handlers are %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a second handler was bound")
		}
	}()
	w.Job("a", jobs.Handler{})
}
