// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/coffer-secrets/coffer/internal/bench"
)

// benchRow is one line of the result: an operation, or its floor.
type benchRow struct {
	Name         string  `json:"name"`
	Rate         float64 `json:"callsPerSecond"`
	P50          float64 `json:"p50Milliseconds,omitempty"`
	P99          float64 `json:"p99Milliseconds,omitempty"`
	CPU          float64 `json:"cpuMicrosecondsPerCall,omitempty"`
	Failed       int     `json:"failed"`
	RatioToFloor float64 `json:"ratioToFloor,omitempty"`
}

func row(name string, results []bench.Result) benchRow {
	pick := func(of func(bench.Result) float64) float64 {
		var all []float64
		for _, r := range results {
			all = append(all, of(r))
		}
		return median(all)
	}
	failed := 0
	for _, r := range results {
		failed += r.Failed
	}
	return benchRow{
		Name: name, Rate: pick(bench.Result.PerSecond), Failed: failed,
		P50: pick(func(r bench.Result) float64 { return r.P50.Seconds() * 1e3 }),
		P99: pick(func(r bench.Result) float64 { return r.P99.Seconds() * 1e3 }),
		CPU: pick(func(r bench.Result) float64 { return r.CPUPerCall().Seconds() * 1e6 }),
	}
}

// medianRatio is the median of the rounds' ratios, round by round.
func medianRatio(a, b []bench.Result) float64 {
	var ratios []float64
	for i := range a {
		ratios = append(ratios, a[i].PerSecond()/b[i].PerSecond())
	}
	return median(ratios)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func printBench(w io.Writer, rows []benchRow, f benchFlags) error {
	if f.json {
		return json.NewEncoder(w).Encode(rows)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tcalls/s\tp50 ms\tp99 ms\tCPU us/call\tfailed\tratio to floor\t")
	for _, r := range rows {
		ratio := ""
		if r.RatioToFloor > 0 {
			ratio = fmt.Sprintf("%.2f", r.RatioToFloor)
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%.2f\t%.0f\t%d\t%s\t\n", r.Name, r.Rate, r.P50, r.P99, r.CPU, r.Failed, ratio)
	}
	return t.Flush()
}
