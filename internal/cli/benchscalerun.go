// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/bench"
)

// scaleReport is what a run found, where there is little and where there is much.
type scaleReport struct {
	Few    bench.Population `json:"few"`
	Many   bench.Population `json:"many"`
	Start  comparison       `json:"startSeconds"`
	Memory []memoryRow      `json:"memory"`
	Reads  []comparison     `json:"reads"`
	Writes []comparison     `json:"writes"`
	Pages  []pageRow        `json:"pages"`
}

// comparison is one figure of both: seconds, or calls a second.
type comparison struct {
	Name string  `json:"name"`
	Few  float64 `json:"few"`
	Many float64 `json:"many"`
	// Times is how many times worse it is with many, in the median of the rounds.
	Times float64 `json:"times"`
	// CPU is the server's processor time a call, where that was measured.
	CPUFew  float64 `json:"cpuMicrosecondsFew,omitzero"`
	CPUMany float64 `json:"cpuMicrosecondsMany,omitzero"`
	P99Many float64 `json:"p99MillisecondsMany,omitzero"`
	Failed  int     `json:"failed"`
}

// memoryRow is the memory of the server that has much.
type memoryRow struct {
	When      string  `json:"when"`
	Anonymous float64 `json:"anonymousMB"`
	File      float64 `json:"fileMB"`
}

type pageRow struct {
	Name    string  `json:"name"`
	Took    float64 `json:"milliseconds"`
	Secrets int     `json:"secrets"`
}

// writers are the numbers of connections that writes are measured with.
var writers = []int{1, 16, 64}

// times is how often each page is asked for.
const times = 7

func (f *scaleFlags) measure(cmd *cobra.Command, few, many *populated) (*scaleReport, error) {
	ctx, log := cmd.Context(), cmd.ErrOrStderr()
	report := &scaleReport{Few: few.Population, Many: many.Population}
	fmt.Fprintln(log, "starting ...")
	stop, err := report.starts(ctx, log, few, many, f.rounds)
	defer stop()
	if err != nil {
		return nil, err
	}
	report.remember("after the start", many)
	fmt.Fprintln(log, "the first read of each secret ...")
	first, err := f.first(ctx, few, many)
	if err != nil {
		return nil, err
	}
	report.Reads = append(report.Reads, first)
	for _, name := range bench.ReadNames {
		fmt.Fprintf(log, "%s ...\n", name)
		c, err := f.compare(ctx, func(p *populated) bench.Side { return p.Reads(name, p.Target, f.options.Connections) }, few, many)
		if err != nil {
			return nil, err
		}
		report.Reads = append(report.Reads, c)
	}
	report.remember("after the reads", many)
	fmt.Fprintln(log, "ListSecrets ...")
	if err := report.list(ctx, many); err != nil {
		return nil, err
	}
	report.remember("after the lists", many)
	for _, n := range writers {
		fmt.Fprintf(log, "PutSecretValue, %d connections ...\n", n)
		c, err := f.compare(ctx, func(p *populated) bench.Side { return p.Writes(p.Target, n) }, few, many)
		if err != nil {
			return nil, err
		}
		c.Name = fmt.Sprintf("%s, %d connections", c.Name, n)
		report.Writes = append(report.Writes, c)
	}
	report.remember("after the writes", many)
	return report, nil
}

// starts starts both servers so many times, in turns, and leaves them running. What it
// returns stops them, and is never nil.
func (r *scaleReport) starts(ctx context.Context, log io.Writer, few, many *populated, rounds int) (stop func(), err error) {
	both := []*populated{few, many}
	stop = func() {
		for _, p := range both {
			if p.child != nil {
				p.stop()
				p.child = nil
			}
		}
	}
	took := make([][]float64, len(both))
	for range rounds {
		stop()
		for i, p := range both {
			t, err := p.start(ctx, log)
			if err != nil {
				return stop, err
			}
			took[i] = append(took[i], t.Seconds())
		}
	}
	r.Start = comparison{Name: "start to the first healthy answer, s", Few: median(took[0]), Many: median(took[1])}
	r.Start.Times = r.Start.Many / r.Start.Few
	return stop, nil
}

// maxPass is the longest that reading all secrets once may take.
const maxPass = 10 * time.Minute

// first reads each secret once, which is the first time of that day: what of a read is
// written down comes then.
func (f *scaleFlags) first(ctx context.Context, few, many *populated) (comparison, error) {
	var rates []benchRow
	for _, p := range []*populated{few, many} {
		o := f.options
		o.Duration = maxPass
		results, err := bench.Compare(ctx, []bench.Side{p.Pass(p.Target, o.Connections)}, o, 1)
		if err != nil {
			return comparison{}, err
		}
		rates = append(rates, row("", results[0]))
	}
	c := compared("GetSecretValue, the first of the day", rates[0], rates[1])
	c.Times = c.Few / c.Many
	return c, nil
}

func compared(name string, few, many benchRow) comparison {
	return comparison{
		Name: name, Few: few.Rate, Many: many.Rate, CPUFew: few.CPU, CPUMany: many.CPU,
		P99Many: many.P99, Failed: few.Failed + many.Failed,
	}
}

// compare drives both in turns.
func (f *scaleFlags) compare(ctx context.Context, side func(*populated) bench.Side, few, many *populated) (comparison, error) {
	results, err := bench.Compare(ctx, []bench.Side{side(few), side(many)}, f.options, f.rounds)
	if err != nil {
		return comparison{}, err
	}
	c := compared(side(few).Name, row("", results[0]), row("", results[1]))
	c.Times = medianRatio(results[0], results[1])
	return c, nil
}

func (r *scaleReport) list(ctx context.Context, many *populated) error {
	c, err := many.client()
	if err != nil {
		return err
	}
	pages, err := many.Pages(ctx, c, times)
	for _, p := range pages {
		r.Pages = append(r.Pages, pageRow{p.Name, float64(p.Took) / float64(time.Millisecond), p.Secrets})
	}
	return err
}

// remember notes the server's memory, where the system tells it.
func (r *scaleReport) remember(when string, p *populated) {
	const mb = 1e6
	if m, err := bench.MemoryOf(p.pid); err == nil {
		r.Memory = append(r.Memory, memoryRow{when, float64(m.Anonymous) / mb, float64(m.File) / mb})
	}
}

func (r *scaleReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\t%d\t%d\ttimes\tCPU us/call\tp99 ms\tfailed\t\n", r.Few.Secrets, r.Many.Secrets)
	fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t\t\t\t\n", r.Start.Name, r.Start.Few, r.Start.Many, r.Start.Times)
	for _, c := range append(r.Reads, r.Writes...) {
		fmt.Fprintf(t, "%s, calls/s\t%.0f\t%.0f\t%.2f\t%.0f, %.0f\t%.1f\t%d\t\n", c.Name, c.Few, c.Many, c.Times, c.CPUFew, c.CPUMany, c.P99Many, c.Failed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t, "\nmemory with many\tanonymous MB\tof files MB\t")
	for _, m := range r.Memory {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t\n", m.When, m.Anonymous, m.File)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t, "\nListSecrets with many\tms\tsecrets\t")
	for _, p := range r.Pages {
		fmt.Fprintf(t, "%s\t%.1f\t%d\t\n", p.Name, p.Took, p.Secrets)
	}
	return t.Flush()
}
