// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/secret"
	cofferservice "github.com/coffer-secrets/coffer/internal/service/coffer"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/parameterstore"
	"github.com/coffer-secrets/coffer/internal/service/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	"github.com/coffer-secrets/coffer/internal/service/sts"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a server with clients.
type fixture struct {
	*servicetest.Server
	t *testing.T
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return &fixture{servicetest.New(t, func(g *gate.Gate, d *identity.Directory) {
		sts.Bind(g, d)
		keys := kmsservice.Bind(g, d)
		parameterstore.Bind(g, keys, d)
		secretsmanager.Bind(g, keys, d, nil)
		cofferservice.Bind(g, d)
	}), t}
}

func (f *fixture) client(region string, c servicetest.Credentials) *client.Client {
	f.t.Helper()
	transport := &http.Transport{}
	f.t.Cleanup(transport.CloseIdleConnections)
	made, err := client.New(client.Config{
		Getenv: func(string) string { return "" }, Endpoint: f.URL, Region: region, Now: f.Clock.Now, Transport: transport,
		Credentials: client.Static(sigv4.Credentials{
			AccessKeyID: c.AccessKeyID, SecretAccessKey: secret.FromString(c.SecretAccessKey), SessionToken: c.SessionToken,
		}),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return made
}

// happen makes as many events in a region as there are names.
func (f *fixture) happen(region string, names ...string) {
	f.t.Helper()
	for _, name := range names {
		in := &ssm.PutParameterInput{Name: &name, Type: new("String"), Value: secret.NewText("x")}
		if _, err := awsjson.Do(f.t.Context(), f.client(region, f.Root), ssm.PutParameter, in); err != nil {
			f.t.Fatal(err)
		}
	}
}

// list returns the names that the events of an answer tell of, and the answer.
func (f *fixture) list(in coffer.ListEventsInput) ([]string, *coffer.ListEventsOutput) {
	f.t.Helper()
	out, err := awsjson.Do(f.t.Context(), f.client(servicetest.Region, f.Root), coffer.ListEvents, &in)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.names(out), out
}

func (f *fixture) names(out *coffer.ListEventsOutput) []string {
	f.t.Helper()
	var names []string
	for _, text := range out.Events {
		var e events.Event
		var detail struct{ Name string }
		if err := errors.Join(json.Unmarshal([]byte(text), &e), json.Unmarshal(e.Detail, &detail)); err != nil {
			f.t.Fatal(err)
		}
		names = append(names, detail.Name)
	}
	return names
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventsAreListedInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.happen(servicetest.Region, "a", "b", "c")
	f.happen("eu-west-2", "elsewhere")
	got, out := f.list(coffer.ListEventsInput{MaxResults: new(int32(2))})
	equal(t, got, "a", "b")
	if !*out.More {
		t.Error("there is more, and the answer does not say so")
	}
	got, out = f.list(coffer.ListEventsInput{NextToken: out.NextToken, MaxResults: new(int32(2))})
	equal(t, got, "c")
	if *out.More {
		t.Error("there is no more")
	}
	got, out = f.list(coffer.ListEventsInput{NextToken: out.NextToken})
	equal(t, got)
	f.Restart()
	f.happen(servicetest.Region, "d")
	got, _ = f.list(coffer.ListEventsInput{NextToken: out.NextToken})
	equal(t, got, "d")
}

func TestEventsAreChosenByTimeAndSource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.happen(servicetest.Region, "a")
	f.Clock.Advance(time.Minute)
	f.happen(servicetest.Region, "b")
	got, _ := f.list(coffer.ListEventsInput{StartTime: new(api.NewTime(f.Clock.Now()))})
	equal(t, got, "b")
	got, _ = f.list(coffer.ListEventsInput{Source: new("aws.ssm")})
	equal(t, got, "a", "b")
	got, out := f.list(coffer.ListEventsInput{Source: new("aws.kms")})
	equal(t, got)
	got, _ = f.list(coffer.ListEventsInput{NextToken: out.NextToken})
	equal(t, got) // what was passed over is not listed either
}

func TestAnEmptyAnswerWaits(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.happen(servicetest.Region, "a")
	_, out := f.list(coffer.ListEventsInput{})
	in, c := &coffer.ListEventsInput{NextToken: out.NextToken, WaitTimeSeconds: new(int32(coffer.MaxWait))}, f.client(servicetest.Region, f.Root)
	answered := make(chan error, 1)
	go func() {
		var err error
		out, err = awsjson.Do(t.Context(), c, coffer.ListEvents, in)
		answered <- err
	}()
	f.happen(servicetest.Region, "b")
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	equal(t, f.names(out), "b")
}

func TestListEventsRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.happen(servicetest.Region, "a")
	_, out := f.list(coffer.ListEventsInput{})
	allowed := f.User("ada", servicetest.Allow("*", "coffer:ListEvents"))
	refused := f.User("bob", servicetest.Allow("*", "ssm:*"))
	for name, c := range map[string]struct {
		as     servicetest.Credentials
		region string
		in     coffer.ListEventsInput
		code   string
	}{
		"a user with the permission":    {as: allowed},
		"a user without the permission": {as: refused, code: "AccessDeniedException"},
		"a token of another region":     {as: allowed, region: "eu-west-2", in: coffer.ListEventsInput{NextToken: out.NextToken}, code: "ValidationException"},
		"a token of nobody's":           {as: allowed, in: coffer.ListEventsInput{NextToken: new("x")}, code: "ValidationException"},
		"a wait of a minute":            {as: allowed, in: coffer.ListEventsInput{WaitTimeSeconds: new(int32(60))}, code: "ValidationException"},
		"a page of a thousand":          {as: allowed, in: coffer.ListEventsInput{MaxResults: new(int32(1000))}, code: "ValidationException"},
	} {
		region := servicetest.Region
		if c.region != "" {
			region = c.region
		}
		_, err := awsjson.Do(t.Context(), f.client(region, c.as), coffer.ListEvents, &c.in)
		got := ""
		if e, ok := errors.AsType[*api.Error](err); ok {
			got = e.Code
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	var listed []string
	for _, r := range f.Records() {
		if r.EventSource == "coffer" {
			listed = append(listed, fmt.Sprint(r.EventName, r.ReadOnly))
		}
	}
	if len(listed) != 7 || listed[0] != "ListEventstrue" {
		t.Errorf("recorded %v", listed)
	}
}
