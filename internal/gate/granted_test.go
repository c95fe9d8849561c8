// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// bindTarget binds a read whose target is what a test says, and what opens a denial's message.
func bindTarget(w *world, target func() gate.Target, opened *string) {
	gate.Read(w.Gate, secretsmanager.GetSecretValue, gate.Row[getIn]{
		Access: gate.AccessRead, Targets: gate.One(func(context.Context, kv.Reader, *gate.Call, *getIn) (gate.Target, error) { return target(), nil }),
	}, func(context.Context, kv.Reader, *gate.Call, *getIn) (*getOut, error) { return &getOut{}, nil })
	gate.Read(w.Gate, secretsmanager.DescribeSecret, gate.Row[secretsmanager.DescribeSecretInput]{Access: gate.AccessRead, Open: true},
		func(_ context.Context, _ kv.Reader, call *gate.Call, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
			*opened, _ = call.AuthorizationMessage(*in.SecretId)
			return &secretsmanager.DescribeSecretOutput{}, nil
		})
}

// TestGrantsAreAskedForLast holds that a target's grant is asked about only what the
// policies neither allow nor deny, and that one which can't be read lets nobody in.
func TestGrantsAreAskedForLast(t *testing.T) {
	t.Parallel()
	const (
		allow = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
		deny  = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	)
	for name, c := range map[string]struct {
		identity []string
		granted  policy.Grant
		fault    error
		asked    bool
		status   int
	}{
		"allowed":                   {[]string{allow}, policy.NotGranted, nil, false, 200},
		"denied":                    {[]string{allow, deny}, policy.GrantedToPrincipal, nil, false, 400},
		"not granted":               {[]string{}, policy.NotGranted, nil, true, 400},
		"granted":                   {[]string{}, policy.GrantedToPrincipal, nil, true, 200},
		"granted to the account":    {[]string{}, policy.GrantedToAccount, nil, true, 400},
		"a grant that is not there": {[]string{}, policy.GrantedToPrincipal, errors.New("no disk"), true, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, asked, opened := newWorld(t, nil), false, ""
			bindTarget(w, func() gate.Target {
				return gate.Target{ARN: "arn:aws:secretsmanager:us-east-1:" + account + ":secret:a", Granted: func(string) (policy.Grant, error) {
					asked = true
					return c.granted, c.fault
				}}
			}, &opened)
			w.directory.as(t, c.identity...)
			if got := w.call(get, `{"SecretId":"a"}`); got.Status != c.status || asked != c.asked {
				t.Errorf("asked: %v, answered %+v", asked, got)
			}
		})
	}
}

// TestWhatIsHiddenStaysSo holds that neither the answer nor the message for the caller's
// account tells of a resource that is not to be told from none.
func TestWhatIsHiddenStaysSo(t *testing.T) {
	t.Parallel()
	w, opened := newWorld(t, nil), ""
	hidden := api.AccessDeniedException.New("There may be such a thing.")
	bindTarget(w, func() gate.Target {
		return gate.Target{ARN: "arn:aws:secretsmanager:us-east-1:" + elsewhere + ":secret:a", Asked: "a", Refused: hidden}
	}, &opened)
	w.directory.as(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	got := w.call(get, `{"SecretId":"a"}`)
	if got.Message != hidden.Message {
		t.Errorf("answered %+v", got)
	}
	w.call("secretsmanager.DescribeSecret", `{"SecretId":"`+got.Header.Get(gate.MessageHeader)+`"}`)
	if !strings.Contains(opened, `"action":"secretsmanager:GetSecretValue"`) || strings.Contains(opened, elsewhere) {
		t.Errorf("the message is %s", opened)
	}
}
