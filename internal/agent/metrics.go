// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coffer-secrets/coffer/internal/cache"
)

type counter = atomic.Uint64

// statuses are what requests are counted by. The last one is all others.
var statuses = [...]int{200, 400, 401, 403, 404, 405, 429, 500, 502, 503, 504, 0}

// count counts a request.
func (r *route) count(status int) {
	i := slices.Index(statuses[:], status)
	if i < 0 {
		i = len(statuses) - 1
	}
	r.counts[i].Add(1)
}

// maxCodes bounds the codes of errors that are told apart.
const maxCodes = 32

// Metrics are counts of what was asked for, and of what it took. There is no name of a
// secret in them. The zero Metrics is ready, for one Agent and one cache.
type Metrics struct {
	routes           []*route
	hit, miss, stale counter
	refused          counter // for want of budget
	calls            counter // to the source
	mu               sync.Mutex
	errors           map[string]uint64
}

// Observe counts a call to the source, and the error that it ended with. It fits the
// field of cache.Config.
func (m *Metrics) Observe(err error) {
	m.calls.Add(1)
	if err == nil {
		return
	}
	code := codeOf(err)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.errors == nil {
		m.errors = map[string]uint64{}
	}
	if _, ok := m.errors[code]; !ok && len(m.errors) >= maxCodes {
		code = "other"
	}
	m.errors[code]++
}

// read counts a value that was given.
func (m *Metrics) read(s cache.Status) {
	switch s {
	case cache.Hit:
		m.hit.Add(1)
	case cache.Stale:
		m.stale.Add(1)
	default:
		m.miss.Add(1)
	}
}

// page is a page of metrics in Prometheus' text format.
type page struct {
	text []byte
	name string // of the metric that was begun last
}

// begin begins a metric of a type.
func (p *page) begin(name, kind, help string) {
	p.name = "coffer_agent_" + name
	p.text = append(p.text, "# HELP "+p.name+" "+help+"\n# TYPE "+p.name+" "+kind+"\n"...)
}

// sample adds a sample, whose labels are in pairs of name and value.
func (p *page) sample(n uint64, labels ...string) {
	b := append(p.text, p.name...)
	for i := 0; i < len(labels); i += 2 {
		b = append(b, "{,"[min(i, 1)])
		b = append(b, labels[i]+`="`+escape.Replace(labels[i+1])+`"`...)
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	p.text = append(strconv.AppendUint(append(b, ' '), n, 10), '\n')
}

// one adds a metric of one sample.
func (p *page) one(name, kind, help string, n uint64) {
	p.begin(name, kind, help)
	p.sample(n)
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// exposition answers with the metrics.
func (a *Agent) exposition(c call) int {
	var p page
	a.metrics.write(&p)
	if a.stats != nil {
		s := a.stats()
		p.one("cache_entries", "gauge", "Secrets and parameters that are held.", uint64(s.Items))
		p.one("cache_bytes", "gauge", "Memory that they are taken to need.", uint64(s.Bytes))
	}
	return reply{http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", p.text}.write(c.w)
}

func (m *Metrics) write(p *page) {
	p.begin("requests_total", "counter", "Requests by path and status.")
	for _, r := range m.routes {
		for i, status := range statuses {
			if n := r.counts[i].Load(); n > 0 {
				p.sample(n, "path", r.path, "status", nameOf(status))
			}
		}
	}
	p.begin("reads_total", "counter", "Values given, by where they came from.")
	p.sample(m.hit.Load(), "result", "hit")
	p.sample(m.miss.Load(), "result", "miss")
	p.sample(m.stale.Load(), "result", "stale")
	p.one("source_calls_total", "counter", "Calls to the sources.", m.calls.Load())
	p.begin("source_errors_total", "counter", "Calls to the sources that ended with an error, by its code.")
	m.mu.Lock()
	for _, code := range slices.Sorted(maps.Keys(m.errors)) {
		p.sample(m.errors[code], "code", code)
	}
	m.mu.Unlock()
	p.one("budget_refusals_total", "counter", "Calls to the sources that a caller had no budget for.", m.refused.Load())
}

func nameOf(status int) string {
	if status == 0 {
		return "other"
	}
	return strconv.Itoa(status)
}
