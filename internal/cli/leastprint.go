// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/coffer-secrets/coffer/internal/usage"
)

// least is the result of coffer least-privilege.
type least struct {
	Principal string         `json:"principal"`
	Since     time.Time      `json:"since,omitzero"`
	Uses      []usage.Use    `json:"uses"`
	Policy    usage.Document `json:"policy"`
	Granted   []usage.Grant  `json:"granted"`
}

func (l *least) print(w io.Writer, granted bool) error {
	if len(l.Uses) == 0 {
		fmt.Fprintf(w, "%s used nothing.\n", l.Principal)
	} else {
		calls := 0
		for _, u := range l.Uses {
			calls += u.Count
		}
		fmt.Fprintf(w, "%s used this, in %s:\n\n", l.Principal, counted(calls))
		if err := printJSON(w, l.Policy); err != nil {
			return err
		}
	}
	if !granted {
		return nil
	}
	if len(l.Granted) == 0 {
		fmt.Fprintln(w, "\nNo identity-based policy grants it anything.")
		return nil
	}
	fmt.Fprintln(w, "\nIt is granted:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "POLICY\tOF\tSTATEMENT\tACTION\tUSED\tUNUSED")
	for _, g := range l.Granted {
		of := g.Holder[strings.LastIndexByte(g.Holder, ':')+1:]
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\n", g.Policy, of, g.Number, g.Action, len(g.Used), len(g.Unused))
	}
	return t.Flush()
}

// idle is a principal that used nothing.
type idle struct {
	Principal string `json:"principal"`
	// Policies is how many it has.
	Policies int `json:"policies"`
}

// printIdle lists who used nothing.
func (f *leastFlags) printIdle(w io.Writer, used usage.Usage, people []person) error {
	all := []idle{}
	for _, p := range people {
		if len(used[p.arn]) == 0 {
			all = append(all, idle{p.arn, len(p.policies)})
		}
	}
	if f.json {
		return printJSON(w, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(w, "Every user and role used something.")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "USED NOTHING\tPOLICIES")
	for _, i := range all {
		fmt.Fprintf(t, "%s\t%d\n", i.Principal, i.Policies)
	}
	return t.Flush()
}

func counted(calls int) string {
	if calls == 1 {
		return "one call"
	}
	return fmt.Sprintf("%d calls", calls)
}
