// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/bench"
	"github.com/coffer-secrets/coffer/internal/client"
)

type scaleFlags struct {
	data       string
	population bench.Population
	few        int
	rounds     int
	json       bool
	options    bench.Options
}

func benchScaleCommand() *cobra.Command {
	var f scaleFlags
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure what many secrets and parameters cost",
		Long: `Fill two data directories, one with many secrets and parameters and one with few,
start a server on each, and measure: the time from the start of the process to the first
healthy answer, memory, reads and writes at random on both in turns, and pages of
ListSecrets.

The directories are filled by calls like any other, within the process. With --data they are
kept, and used again when they have what the flags say.`,
		Example: `  coffer bench scale
  coffer bench scale --data /var/tmp/scale --json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.data, "data", "", "directory to keep the data directories in (default a temporary one)")
	flags.IntVar(&f.population.Secrets, "secrets", 100_000, "secrets where there are many")
	flags.IntVar(&f.population.Versions, "versions", 5, "versions of each secret")
	flags.IntVar(&f.population.Parameters, "parameters", 100_000, "parameters where there are many")
	flags.IntVar(&f.few, "few", 1000, "secrets, and parameters, where there are few")
	flags.IntVar(&f.options.Connections, "connections", 16, "connections that read, each with one call under way")
	flags.DurationVar(&f.options.Duration, "duration", 3*time.Second, "how long each round of each operation takes")
	flags.IntVar(&f.rounds, "rounds", 5, "rounds; the median is shown")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runBenchScale(cmd, f) }
	return cmd
}

func (f *scaleFlags) check() error {
	p := f.population
	if min(p.Secrets, p.Versions, p.Parameters, f.few, f.rounds, f.options.Connections) < 1 || f.options.Duration <= 0 {
		return usageError{errors.New("want at least one of each, and a time above zero")}
	}
	if p.Secrets > 1_000_000 || p.Parameters > 1_000_000 || p.Versions > 100 || f.few > 1_000_000 || f.options.Connections > 1024 {
		return usageError{errors.New("want at most a million secrets and parameters, 100 versions and 1024 connections")}
	}
	return nil
}

func runBenchScale(cmd *cobra.Command, f scaleFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	if f.data == "" {
		if f.data, err = os.MkdirTemp("", "coffer-scale-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.data)) }()
	}
	tuneMemory()
	many := &populated{Population: f.population, dir: filepath.Join(f.data, "many")}
	few := &populated{Population: bench.Population{Secrets: f.few, Versions: f.population.Versions, Parameters: f.few}, dir: filepath.Join(f.data, "few")}
	for _, p := range []*populated{few, many} {
		if err := p.fill(cmd.Context(), cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	report, err := f.measure(cmd, few, many)
	if err != nil {
		return err
	}
	return report.print(cmd.OutOrStdout(), f.json)
}

// populated is a data directory, and the server on it.
type populated struct {
	bench.Population
	dir string
	*child
}

// fill fills the directory, and says how far it is.
func (p *populated) fill(ctx context.Context, log io.Writer) error {
	start, last := time.Now(), time.Now()
	return bench.Fill(ctx, p.dir, p.Population, func(done int) {
		if time.Since(last) < 5*time.Second && done < p.Total() {
			return
		}
		last = time.Now()
		fmt.Fprintf(log, "%s: %d of %d calls, %.0f a second\n", p.dir, done, p.Total(), float64(done)/time.Since(start).Seconds())
	})
}

// start starts the server, and returns the time to its first healthy answer.
func (p *populated) start(ctx context.Context, log io.Writer) (time.Duration, error) {
	began := time.Now()
	c, err := startChild(ctx, log, "dev", "--listen", "127.0.0.1:0", "--data", p.dir)
	if err != nil {
		return 0, err
	}
	if err := healthy(ctx, c.Addr); err != nil {
		c.stop()
		return 0, err
	}
	p.child = c
	return time.Since(began), nil
}

func healthy(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server on %s is not healthy: %s", addr, answer.Status)
	}
	return nil
}

func (p *populated) client() (*client.Client, error) {
	return client.New(client.Config{
		Endpoint: "http://" + p.Addr, Region: p.Region, Credentials: client.Static(p.Credentials),
	})
}
