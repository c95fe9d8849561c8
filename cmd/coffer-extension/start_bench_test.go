// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// BenchmarkStart measures the time from the start of the process to the first
// connection, of the extension and of an empty net/http program, and the memory that the
// extension has then.
func BenchmarkStart(b *testing.B) {
	extension, empty := build(b, ".", extensionTags), build(b, "./testdata/empty")
	env := []string{
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=none", "COFFER_AGENT_TOKEN=x", "AWS_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=s",
	}
	var ours, theirs, memory []float64
	for b.Loop() {
		p := start(b, extension, env)
		ours, memory = append(ours, milliseconds(p.took)), append(memory, p.resident())
		p.stop()
		p = start(b, empty, nil)
		theirs = append(theirs, milliseconds(p.took))
		p.stop()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours), "ms-extension")
	b.ReportMetric(median(theirs), "ms-empty")
	b.ReportMetric(median(ours)-median(theirs), "ms-more")
	b.ReportMetric(median(memory), "MiB-resident")
}

// BenchmarkFirstSecret measures the processor time of a whole process that gets one secret
// over TLS: of the extension, from its start over a request for the secret to its end, and
// of a program that calls the AWS SDK with its defaults. Each trusts the server's authority
// beside those that it would trust AWS by: the extension the six that are embedded, the SDK
// the system's. For comparison there is the SDK with the server's authority alone, which
// has to be configured.
func BenchmarkFirstSecret(b *testing.B) {
	extension, sdk := build(b, ".", extensionTags), build(b, "./testdata/sdk")
	v := newVault(b, 100)
	amazon := v.authorities(b, "../../internal/client/roots.pem")
	system := v.authorities(b, "/etc/ssl/certs/ca-certificates.crt")
	var ours, theirs, configured []float64
	for b.Loop() {
		p := start(b, extension, v.env("AWS_CA_BUNDLE="+amazon))
		l := p.dial(b)
		l.get(b, "prod/db")
		l.Close()
		p.stop()
		ours = append(ours, cost(p.ProcessState))
		theirs = append(theirs, run(b, sdk, v.env("AWS_CA_BUNDLE=", "SSL_CERT_FILE="+system)))
		configured = append(configured, run(b, sdk, v.env()))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours), "ms-extension")
	b.ReportMetric(median(theirs), "ms-sdk")
	b.ReportMetric(median(configured), "ms-sdk-one-authority")
	b.ReportMetric(100*median(ours)/median(theirs), "%-of-sdk")
}

// run runs the SDK's program and returns its processor time in milliseconds.
func run(b *testing.B, sdk string, env []string) float64 {
	b.Helper()
	cmd := exec.Command(sdk, "prod/db")
	cmd.Env = env
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	return cost(cmd.ProcessState)
}

// cost is an ended process's processor time in milliseconds.
func cost(s *os.ProcessState) float64 { return milliseconds(s.UserTime() + s.SystemTime()) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
