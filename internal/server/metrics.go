// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/gate"
)

// metrics are what /metrics shows. Labels are operations and error codes only:
// never a name, an account or anything else that a caller chooses.
type metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec

	// known has the label combinations seen so far, so that a call does not look its
	// counters up by their labels' text.
	known sync.Map // gate.Observation without its time -> *series
}

type series struct {
	calls   prometheus.Counter
	seconds prometheus.Observer
}

func newMetrics(log *audit.Log) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coffer_requests_total", Help: "Calls by operation and error code; an empty code is a success.",
		}, []string{"service", "operation", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "coffer_request_duration_seconds", Help: "Time from the request's headers to the end of the answer.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1, 5},
		}, []string{"service", "operation"}),
	}
	m.registry.MustRegister(m.calls, m.seconds, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(ofAudit(log)...)
	return m
}

// ofAudit are the audit log's own figures. With audit-on-failure: continue, nothing else
// tells that calls go unrecorded.
func ofAudit(log *audit.Log) []prometheus.Collector {
	counter := func(name, help string, of func(audit.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(of(log.Stats())) })
	}
	gauge := func(name, help string, of func(audit.Stats) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(of(log.Stats())) })
	}
	return []prometheus.Collector{
		counter("coffer_audit_unrecorded_total", "Calls that went ahead without a record, as configured.",
			func(s audit.Stats) int64 { return s.Unrecorded }),
		counter("coffer_audit_deferred_total", "Calls whose records wait in the store for the next start.",
			func(s audit.Stats) int64 { return s.Deferred }),
		gauge("coffer_audit_backlog_bytes", "Bytes of records that wait to be written.",
			func(s audit.Stats) int64 { return s.Backlog }),
		gauge("coffer_audit_writable", "1 while the audit log can be written, 0 while it can't.",
			func(s audit.Stats) int64 {
				if s.Fault != nil {
					return 0
				}
				return 1
			}),
	}
}

// observe counts one call.
func (m *metrics) observe(o gate.Observation) {
	elapsed := o.Elapsed.Seconds()
	o.Elapsed = 0
	s, ok := m.known.Load(o)
	if !ok {
		s, _ = m.known.LoadOrStore(o, &series{
			m.calls.WithLabelValues(o.Service, o.Operation, o.Code), m.seconds.WithLabelValues(o.Service, o.Operation),
		})
	}
	s.(*series).calls.Inc()
	s.(*series).seconds.Observe(elapsed)
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
