// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var kills = flag.Int("kills", 50, "how often the server is killed: go test ./test -run TestKill -args -kills 500")

// writers is how many clients write at the same time.
const writers = 16

// TestKill kills a server under many writers, again and again, at random moments, and
// starts it anew. Every write that was acknowledged must be there, nothing may be half
// there, a write that was cut off must be repeatable, and the audit log must have
// exactly one record of each effect, in a whole chain.
//
// A killed process leaves what it has written to the kernel, so this does not say what
// a loss of power does: the fault tests of the storage packages do.
func TestKill(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var all []series
	for w := range writers {
		all = append(all, &secretSeries{h: h, name: fmt.Sprintf("kill/%d", w)}, &parameterSeries{h: h, name: fmt.Sprintf("/kill/%d", w)})
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	rounds := *kills
	if testing.Short() {
		rounds = min(rounds, 5)
	}
	var slowest time.Duration
	for round := range rounds {
		if round > 0 {
			if round%5 == 0 {
				killStarting(t, h, random)
			}
			began := time.Now()
			h.start(t)
			slowest = max(slowest, time.Since(began))
		}
		inParallel(all, series.check)
		if t.Failed() {
			t.Fatalf("after %d kills", round)
		}
		h.killUnder(all, random)
	}
	h.start(t)
	inParallel(all, series.check)
	h.stop(t)
	t.Logf("%d writes acknowledged before %d kills; the slowest start took %v", acknowledged(all), rounds, slowest)
	t.Log(strings.TrimSpace(mustRun(t, "audit", "verify", "--data", h.Data)))
	checkRecords(t, h, all)
}

// killUnder lets everybody write, and kills the server some time after a random
// number of writes was acknowledged.
func (h *house) killUnder(all []series, random *rand.Rand) {
	var acks atomic.Int64
	enough, limit := make(chan struct{}), int64(random.IntN(8*writers))
	var once sync.Once
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for {
				for _, s := range all[2*w : 2*w+2] {
					if !s.write() {
						return
					}
					if acks.Add(1) > limit {
						once.Do(func() { close(enough) })
					}
				}
			}
		})
	}
	<-enough
	<-time.After(time.Duration(random.IntN(5000)) * time.Microsecond)
	h.kill(h.t)
	wg.Wait()
	h.client.CloseIdleConnections()
}

// killStarting kills a server while it starts.
func killStarting(t *testing.T, h *house, random *rand.Rand) {
	t.Helper()
	cmd := exec.Command(program(t, coffer), h.args...)
	cmd.Env = environment()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Duration(random.IntN(100_000)) * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it says
}

func inParallel(all []series, do func(series)) {
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() { do(s) })
	}
	wg.Wait()
}

// A series is the writes of one writer to one name, one after another. Its methods are
// called by one goroutine at a time.
type series interface {
	// write makes the next write. It reports false if nobody answered.
	write() bool
	// check compares what the server has with what was acknowledged, after a start.
	check()
	// written returns the last write that is known to be kept, and the ids of the
	// requests that were acknowledged.
	written() (last int, requests []string)
}

// progress is how far a series has come.
type progress struct {
	kept     int      // the last write that was acknowledged, or seen after a start
	open     bool     // the next one was sent, and not answered
	requests []string // that were acknowledged
}

func (p *progress) written() (int, []string) { return p.kept, p.requests }

// settle takes over the write that a start finds kept, which the last one that was
// acknowledged is, or the one that was cut off.
func (p *progress) settle(t *testing.T, name string, found int) {
	if found != p.kept && (!p.open || found != p.kept+1) {
		t.Errorf("%s is at write %d; %d was acknowledged, the next one sent: %v", name, found, p.kept, p.open)
	}
	p.kept = found
}

// send makes a write, and notes what came of it.
func (p *progress) send(h *house, target, body string, right func(answer) bool) bool {
	a, err := h.call(target, body)
	if err != nil {
		p.open = true
		return false
	}
	if a.Status != http.StatusOK || !right(a) {
		h.t.Errorf("%s answered %s", target, a)
		return false
	}
	p.kept, p.open, p.requests = p.kept+1, false, append(p.requests, a.RequestID)
	return true
}

// valueOf is what a write stores: short ones and long ones.
func valueOf(name string, n int) string {
	return fmt.Sprintf("%s at %d %s", name, n, strings.Repeat("x", n*397%3000))
}

// secretSeries are versions of a secret, each with a token of its own.
type secretSeries struct {
	progress
	h    *house
	name string
}

func (s *secretSeries) write() bool {
	n, target, member := s.kept+1, "secretsmanager.PutSecretValue", "SecretId"
	if n == 1 {
		target, member = "secretsmanager.CreateSecret", "Name"
	}
	version := token(s.name, n)
	body := fmt.Sprintf(`{"%s":%q,"ClientRequestToken":%q,"SecretString":%q}`, member, s.name, version, valueOf(s.name, n))
	return s.send(s.h, target, body, func(a answer) bool { return a.member("VersionId") == version })
}

func (s *secretSeries) check() {
	found := s.current()
	cut := s.open && found == s.kept+1
	s.settle(s.h.t, s.name, found)
	if !s.open {
		return
	}
	// The client whose call was cut off makes it again, with the same token.
	if cut {
		s.kept--
	}
	if !s.write() {
		s.h.t.Errorf("%s: write %d was not answered", s.name, s.kept+1)
	} else if n := s.current(); n != s.kept {
		s.h.t.Errorf("%s: a repeated write left write %d, want %d", s.name, n, s.kept)
	}
}

// current returns the write that AWSCURRENT has, after making sure that value, version
// and labels are those of one and the same write.
func (s *secretSeries) current() (n int) {
	a, err := s.h.call("secretsmanager.GetSecretValue", fmt.Sprintf(`{"SecretId":%q}`, s.name))
	if err != nil || a.Status != http.StatusOK {
		if a.Code != "ResourceNotFoundException" {
			s.h.t.Errorf("%s: %v %s", s.name, err, a)
		}
		return 0
	}
	value, _ := a.member("SecretString").(string)
	if _, err := fmt.Sscanf(strings.TrimPrefix(value, s.name), " at %d", &n); err != nil || value != valueOf(s.name, n) {
		s.h.t.Errorf("%s has the value %.100q", s.name, value)
	}
	if a.member("VersionId") != token(s.name, n) {
		s.h.t.Errorf("%s at write %d is version %v", s.name, n, a.member("VersionId"))
	}
	d, err := s.h.call("secretsmanager.DescribeSecret", fmt.Sprintf(`{"SecretId":%q}`, s.name))
	if err != nil {
		s.h.t.Errorf("%s: %v", s.name, err)
		return n
	}
	want := map[string]string{token(s.name, n): "[AWSCURRENT]"}
	if n > 1 {
		want[token(s.name, n-1)] = "[AWSPREVIOUS]"
	}
	got := map[string]string{}
	if stages, ok := d.member("VersionIdsToStages").(map[string]any); ok {
		for version, labels := range stages {
			got[version] = fmt.Sprint(labels)
		}
	}
	if !maps.Equal(got, want) {
		s.h.t.Errorf("%s has the labels %v, want %v", s.name, got, want)
	}
	return n
}

// parameterSeries are versions of a parameter, which AWS counts.
type parameterSeries struct {
	progress
	h    *house
	name string
}

func (p *parameterSeries) write() bool {
	n := p.kept + 1
	body := fmt.Sprintf(`{"Name":%q,"Value":%q,"Type":"SecureString","Overwrite":true}`, p.name, valueOf(p.name, n))
	return p.send(p.h, "AmazonSSM.PutParameter", body, func(a answer) bool { return a.member("Version") == float64(n) })
}

func (p *parameterSeries) check() {
	a, err := p.h.call("AmazonSSM.GetParameter", fmt.Sprintf(`{"Name":%q,"WithDecryption":true}`, p.name))
	if err != nil || a.Status != http.StatusOK {
		if a.Code != "ParameterNotFound" {
			p.h.t.Errorf("%s: %v %s", p.name, err, a)
		}
		p.settle(p.h.t, p.name, 0)
		return
	}
	version, _ := a.member("Parameter", "Version").(float64)
	if value := a.member("Parameter", "Value"); value != valueOf(p.name, int(version)) {
		p.h.t.Errorf("%s at version %v has the value %.100q", p.name, version, value)
	}
	p.settle(p.h.t, p.name, int(version))
	p.open = false
}

func acknowledged(all []series) (n int) {
	for _, s := range all {
		_, requests := s.written()
		n += len(requests)
	}
	return n
}

// checkRecords holds that each effect has one record: those that were acknowledged by
// their request, and of a parameter each version, whoever was told of it.
func checkRecords(t *testing.T, h *house, all []series) {
	t.Helper()
	byRequest, byName := map[string]int{}, map[string]int{}
	for _, r := range records(t, h.auditFile()) {
		if !slices.Contains([]string{"CreateSecret", "PutSecretValue", "PutParameter"}, r.EventName) || r.ErrorCode != "" {
			continue
		}
		byRequest[r.RequestID]++
		if r.EventName == "PutParameter" {
			byName[parameterOf(r.RequestParameters)]++
		}
	}
	for _, s := range all {
		last, requests := s.written()
		for _, id := range requests {
			if byRequest[id] != 1 {
				t.Errorf("request %s was acknowledged and has %d records", id, byRequest[id])
			}
		}
		if p, ok := s.(*parameterSeries); ok && byName[p.name] != last {
			t.Errorf("%s has %d versions and %d records", p.name, last, byName[p.name])
		}
	}
}

// parameterOf is the name in a record's request.
func parameterOf(request []byte) string {
	var parameters struct{ Name string }
	_ = json.Unmarshal(request, &parameters)
	return parameters.Name
}
