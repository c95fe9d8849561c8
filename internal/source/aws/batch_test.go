// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package aws_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/source/aws"
)

// over is the source over a server as somebody sees it.
func over(t *testing.T, srv *coffertest.Server) *aws.Source {
	t.Helper()
	c, err := client.New(client.Config{Getenv: srv.Config().Getenv, Endpoint: srv.URL, Region: coffertest.Region})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Forget)
	return aws.New(c)
}

// many fetches refs and returns values, or errors, in their order.
func many(ctx context.Context, s cache.Batcher, refs []cache.Ref) []string {
	var mu sync.Mutex
	got := make([]string, len(refs))
	s.FetchMany(ctx, refs, func(i int, v cache.Value, err error) {
		mu.Lock()
		defer mu.Unlock()
		if got[i] += v.Text.RevealString(); err != nil {
			got[i] += err.Error()
		}
	})
	return got
}

// calls are those of a server since the last time, each with how often.
func calls(srv *coffertest.Server, since *int) map[string]int {
	counts := map[string]int{}
	all := srv.Calls()
	for _, c := range all[*since:] {
		counts[c]++
	}
	*since = len(all)
	return counts
}

const (
	singleCalls = "secretsmanager:GetSecretValue"
	batchCalls  = "secretsmanager:BatchGetSecretValue"
)

func TestManyAreFetchedByFewCalls(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t)
	var refs []cache.Ref
	var want []string
	for i := range 25 {
		srv.SetSecret(fmt.Sprint("s", i), fmt.Sprint("secret ", i))
		refs, want = append(refs, cache.Ref{ID: fmt.Sprint("s", i)}), append(want, fmt.Sprint("secret ", i))
	}
	for i := range 11 {
		srv.SetParameter(fmt.Sprint("/p", i), fmt.Sprint("parameter ", i))
		refs = append(refs, cache.Ref{Kind: cache.Parameter, ID: fmt.Sprint("/p", i), Decrypt: true})
		want = append(want, fmt.Sprint("parameter ", i))
	}
	seen := len(srv.Calls())
	for policies, counts := range map[string]map[string]int{
		coffertest.Allow(batchCalls, singleCalls, "ssm:GetParameters"): {"BatchGetSecretValue": 2, "GetParameters": 2},
		coffertest.Allow(singleCalls, "ssm:GetParameter"):              {"BatchGetSecretValue": 2, "GetParameters": 2, "GetSecretValue": 25, "GetParameter": 11},
	} {
		s := over(t, srv.As("reader", policies))
		if diff := cmp.Diff(want, many(t.Context(), s, refs)); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(counts, calls(srv, &seen)); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		many(t.Context(), s, refs)
		if again := calls(srv, &seen); counts["GetParameter"] > 0 && (again["BatchGetSecretValue"] != 0 || again["GetParameters"] != 0) {
			t.Errorf("a refused batch is tried again: %v", again)
		}
	}
}

func TestWhatABatchDoesNotAnswerIsAskedForAlone(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t)
	var refs []cache.Ref
	for i := range 4 {
		srv.SetSecret(fmt.Sprint("s", i), fmt.Sprint("secret ", i))
		srv.SetParameter(fmt.Sprint("/p", i), fmt.Sprint("parameter ", i))
		refs = append(refs, cache.Ref{ID: fmt.Sprint("s", i), Stage: "AWSCURRENT"}, cache.Ref{Kind: cache.Parameter, ID: fmt.Sprint("/p", i)})
	}
	srv.SetParameter("/p0", "newer")
	v, err := over(t, srv).Fetch(t.Context(), cache.Ref{ID: "s0"})
	if err != nil {
		t.Fatal(err)
	}
	refs = append(
		refs,
		cache.Ref{ID: v.ARN}, cache.Ref{ID: v.ARN[:len(v.ARN)-7]}, // the same by other names
		cache.Ref{ID: "s0", VersionID: v.VersionID}, cache.Ref{ID: "missing"},
		cache.Ref{Kind: cache.Parameter, ID: "/p0", VersionID: "1"}, cache.Ref{Kind: cache.Parameter, ID: "/missing"},
		cache.Ref{Kind: cache.Parameter, ID: "/p1", Decrypt: true},
	)
	got := many(t.Context(), over(t, srv), refs)
	for i, want := range []string{
		"secret 0", "newer", "secret 1", "parameter 1", "secret 2", "parameter 2", "secret 3", "parameter 3",
		"secret 0", "secret 0", "secret 0", "ResourceNotFoundException", "parameter 0", "ParameterNotFound", "parameter 1",
	} {
		if got[i] != want && !strings.Contains(got[i], want+":") && !strings.HasSuffix(got[i], want) {
			t.Errorf("%+v: %q, want %s", refs[i], got[i], want)
		}
	}
	if all := srv.Calls(); !slices.Contains(all, "BatchGetSecretValue") || !slices.Contains(all, "GetParameters") {
		t.Errorf("%v", all)
	}
}

func TestAFewAreAskedForAlone(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t)
	var refs []cache.Ref
	for i := range 3 {
		srv.SetSecret(fmt.Sprint("s", i), "x")
		refs = append(refs, cache.Ref{ID: fmt.Sprint("s", i)})
	}
	seen := len(srv.Calls())
	many(t.Context(), over(t, srv), refs)
	if diff := cmp.Diff(map[string]int{"GetSecretValue": 3}, calls(srv, &seen)); diff != "" {
		t.Error(diff)
	}
}

func TestASourceThatIsDownIsNotAskedForEach(t *testing.T) {
	t.Parallel()
	refs := make([]cache.Ref, 8)
	for i := range refs {
		refs[i] = cache.Ref{ID: fmt.Sprint("s", i)}
	}
	for name, err := range map[string]error{
		"overloaded":     api.ServiceUnavailable.New("m"),
		"no answer":      &client.TransportError{Err: context.DeadlineExceeded},
		"no credentials": client.ErrNoCredentials,
		"no role":        &client.RoleError{Role: "r", Err: api.AccessDeniedException.New("no")},
	} {
		c := &counting{caller: caller{err: err}}
		for i, got := range many(t.Context(), aws.New(c), refs) {
			if !strings.Contains(got, err.Error()) {
				t.Errorf("%s: ref %d: %s", name, i, got)
			}
		}
		if c.calls != 1 {
			t.Errorf("%s: %d calls", name, c.calls)
		}
	}
}

// counting counts the calls.
type counting struct {
	caller
	mu    sync.Mutex
	calls int
}

func (c *counting) Call(ctx context.Context, s *api.Service, operation string, body []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	return c.caller.Call(ctx, s, operation, body)
}
