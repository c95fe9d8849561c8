// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/server"
)

var update = flag.Bool("update", false, "write docs/operations.md anew")

const (
	operationsFile  = "../../docs/operations.md"
	operationsBegin = "<!-- made from the tables by go test ./internal/server -run TestOperationsDocument -update -->\n"
	operationsEnd   = "<!-- end of what is made -->\n"
)

// TestOperationsDocument holds docs/operations.md to what the server serves.
func TestOperationsDocument(t *testing.T) {
	t.Parallel()
	s, err := server.Open(t.Context(), server.Config{Data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text, err := os.ReadFile(operationsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), operationsBegin)
	_, after, ok2 := strings.Cut(rest, operationsEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks around what is made", operationsFile)
	}
	want := before + operationsBegin + operations(s) + operationsEnd + after
	if *update {
		if err := os.WriteFile(operationsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, string(text)); diff != "" && !*update {
		t.Errorf("%s is not what the server serves; run this test with -update (-want +got):\n%s", operationsFile, diff)
	}
}

// operations is the document's tables: one a service, a row an operation.
func operations(s *server.Server) string {
	var b strings.Builder
	var service *api.Service
	served, all := map[*api.Service]int{}, map[*api.Service]int{}
	for _, op := range s.Operations() {
		all[op.Service]++
		if op.Bound {
			served[op.Service]++
		}
	}
	for _, op := range s.Operations() {
		if op.Service != service {
			service = op.Service
			fmt.Fprintf(&b, "\n## %s: %d of %d\n\n| operation | served | access level | IAM actions |\n| --- | --- | --- | --- |\n",
				service.Title, served[service], all[service])
		}
		if !op.Bound {
			fmt.Fprintf(&b, "| %s | not yet | | |\n", op.Name)
			continue
		}
		fmt.Fprintf(&b, "| **%s** | yes | %s | `%s` |\n", op.Name, op.Access, strings.Join(op.Actions, "`, `"))
	}
	return b.String()
}
