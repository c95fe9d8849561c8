// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/coffer-secrets/coffer/internal/invoke"
	"github.com/coffer-secrets/coffer/internal/ui"
)

// printer shows what comes of invocations.
type printer struct {
	out, errOut io.Writer
	paint       ui.Paint // of errOut
	json        bool
}

// line prints what function or extension log.
func (p printer) line(source, line string) {
	fmt.Fprintf(p.errOut, "%s %s\n", p.paint.Dim(source+":"), line)
}

// report prints the response, and about it a line in the form of Lambda's own reports, with
// one below it for each answer of the extension.
func (p printer) report(r *invoke.Report) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(r)
	}
	for _, a := range r.Extension {
		fmt.Fprintln(p.errOut, p.paint.Dim("asked:"), p.answer(a))
	}
	fields := []string{"RequestId: " + r.RequestID, fmt.Sprintf("Duration: %.2f ms", r.DurationMs)}
	if r.InitDurationMs > 0 {
		fields = append(fields, fmt.Sprintf("Init Duration: %.2f ms", r.InitDurationMs))
	}
	if r.RestoreDurationMs > 0 {
		fields = append(fields, fmt.Sprintf("Restore Duration: %.2f ms", r.RestoreDurationMs))
	}
	fields = append(fields, fmt.Sprintf("Memory Size: %d MB", r.MemorySizeMB))
	if r.FunctionError != "" {
		fields = append(fields, "Error: "+p.paint.Red(r.ErrorType))
	}
	if r.Reset != "" {
		fields = append(fields, "Environment ended: "+p.paint.Red(r.Reset))
	}
	fmt.Fprintln(p.errOut, p.paint.Bold("REPORT"), strings.Join(fields, "  "))
	_, err := fmt.Fprintln(p.out, string(r.Payload))
	return err
}

// answer is one line on a request and its answer.
func (p printer) answer(a invoke.Answer) string {
	said := fmt.Sprint(a.Status)
	switch {
	case a.Status == 0:
		said = p.paint.Red("no answer")
	case a.ErrorCode != "":
		said = p.paint.Red(said + " " + a.ErrorCode)
	case a.Status >= 400:
		said = p.paint.Red(said)
	case a.Cache != "":
		said += " " + a.Cache + ", age " + a.Age + " s"
	}
	return fmt.Sprintf("%s -> %s, %.2f ms", a.Request, said, a.Milliseconds)
}
