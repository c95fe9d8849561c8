// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"
)

// perRound is how many requests one side answers before it is the other's turn, over all
// connections. It takes each side about 15 of the kernel's ticks, which are 10 ms.
const perRound = 4000

// BenchmarkCachedRead drives the real program, and a net/http program that answers a
// constant, over loopback, in turns. It tells the median time of an answer, the rate, and
// the processor time that the program needs for one, and how many times theirs ours are:
// the medians over the rounds. On a busy machine the processor time is what to look at.
func BenchmarkCachedRead(b *testing.B) {
	v := newVault(b, 200)
	ours := start(b, build(b, ".", extensionTags), v.env())
	theirs := start(b, build(b, "./testdata/empty"), nil)
	for _, conns := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("connections=%d", conns), func(b *testing.B) {
			sides := []*side{newSide(b, ours, conns), newSide(b, theirs, conns)}
			var times, rates []float64
			for b.Loop() {
				for _, s := range sides {
					s.round(b)
				}
				n := len(sides[0].medians) - 1
				times = append(times, sides[0].medians[n]/sides[1].medians[n])
				rates = append(rates, sides[1].rates[n]/sides[0].rates[n])
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(sides[0].medians), "us-extension")
			b.ReportMetric(median(sides[1].medians), "us-constant")
			b.ReportMetric(median(times), "x-median")
			b.ReportMetric(median(sides[0].rates), "rps-extension")
			b.ReportMetric(median(sides[1].rates), "rps-constant")
			b.ReportMetric(median(rates), "x-rate")
			b.ReportMetric(sides[0].cost(), "cpu-us-extension")
			b.ReportMetric(sides[1].cost(), "cpu-us-constant")
			b.ReportMetric(sides[0].cost()/sides[1].cost(), "x-cpu")
		})
	}
}

// side is a program and the connections to it.
type side struct {
	*program
	lines          []*line
	medians, rates []float64     // of the rounds: microseconds, requests a second
	before         time.Duration // processor time when the measuring began
}

func newSide(b *testing.B, p *program, conns int) *side {
	b.Helper()
	s := &side{program: p}
	for range conns {
		l := p.dial(b)
		b.Cleanup(func() { l.Close() })
		s.lines = append(s.lines, l)
	}
	s.round(b) // warm
	s.medians, s.rates, s.before = nil, nil, p.used()
	return s
}

// cost is the processor time of one answer, in microseconds.
func (s *side) cost() float64 {
	return float64(s.used()-s.before) / float64(time.Microsecond) / float64(len(s.rates)*perRound/len(s.lines)*len(s.lines))
}

func (s *side) round(b *testing.B) {
	var wg sync.WaitGroup
	each := perRound / len(s.lines)
	all := make([][]float64, len(s.lines))
	req := request("prod/db")
	began := time.Now()
	for i, l := range s.lines {
		wg.Go(func() {
			for range each {
				at := time.Now()
				if err := l.exchange(req); err != nil {
					b.Error(err)
					return
				}
				all[i] = append(all[i], float64(time.Since(at))/float64(time.Microsecond))
			}
		})
	}
	wg.Wait()
	s.rates = append(s.rates, float64(each*len(s.lines))/time.Since(began).Seconds())
	s.medians = append(s.medians, median(slices.Concat(all...)))
}

var (
	okLine = []byte("HTTP/1.1 200 ")
	length = []byte("Content-Length: ")
)

// exchange asks and reads an answer, with as little work as can be.
func (l *line) exchange(req []byte) error {
	if _, err := l.Write(req); err != nil {
		return err
	}
	status, err := l.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(status, okLine) {
		return fmt.Errorf("answered %q, %w", status, err)
	}
	n := 0
	for {
		header, err := l.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(header) <= 2 {
			_, err := io.CopyN(io.Discard, l.Reader, int64(n))
			return err
		}
		if digits, ok := bytes.CutPrefix(header, length); ok {
			for _, d := range bytes.TrimSpace(digits) {
				n = 10*n + int(d-'0')
			}
		}
	}
}
