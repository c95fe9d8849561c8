// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
)

// BenchmarkStart measures the time from the start of the process to the first
// connection, of the extension and of an empty net/http program, and the memory that the
// extension has then.
func BenchmarkStart(b *testing.B) {
	extension, empty := build(b, ".", "-tags=nethttpomithttp2"), build(b, "./testdata/empty")
	var ours, theirs, memory []float64
	for b.Loop() {
		took, rss := start(b, extension, nil)
		ours, memory = append(ours, took), append(memory, rss)
		took, _ = start(b, empty, []string{"port"})
		theirs = append(theirs, took)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours), "ms-extension")
	b.ReportMetric(median(theirs), "ms-empty")
	b.ReportMetric(median(ours)-median(theirs), "ms-more")
	b.ReportMetric(median(memory)/1024, "MiB-resident")
}

func build(b testing.TB, path string, flags ...string) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), "program")
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}, flags...)
	cmd := exec.Command("go", append(args, path)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building %s: %v\n%s", path, err, text)
	}
	return out
}

// start runs a program until somebody can connect to it. It returns milliseconds and KiB.
func start(b *testing.B, program string, args []string) (took, rss float64) {
	b.Helper()
	l, err := agent.Listen(0)
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	if args != nil {
		args = []string{port}
	}
	cmd := exec.Command(program, args...)
	cmd.Env = []string{
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port, "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=none",
		"COFFER_AGENT_TOKEN=x", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=s",
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for {
		conn, err := net.Dial("tcp4", address)
		if err == nil {
			took = float64(time.Since(began)) / float64(time.Millisecond)
			conn.Close()
			return took, resident(cmd.Process.Pid)
		}
		if time.Since(began) > 10*time.Second {
			b.Fatalf("%s does not listen", program)
		}
	}
}

// resident returns the memory of a process in KiB, where /proc tells it.
func resident(pid int) float64 {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(stat))[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize()) / 1024
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
