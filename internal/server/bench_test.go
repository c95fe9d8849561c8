// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"testing"

	"github.com/coffer-secrets/coffer/internal/bench"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// callers is how many calls are under way at once.
const callers = 64

// BenchmarkServer measures each of coffer bench's operations without the network: the
// handler alone, with signature, policy, store, envelope and audit.
func BenchmarkServer(b *testing.B) {
	for i, w := range bench.Workloads {
		b.Run(w.Name, func(b *testing.B) { benchmark(b, bench.Workloads[i]) })
	}
}

func benchmark(b *testing.B, w bench.Workload) {
	ctx := context.Background()
	s, err := server.Open(ctx, server.Config{Data: b.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key, err := s.DevKey(ctx, "", secret.Value{})
	if err != nil {
		b.Fatal(err)
	}
	target := bench.Target{
		Addr: "127.0.0.1:1", Region: "us-east-1",
		Credentials: sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret},
	}
	c, err := client.New(client.Config{
		Endpoint: "http://" + target.Addr, Region: target.Region,
		Credentials: client.Static(target.Credentials), Transport: direct{s.Handler()},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(callers / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		sources, err := w.Prepare(ctx, target, c, 1)
		if err != nil {
			b.Error(err)
			return
		}
		for pb.Next() {
			raw, err := sources[0]()
			if err != nil {
				b.Error(err)
				return
			}
			req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				b.Error(err)
				return
			}
			var answer recorder
			s.Handler().ServeHTTP(&answer, req)
			if answer.status != http.StatusOK {
				b.Errorf("%s: status %d: %s", w.Name, answer.status, answer.body.Bytes())
				return
			}
		}
	})
}

// direct is a transport that calls a handler in this process.
type direct struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	var raw bytes.Buffer
	if err := req.Write(&raw); err != nil {
		return nil, err
	}
	in, err := http.ReadRequest(bufio.NewReader(&raw))
	if err != nil {
		return nil, err
	}
	var answer recorder
	d.handler.ServeHTTP(&answer, in)
	var out bytes.Buffer
	full := http.Response{
		StatusCode: answer.status, ProtoMajor: 1, ProtoMinor: 1, Header: answer.header,
		Body: http.NoBody, ContentLength: int64(answer.body.Len()),
	}
	full.Body = body{bytes.NewReader(answer.body.Bytes())}
	if err := full.Write(&out); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(&out), req)
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
