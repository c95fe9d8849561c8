// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/awsjson"
)

// Side is one of the things that are compared: a name, where it listens, and its
// requests.
type Side struct {
	Name    string
	Addr    string
	Sources []Source
}

// NewSide prepares a workload on a target.
func NewSide(ctx context.Context, w Workload, t Target, c awsjson.Caller, connections int) (Side, error) {
	sources, err := w.Prepare(ctx, t, c, connections)
	if err != nil {
		return Side{}, fmt.Errorf("preparing %s: %w", w.Name, err)
	}
	return Side{w.Name, t.Addr, sources}, nil
}

// Compare runs the sides in turn, so many rounds, and returns each side's results.
func Compare(ctx context.Context, sides []Side, o Options, rounds int) ([][]Result, error) {
	all := make([][]Result, len(sides))
	for range rounds {
		for i, s := range sides {
			r, err := s.run(ctx, o)
			if err != nil {
				return all, fmt.Errorf("%s: %w", s.Name, err)
			}
			all[i] = append(all[i], r)
		}
	}
	return all, ctx.Err()
}

func (s Side) run(ctx context.Context, o Options) (Result, error) {
	before, err := processorTime(ctx, s.Addr)
	if err != nil {
		return Result{}, err
	}
	r, err := Run(ctx, s.Addr, s.Sources, o)
	if err != nil {
		return r, err
	}
	after, err := processorTime(ctx, s.Addr)
	r.CPU = after - before
	return r, err
}

// processorTime asks a server for the processor time that its process has used, as
// Prometheus's process collector tells it.
func processorTime(ctx context.Context, addr string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "process_cpu_seconds_total "); ok {
			seconds, err := strconv.ParseFloat(text, 64)
			return time.Duration(seconds * float64(time.Second)), err
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("/metrics does not tell process_cpu_seconds_total"))
}
