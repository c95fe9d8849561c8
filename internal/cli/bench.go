// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/bench"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
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
	cmd.AddCommand(benchFloorCommand())
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

// targets starts what is to be measured, each in a process of its own, or returns
// what the flags name. stop ends the processes.
func (f *benchFlags) targets(ctx context.Context, log io.Writer) (t bench.Target, floor *bench.Target, stop func(), err error) {
	if f.addr != "" {
		provider, err := client.FromEnvironment(os.Getenv, time.Now)
		if err != nil {
			return t, nil, nil, err
		}
		credentials, err := provider.Retrieve(ctx)
		region := os.Getenv("AWS_REGION")
		if region == "" {
			region = "us-east-1"
		}
		return bench.Target{Addr: f.addr, Credentials: credentials, Region: region}, nil, func() {}, err
	}
	t, stopServer, err := startChild(ctx, log, "dev", "--listen", "127.0.0.1:0")
	if err != nil {
		return t, nil, nil, err
	}
	other, stopFloor, err := startChild(ctx, log, "bench", "floor")
	if err != nil {
		stopServer()
		return t, nil, nil, err
	}
	return t, &other, func() { stopServer(); stopFloor() }, nil
}

// startChild runs this program with other arguments, and reads the exports that it
// prints when it is ready.
func startChild(ctx context.Context, log io.Writer, args ...string) (t bench.Target, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return t, nil, err
	}
	child := exec.CommandContext(ctx, self, args...)
	child.Stderr = log
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	out, err := child.StdoutPipe()
	if err != nil {
		return t, nil, err
	}
	if err := child.Start(); err != nil {
		return t, nil, err
	}
	stop = func() {
		_ = child.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = child.Wait()                          // its status says nothing more
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		switch name {
		case "AWS_ENDPOINT_URL":
			t.Addr = strings.TrimPrefix(value, "http://")
		case "AWS_ACCESS_KEY_ID":
			t.Credentials.AccessKeyID = value
		case "AWS_SECRET_ACCESS_KEY":
			t.Credentials.SecretAccessKey = secret.FromString(value)
		case "AWS_DEFAULT_REGION":
			t.Region = value
			return t, stop, nil
		}
	}
	stop()
	return t, nil, fmt.Errorf("coffer %s ended before it was ready", strings.Join(args, " "))
}

// benchFloorCommand is the floor's process.
func benchFloorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "floor", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "coffer-floor-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			key := sigv4.Credentials{AccessKeyID: "AKIAFLOORFLOORFLOOR0", SecretAccessKey: secret.FromString("floor-secret-access-key")}
			fmt.Fprintf(cmd.OutOrStdout(), "AWS_ENDPOINT_URL=http://%s\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nAWS_DEFAULT_REGION=us-east-1\n",
				l.Addr(), key.AccessKeyID, key.SecretAccessKey.RevealString())
			return bench.ServeFloor(cmd.Context(), l, key.SecretAccessKey, dir)
		},
	}
}
