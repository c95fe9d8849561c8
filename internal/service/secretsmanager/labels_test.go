// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// exported compares versions by what is stored of them.
var exported = cmpopts.IgnoreUnexported(Version{})

// labelMachine runs the operations on the labels of one secret beside what its
// author can say of them without knowing the code.
type labelMachine struct {
	now      time.Time
	versions Versions
	made     int
	// holders are the versions that have had AWSCURRENT, in their order.
	holders []string
	// byHand says that AWSPREVIOUS was moved or removed since AWSCURRENT moved.
	byHand bool
}

func (m *labelMachine) noteCurrent() {
	if id, ok := m.versions.holder(stageCurrent); ok && (len(m.holders) == 0 || m.holders[len(m.holders)-1] != id) {
		m.holders, m.byHand = append(m.holders, id), false
	}
}

func (m *labelMachine) put(t *rapid.T) {
	stages := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{stageCurrent, stagePrevious, stagePending, "A", "B"}), 0, 5, rapid.ID).Draw(t, "stages")
	if len(stages) == 0 {
		stages = []string{stageCurrent}
	}
	before := m.versions.clone()
	m.made++
	id := "v" + strconv.Itoa(m.made)
	m.versions.add(id, Version{Created: m.now}, stages)
	if slices.Contains(stages, stagePrevious) && !slices.Contains(stages, stageCurrent) {
		m.byHand = true
	}
	for _, stage := range stages {
		if stage == stagePrevious && len(before) > 0 && slices.Contains(stages, stageCurrent) {
			continue // AWSCURRENT's move decides where it goes
		}
		if holder, _ := m.versions.holder(stage); holder != id {
			t.Fatalf("%s was put on %s and is on %q", stage, id, holder)
		}
	}
	m.noteCurrent()
	m.unmoved(t, before, stages)
}

func (m *labelMachine) move(t *rapid.T) {
	if len(m.versions) == 0 {
		t.Skip("no versions")
	}
	stage := rapid.SampledFrom([]string{stageCurrent, stagePrevious, stagePending, "A", "B"}).Draw(t, "stage")
	to := rapid.SampledFrom(ids(m.versions)).Draw(t, "to")
	from := rapid.Ptr(rapid.SampledFrom(ids(m.versions)), true).Draw(t, "from")
	before := m.versions.clone()
	holder, held := before.holder(stage)
	err := m.versions.reattach(stage, to, from)
	fits := held && holder == to || !held && from == nil || held && from != nil && *from == holder
	if fits != (err == nil) {
		t.Fatalf("moving %s from %v to %s, held by %q: %v", stage, from, to, holder, err)
	}
	if err != nil {
		if diff := cmp.Diff(before, m.versions, exported); diff != "" {
			t.Fatalf("a refused move changed something:\n%s", diff)
		}
		return
	}
	if now, _ := m.versions.holder(stage); now != to {
		t.Fatalf("%s is on %q after it was moved to %s", stage, now, to)
	}
	m.byHand = m.byHand || stage == stagePrevious && holder != to
	m.noteCurrent()
	m.unmoved(t, before, []string{stage})
}

func (m *labelMachine) remove(t *rapid.T) {
	if len(m.versions) == 0 {
		t.Skip("no versions")
	}
	stage := rapid.SampledFrom([]string{stageCurrent, stagePrevious, stagePending, "A", "B"}).Draw(t, "stage")
	from := rapid.SampledFrom(ids(m.versions)).Draw(t, "from")
	before := m.versions.clone()
	holder, held := before.holder(stage)
	err := m.versions.detach(stage, &from)
	if fits := held && holder == from && stage != stageCurrent; fits != (err == nil) {
		t.Fatalf("removing %s from %s, held by %q: %v", stage, from, holder, err)
	}
	if err == nil {
		m.byHand = m.byHand || stage == stagePrevious
	}
	m.unmoved(t, before, []string{stage})
}

// unmoved checks that no label went but those that were asked for, and those that go
// with AWSCURRENT.
func (m *labelMachine) unmoved(t *rapid.T, before Versions, asked []string) {
	was, _ := before.holder(stageCurrent)
	is, _ := m.versions.holder(stageCurrent)
	if was != is && slices.Contains(m.versions[was].Stages, stagePending) {
		t.Fatalf("AWSPENDING stayed on %s when AWSCURRENT left it", was)
	}
	for id, version := range before {
		for _, stage := range version.Stages {
			now, held := m.versions.holder(stage)
			along := was != is && (stage == stagePrevious || stage == stagePending && id == was || stage == stageCurrent)
			if (!held || now != id) && !slices.Contains(asked, stage) && !along {
				t.Fatalf("%s was on %s, nobody moved it, and it is on %q", stage, id, now)
			}
		}
	}
}

// check is what always holds.
func (m *labelMachine) check(t *rapid.T) {
	seen := map[string]string{}
	for id, version := range m.versions {
		if !slices.IsSorted(version.Stages) {
			t.Fatalf("the labels of %s are not sorted: %v", id, version.Stages)
		}
		for _, stage := range version.Stages {
			if other, twice := seen[stage]; twice {
				t.Fatalf("%s is on %s and %s", stage, other, id)
			}
			seen[stage] = id
		}
	}
	if len(m.versions) != m.made {
		t.Fatalf("%d versions were made, and %d are there", m.made, len(m.versions))
	}
	if m.made == 0 {
		return
	}
	if current := seen[stageCurrent]; current == "" || current != m.holders[len(m.holders)-1] {
		t.Fatalf("AWSCURRENT is on %q, its last known holder is %v", current, m.holders)
	}
	if n := len(m.holders); n > 1 && !m.byHand && seen[stagePrevious] != m.holders[n-2] {
		t.Fatalf("AWSPREVIOUS is on %q, AWSCURRENT went %v", seen[stagePrevious], m.holders)
	}
}

func TestLabelsMoveByTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &labelMachine{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), versions: Versions{}}
		t.Repeat(map[string]func(*rapid.T){"put": m.put, "move": m.move, "remove": m.remove, "": m.check})
	})
}

// ids returns the ids of versions in an order that is always the same.
func ids(v Versions) []string { return slices.Sorted(maps.Keys(v)) }

func TestWordsOfAText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"credsDatabase#892": {"creds", "Database", "892"}, "My_Secret": {"My", "Secret"}, "": nil, "-/": nil, "HTTPServer2go": {"HTTPServer", "2", "go"},
	} {
		if diff := cmp.Diff(want, words(text)); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}
