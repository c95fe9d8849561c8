// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// model is what a test knows of the truth: when each version was current, and when the
// source last refused.
type model struct {
	*rig
	secrets []*truth
	mode    string // "up", "down" or "denied"
	since   time.Time
}

// truth is one secret's history.
type truth struct {
	arn     string
	version int
	ended   map[int]time.Time // when a version ceased to be current
	seen    int               // the newest version that was answered
	refused [3]bool           // by form: a refusal was the last answer of the source
}

func (m *model) answer(ref cache.Ref) (cache.Value, error) {
	switch m.mode {
	case "down":
		return cache.Value{}, down()
	case "denied":
		return cache.Value{}, errDenied
	}
	for _, s := range m.secrets {
		if strings.HasPrefix(s.arn, ref.ID) || strings.HasSuffix(s.arn[:len(s.arn)-7], ":"+ref.ID) {
			return version(s.arn, s.version, []string{"AWSCURRENT"}), nil
		}
	}
	return cache.Value{}, errDenied
}

// TestTheCacheKeepsItsPromises drives a cache with any history of changes, outages,
// refusals, freezes and reads.
func TestTheCacheKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{mode: "up"}
		m.rig = newRig(t, func(c *cache.Config) { c.MaxItems = 3 })
		defer m.Close()
		m.src.answer = m.answer
		for i := range 4 {
			m.secrets = append(m.secrets, &truth{
				arn:     fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:000000000000:secret:s%d-AbCdE%d", i, i),
				version: 1, ended: map[int]time.Time{},
			})
		}
		one := rapid.SampledFrom(m.secrets)
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				s := one.Draw(t, "secret")
				s.ended[s.version] = m.clock.now()
				s.version++
			},
			"time": func(t *rapid.T) {
				d := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 400), rapid.IntRange(0, 10_000)).Draw(t, "seconds")
				m.clock.advance(time.Duration(d) * time.Second)
			},
			"mode": func(t *rapid.T) {
				mode := rapid.SampledFrom([]string{"up", "down", "denied"}).Draw(t, "mode")
				if mode != m.mode {
					m.mode, m.since = mode, m.clock.now()
				}
			},
			"invoke": func(t *rapid.T) {
				if m.mode == "up" {
					for _, s := range m.secrets {
						s.refused = [3]bool{}
					}
				}
				m.RefreshDue(0)
				m.Settle(context.Background())
			},
			"read": func(t *rapid.T) {
				m.read(t, one.Draw(t, "secret"), rapid.IntRange(0, 2).Draw(t, "form"))
			},
			"": func(t *rapid.T) {
				if n := m.Stats().Items; n > 3 {
					t.Fatalf("%d items", n)
				}
			},
		})
	})
}

func (m *model) read(t *rapid.T, s *truth, form int) {
	bare := s.arn[:len(s.arn)-7]
	id := []string{s.arn, bare, bare[strings.LastIndexByte(bare, ':')+1:]}[form]
	now := m.clock.now()
	got, err := m.Get(context.Background(), byID(id))
	m.Settle(context.Background())
	if err != nil {
		if m.mode == "up" && now.Sub(m.since) > cache.DefaultNegative {
			t.Fatalf("%v, though the source is up since %v", err, now.Sub(m.since))
		}
		s.refused[form] = s.refused[form] || m.mode == "denied"
		return
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(got.VersionID, "v"))
	if n < s.seen {
		t.Fatalf("version %d after %d", n, s.seen)
	}
	s.seen = n
	if got.ARN != s.arn || got.Text.RevealString() != fmt.Sprint("value ", n) {
		t.Fatalf("another secret, or not its plaintext: %s %q", got.ARN, got.Text.RevealString())
	}
	limit := cache.DefaultTTL
	switch got.Status {
	case cache.Stale:
		limit += cache.DefaultStale
		if m.mode != "down" && now.Sub(m.since) > 30*time.Second {
			t.Fatalf("stale, though the source answers since %v", now.Sub(m.since))
		}
	case cache.Miss:
		limit = 0
		if m.mode != "up" {
			t.Fatalf("a miss from a source that is %s", m.mode)
		}
	}
	if ended, old := s.ended[n]; old && now.Sub(ended) > limit {
		t.Fatalf("%s: version %d ended %v ago", got.Status, n, now.Sub(ended))
	}
	if m.mode == "up" {
		s.refused = [3]bool{}
	} else if s.refused[form] && got.Status == cache.Stale {
		t.Fatal("stale after a refusal")
	}
}
