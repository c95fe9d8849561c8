// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/ui"
)

func TestAPipeGetsNoColour(t *testing.T) {
	t.Parallel()
	p := ui.For(new(bytes.Buffer))
	if got := p.Red("a") + p.Green("b") + p.Bold("c") + p.Dim("d"); got != "abcd" {
		t.Errorf("%q", got)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for want, e := range map[string]audit.Event{
		"2026-11-21T09:00:00Z  kms:Decrypt  ok  arn:aws:iam::1:root via ssm.amazonaws.com  arn:k\n": {
			EventTime: at, EventSource: "kms.amazonaws.com", EventName: "Decrypt",
			UserIdentity: audit.UserIdentity{ARN: "arn:aws:iam::1:root", InvokedBy: "ssm.amazonaws.com"},
			Resources:    []audit.Resource{{ARN: "arn:k"}},
		},
		"2026-11-21T09:00:00Z  sts:GetCallerIdentity  SignatureDoesNotMatch  AKIA\n": {
			EventTime: at, EventSource: "sts.amazonaws.com", EventName: "GetCallerIdentity", ErrorCode: "SignatureDoesNotMatch",
			UserIdentity: audit.UserIdentity{AccessKeyID: "AKIA"},
		},
		"2026-11-21T09:00:00Z  -  MissingAuthenticationTokenException  -\n": {
			EventTime: at, ErrorCode: "MissingAuthenticationTokenException",
		},
	} {
		var b bytes.Buffer
		if err := ui.Record(&b, audit.Record{Event: e}); err != nil || b.String() != want {
			t.Errorf("%q, %v, want %q", b.String(), err, want)
		}
	}
}
