// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// teller is a Coffer server: what it is asked for changes, and the values that change.
type teller struct {
	mu      sync.Mutex
	log     []string // ARNs of what has changed
	asked   []string // the tokens, with the time to wait
	err     error
	hangs   bool
	reset   bool
	more    bool
	news    chan struct{}
	version int
	fetched int
}

func newTeller() *teller { return &teller{news: make(chan struct{}, 100), version: 1} }

func (s *teller) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// change changes a value.
func (s *teller) change(arn string) {
	s.set(func() { s.log, s.version = append(s.log, arn), s.version+1 })
	s.news <- struct{}{}
}

func (s *teller) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// Call implements awsjson.Caller, as a server does that has callers wait.
func (s *teller) Call(ctx context.Context, service *api.Service, operation string, body []byte) ([]byte, error) {
	var in coffer.ListChangesInput
	if err := json.Unmarshal(body, &in); err != nil || service != coffer.Service || operation != "ListChanges" {
		return nil, fmt.Errorf("called %s:%s with %s", service.Name, operation, body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, wait := len(s.log), 0
	token := "-"
	if in.NextToken != nil {
		token = *in.NextToken
		fmt.Sscan(token, &at)
	}
	if in.WaitTimeSeconds != nil {
		wait = int(*in.WaitTimeSeconds)
	}
	s.asked = append(s.asked, fmt.Sprint(token, " ", wait))
	if s.hangs {
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return nil, &client.TransportError{Err: ctx.Err()}
	}
	if s.err != nil {
		return nil, s.err
	}
	if at == len(s.log) && in.NextToken != nil && wait > 0 {
		s.mu.Unlock()
		select {
		case <-s.news:
		case <-time.After(time.Duration(wait) * time.Second):
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	out := coffer.ListChangesOutput{NextToken: new(fmt.Sprint(len(s.log))), More: new(s.more), Reset: new(s.reset)}
	for _, arn := range s.log[at:] {
		out.Changes = append(out.Changes, coffer.Change{ARN: new(arn), Operation: new("Update")})
	}
	s.reset = false
	return json.Marshal(out)
}

// Fetch is a source of whatever is asked for; ids with a colon are of another source.
func (s *teller) Fetch(_ context.Context, ref cache.Ref) (cache.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched++
	v := cache.Value{Name: ref.ID, VersionID: fmt.Sprint(s.version), Text: secret.FromString(fmt.Sprint(s.version))}
	if !strings.Contains(ref.ID, ":") {
		v.ARN = arnOf(ref.ID)
	}
	return v, nil
}

func arnOf(name string) string {
	return "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + name + "-AbCdEf"
}

// asking is changes over a teller and a cache, for a test in a bubble.
func asking(t *testing.T, s *teller) (*changes, func(id string) string) {
	t.Helper()
	held, err := cache.New(cache.Config{Source: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Close)
	get := func(id string) string {
		a, err := held.Get(t.Context(), cache.Ref{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return string(a.Status) + " " + a.Text.RevealString()
	}
	return &changes{caller: s, held: held, log: slog.New(slog.DiscardHandler), now: time.Now}, get
}

func TestAnInvocationAsksForChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTeller()
		c, get := asking(t, s)
		for _, id := range []string{"db", "other", "doppler:X"} {
			if got := get(id); got != "MISS 1" {
				t.Error(got)
			}
		}
		c.ask(t.Context())
		s.change(arnOf("db"))
		for range 20 { // invocations in quick succession
			c.ask(t.Context())
		}
		if s.calls() != 1 {
			t.Errorf("%d calls", s.calls())
		}
		time.Sleep(askEvery)
		c.ask(t.Context())
		if got := get("db") + ", " + get("other"); got != "MISS 2, HIT 1" {
			t.Error(got)
		}
		time.Sleep(askEvery)
		s.set(func() { s.reset = true })
		c.ask(t.Context())
		c.held.Settle(t.Context()) // what is in use is fetched at once
		if got := get("db") + ", " + get("other") + ", " + get("doppler:X"); strings.ReplaceAll(got, "MISS", "HIT") != "HIT 2, HIT 2, HIT 1" {
			t.Errorf("after a reset: %s", got)
		}
		if s.fetched != 6 {
			t.Errorf("%d fetches", s.fetched)
		}
		if got := strings.Join(s.asked, ", "); got != "- 0, 0 0, 1 0" {
			t.Errorf("asked with %s", got)
		}
	})
}

func TestAServerThatHangsOrFailsIsAskedSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTeller()
		s.hangs = true
		c, _ := asking(t, s)
		began := time.Now()
		c.ask(t.Context())
		if d := time.Since(began); d != askIn {
			t.Errorf("an invocation waits for %v", d)
		}
		s.set(func() { s.hangs, s.err = false, &client.TransportError{Err: errors.New("connection refused")} })
		for range 600 {
			c.ask(t.Context())
			time.Sleep(time.Second)
		}
		if n := s.calls(); n < 8 || n > 14 {
			t.Errorf("%d calls in ten minutes", n)
		}
		s.set(func() { s.err = nil })
		time.Sleep(time.Minute)
		c.ask(t.Context())
		if c.token == nil {
			t.Error("not asked when the server is back")
		}
	})
}

func TestAServerThatDoesNotTellIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	for _, refusal := range []*api.Error{
		{ErrorCode: api.NotImplemented},
		{ErrorCode: api.UnknownOperationException},
		{ErrorCode: api.AccessDeniedException},
		{ErrorCode: api.ErrorCode{Code: "NotFound", Status: 404}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newTeller()
			s.err = fmt.Errorf("coffer:ListChanges: %w", refusal)
			c, _ := asking(t, s)
			for range 5 {
				c.ask(t.Context())
				time.Sleep(time.Hour)
			}
			c.follow(t.Context()) // returns
			if s.calls() != 1 {
				t.Errorf("%s: %d calls", refusal.Code, s.calls())
			}
		})
	}
}

func TestATokenThatIsNotKnownIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTeller()
		c, get := asking(t, s)
		get("db")
		c.ask(t.Context())
		s.set(func() { s.err, s.version = api.ValidationException.New("NextToken"), 2 })
		time.Sleep(askEvery)
		c.ask(t.Context())
		if got := get("db"); got != "MISS 2" {
			t.Errorf("nobody knows what changed, and the answer is %s", got)
		}
		s.set(func() { s.err = nil })
		time.Sleep(time.Minute)
		c.ask(t.Context())
		if got := strings.Join(s.asked, ", "); got != "- 0, 0 0, - 0" {
			t.Errorf("asked with %s", got)
		}
	})
}

func TestAnAgentKnowsOfAChangeAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTeller()
		c, get := asking(t, s)
		var following tasks
		defer following.end()
		following.start(t.Context(), c.follow)
		get("db")
		time.Sleep(time.Minute)
		if got := get("db"); got != "HIT 1" {
			t.Error(got)
		}
		if n := s.calls(); n > 5 {
			t.Errorf("%d calls in a minute without changes", n)
		}
		s.change(arnOf("db"))
		synctest.Wait()
		if got := get("db"); got != "HIT 2" { // in use, so fetched at once
			t.Error(got)
		}
		s.set(func() { s.err = &client.TransportError{Err: errors.New("connection refused")} })
		before := s.calls()
		time.Sleep(10 * time.Minute)
		if n := s.calls() - before; n < 8 || n > 20 {
			t.Errorf("%d calls in ten minutes to a server that is down", n)
		}
		s.set(func() { s.err = nil })
		time.Sleep(time.Minute)
		s.change(arnOf("db"))
		synctest.Wait()
		if got := get("db"); got != "HIT 3" && got != "MISS 3" {
			t.Error(got)
		}
	})
}

func TestWhenChangesAreAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		setting, endpoint string
		asks              bool
	}{
		{"", "https://coffer.test", true},
		{"on", "https://coffer.test", true},
		{"off", "https://coffer.test", false},
		{"perhaps", "https://coffer.test", false},
		{"", "", false},
	} {
		p := &process{now: time.Now, getenv: func(name string) string {
			return map[string]string{"COFFER_CHANGES": c.setting, "COFFER_ENDPOINT": c.endpoint, "AWS_REGION": "eu-west-1"}[name]
		}}
		log, lines := logged()
		got := p.changes(nil, agent.SettingsFrom(p.getenv), log)
		if (got != nil) != c.asks || (lines.Len() > 0) != (c.setting == "perhaps") {
			t.Errorf("%+v: asks %t, logged %s", c, got != nil, lines)
		}
	}
	var none *changes
	none.ask(t.Context())
	none.follow(t.Context())
}

func TestARotatedSecretIsSeenBeforeItsTTLEnds(t *testing.T) {
	bubble(t, func(l *lab) {
		l.cloud.changed = func(token string) (arns []string) {
			if token == "" || l.cloud.version == 1 {
				return nil
			}
			return []string{"arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf"}
		}
		l.start(map[string]string{"COFFER_ENDPOINT": "https://coffer.test"})
		l.invoke(secretPath, "200 MISS s3cret 1", anyCalls)
		l.cloud.set(func(c *cloud) { c.version = 2 })
		l.freeze(11 * time.Second)
		l.invoke(parameterPath, "200 MISS parameter 2", anyCalls) // meanwhile the server is asked
		l.invoke(secretPath, "200 * s3cret 2", anyCalls)
	})
}
