// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/bench"
	"github.com/coffer-secrets/coffer/internal/client"
)

type benchFlags struct {
	addr       string
	operations []string
	rounds     int
	json       bool
	options    bench.Options
}

func benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a server on this machine",
		Long: `Drive a server over loopback with signed requests, and print its rate, latencies and
processor time a call.

Without --address it starts a server of its own on a temporary directory, and
beside it, in turns with each operation, a floor: a bare net/http handler that
verifies the same signature, opens one envelope and appends one audit line. For
PutSecretValue the floor is bbolt alone with as many writers. With --address it drives a
server that runs, with the credentials of the environment, and no floor.`,
		Example: `  coffer bench
  coffer bench --operations PutSecretValue --connections 64
  coffer bench --rate 1000 --json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "address", "", "HOST:PORT of a server that runs")
	flags.StringSliceVar(&f.operations, "operations", nil, "operations to measure (default all: "+strings.Join(workloadNames(), ", ")+")")
	flags.IntVar(&f.options.Connections, "connections", 16, "connections, each with one call under way")
	flags.IntVar(&f.options.Rate, "rate", 0, "calls a second to start, whatever the answers take; 0 means as fast as answers come")
	flags.DurationVar(&f.options.Duration, "duration", 3*time.Second, "how long each round of each operation takes")
	flags.IntVar(&f.rounds, "rounds", 3, "rounds; the median is shown")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runBench(cmd, f) }
	cmd.AddCommand(benchFloorCommand(), benchScaleCommand())
	return cmd
}

func workloadNames() []string {
	var names []string
	for _, w := range bench.Workloads {
		names = append(names, w.Name)
	}
	return names
}

func (f *benchFlags) check() error {
	for _, name := range f.operations {
		if !slices.Contains(workloadNames(), name) {
			return usageError{fmt.Errorf("--operations %s: one of %s", name, strings.Join(workloadNames(), ", "))}
		}
	}
	if o := f.options; o.Connections < 1 || o.Connections > 1024 || o.Rate < 0 || o.Duration <= 0 || f.rounds < 1 {
		return usageError{errors.New("want 1 to 1024 connections, at least one round, and a time above zero")}
	}
	return nil
}

func runBench(cmd *cobra.Command, f benchFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx := cmd.Context()
	target, floor, stop, err := f.targets(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer stop()
	c, err := client.New(client.Config{
		Endpoint: "http://" + target.Addr, Region: target.Region, Credentials: client.Static(target.Credentials),
	})
	if err != nil {
		return err
	}
	var rows []benchRow
	for _, w := range bench.Workloads {
		if len(f.operations) > 0 && !slices.Contains(f.operations, w.Name) {
			continue
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s ...\n", w.Name)
		side, err := bench.NewSide(ctx, w, target, c, f.options.Connections)
		if err != nil {
			return err
		}
		more, err := f.measure(ctx, side, floor)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	return printBench(cmd.OutOrStdout(), rows, f)
}

// measure runs one operation, in turns with its floor if there is one.
func (f *benchFlags) measure(ctx context.Context, side bench.Side, floor *bench.Target) ([]benchRow, error) {
	if floor == nil {
		results, err := bench.Compare(ctx, []bench.Side{side}, f.options, f.rounds)
		return []benchRow{row(side.Name, results[0])}, err
	}
	if side.Name == "PutSecretValue" {
		return f.measureWrites(ctx, side)
	}
	sources := make([]bench.Source, f.options.Connections)
	for i := range sources {
		sources[i] = bench.FloorSource(*floor)
	}
	results, err := bench.Compare(ctx, []bench.Side{{Name: "floor", Addr: floor.Addr, Sources: sources}, side}, f.options, f.rounds)
	if err != nil {
		return nil, err
	}
	rows := []benchRow{row("  floor", results[0]), row(side.Name, results[1])}
	rows[1].RatioToFloor = medianRatio(results[1], results[0])
	return rows, nil
}

func (f *benchFlags) measureWrites(ctx context.Context, side bench.Side) ([]benchRow, error) {
	dir, err := os.MkdirTemp("", "coffer-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var rates, ratios []float64
	var results []bench.Result
	for i := range f.rounds {
		sub, err := os.MkdirTemp(dir, fmt.Sprint(i))
		if err != nil {
			return nil, err
		}
		bare, err := bench.Commits(ctx, sub, f.options.Connections, f.options.Duration)
		if err != nil {
			return nil, err
		}
		r, err := bench.Compare(ctx, []bench.Side{side}, f.options, 1)
		if err != nil {
			return nil, err
		}
		rates, results = append(rates, bare), append(results, r[0]...)
		ratios = append(ratios, r[0][0].PerSecond()/bare)
	}
	rows := []benchRow{{Name: "  bbolt alone", Rate: median(rates)}, row(side.Name, results)}
	rows[1].RatioToFloor = median(ratios)
	return rows, nil
}
