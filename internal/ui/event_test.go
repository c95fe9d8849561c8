// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/ui"
)

func TestEvent(t *testing.T) {
	t.Parallel()
	for detail, want := range map[string]string{
		`{"operation":"Create","name":"/a","n":[1,{"x":2}]}`:      `  operation=Create  name=/a  n=[1,{"x":2}]`,
		`{"description":"two words","":"","\u001b":"\u001b[31m"}`: `  description="two words"  ""=""  "\x1b"="\x1b[31m"`,
		`{"a":1,`: `  a=1`,
		`[1]`:     ``,
		``:        ``,
	} {
		var b bytes.Buffer
		err := ui.Event(&b, &events.Event{
			Time: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), Source: "aws.ssm", DetailType: "Parameter Store Change",
			Resources: []string{"arn:a"}, Detail: []byte(detail),
		})
		if want = "2026-11-21T09:00:00Z  aws.ssm  Parameter Store Change  arn:a" + want + "\n"; err != nil || b.String() != want {
			t.Errorf("%s: %q, %v, want %q", detail, b.String(), err, want)
		}
	}
}
