// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// An event is there exactly if what it tells of is, whether a caller did it or a service
// by itself.
func TestWhatIsPublishedIsKeptWithTheEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withUpdate(twice))
	undone := errors.New("undone")
	for name, fail := range map[string]error{"kept": nil, "not kept": undone} {
		err := w.Act(t.Context(), actor(gate.Forwarded{}), func(_ context.Context, tx kv.Tx, call *gate.Call) error {
			if err := call.Publish(tx, "Something", map[string]string{"name": name}, "arn:a"); err != nil {
				return err
			}
			return fail
		})
		if !errors.Is(err, fail) {
			t.Fatal(err)
		}
	}
	var got []events.Event
	if _, err := w.store.View(t.Context(), func(r kv.Reader) error {
		for entry, err := range events.Read(r, account, region, "") {
			if err != nil {
				return err
			}
			got = append(got, entry.Event)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []events.Event{{
		Version: "0", DetailType: "Something", Source: "aws." + secretsmanager.Service.Name, Account: account,
		Time: start, Region: region, Resources: []string{"arn:a"}, Detail: []byte(`{"name":"kept"}`),
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(events.Event{}, "ID")); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	if len(got) > 0 && len(got[0].ID) != 36 {
		t.Errorf("its id is %q", got[0].ID)
	}
}

func TestADetailThatIsNoJSONIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if err := w.Act(t.Context(), actor(gate.Forwarded{}), func(_ context.Context, tx kv.Tx, call *gate.Call) error {
		return call.Publish(tx, "Something", func() {})
	}); err == nil {
		t.Error("it was published")
	}
}
