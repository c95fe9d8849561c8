// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"testing"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/internal/client"
)

// BenchmarkGet is a secret that is kept, in this process and by an agent.
func BenchmarkGet(b *testing.B) {
	srv := coffertest.NewServer(b, coffertest.Secret("s", "correct-horse"))
	agent := srv.Config()
	agent.Agent, agent.AgentToken = agentOver(b, client.Config{Endpoint: srv.URL, Getenv: agent.Getenv}), "token"
	for name, cfg := range map[string]coffer.Config{"direct": srv.Config(), "through an agent": agent} {
		b.Run(name, func(b *testing.B) {
			c := coffer.New(cfg)
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Get(b.Context(), "s"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad is a struct of four fields whose values are kept.
func BenchmarkLoad(b *testing.B) {
	srv := coffertest.NewServer(b, seeds...)
	c := srv.Client()
	b.ReportAllocs()
	for b.Loop() {
		var into struct {
			User    string            `coffer:"db,field=user"`
			Port    int               `coffer:"db,field=port"`
			Timeout string            `coffer:"/timeout,parameter"`
			Flags   map[string]string `coffer:"/flags,path"`
		}
		if err := c.Load(b.Context(), &into); err != nil {
			b.Fatal(err)
		}
	}
}
