// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
)

// Record writes one audit record as a line: time, call, outcome, principal, resources.
func Record(w io.Writer, r audit.Record) error {
	p := For(w)
	who := r.UserIdentity.ARN
	if who == "" {
		who = r.UserIdentity.AccessKeyID
	}
	if who == "" {
		who = "-"
	}
	if r.UserIdentity.InvokedBy != "" {
		who += " via " + r.UserIdentity.InvokedBy
	}
	outcome := p.Green("ok")
	if r.ErrorCode != "" {
		outcome = p.Red(r.ErrorCode)
	}
	var what []string
	for _, res := range r.Resources {
		what = append(what, res.ARN)
	}
	call := "-"
	if r.EventName != "" {
		call = strings.TrimSuffix(r.EventSource, ".amazonaws.com") + ":" + r.EventName
	}
	line := fmt.Sprintf("%s  %s  %s  %s  %s", p.Dim(r.EventTime.Format(time.RFC3339)),
		p.Bold(call), outcome, who, strings.Join(what, " "))
	_, err := fmt.Fprintln(w, strings.TrimRight(line, " "))
	return err
}
