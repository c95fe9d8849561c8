// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
)

// asking is a Store that answers with what it is asked for.
type asking func(ref cache.Ref) (cache.Answer, error)

func (f asking) Get(_ context.Context, ref cache.Ref) (cache.Answer, error)     { return f(ref) }
func (f asking) Refresh(_ context.Context, ref cache.Ref) (cache.Answer, error) { return f(ref) }
func (f asking) Failed(_ context.Context, ref cache.Ref, _ string) (cache.Answer, error) {
	return f(ref)
}

func TestABatchIsInOrder(t *testing.T) {
	t.Parallel()
	s := asking(func(ref cache.Ref) (cache.Answer, error) {
		a := secretAnswer()
		switch {
		case strings.HasPrefix(ref.ID, "no"):
			return a, api.ErrorCode{Code: "ResourceNotFoundException"}.New(`can't find "` + ref.ID + `"`)
		case strings.HasPrefix(ref.ID, "bad"):
			return a, errors.New("s3cret")
		case ref.Kind == cache.Parameter:
			a = parameterAnswer()
			a.Name = fmt.Sprint(ref.ID, ref.Decrypt)
		default:
			a.Name = fmt.Sprint(ref.ID, ref.Decrypt)
		}
		return a, nil
	})
	w := do(t, newAgent(t, s, io.Discard), "GET", batch+"?secretId=b&name=/y&secretId=no1&secretId=a&withDecryption=true&name=bad&name=/x&secretId=no2&unknown=1&secretId=b", nil)
	var got struct {
		Values []struct {
			ID        string `json:"id"`
			Name      string
			Parameter *struct{ Name string }
		} `json:"values"`
		Errors []struct{ ID, Code, Message string } `json:"errors"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s %v", w.Code, w.Header(), w.Body, err)
	}
	var order []string
	for _, v := range got.Values {
		if v.Parameter != nil {
			v.Name = v.Parameter.Name
		}
		order = append(order, v.ID+" "+v.Name)
	}
	for _, e := range got.Errors {
		order = append(order, e.ID+" "+e.Code+" "+e.Message)
	}
	want := []string{
		"b bfalse", "/y /ytrue", "a afalse", "/x /xtrue", "b bfalse",
		`no1 ResourceNotFoundException can't find "no1"`, "bad InternalFailure ", `no2 ResourceNotFoundException can't find "no2"`,
	}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
}

func TestABatchIsFetchedAtOnceButBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		s := asking(func(cache.Ref) (cache.Answer, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return secretAnswer(), nil
		})
		began := time.Now()
		w := do(t, newAgent(t, s, io.Discard), "GET", batch+"?"+strings.Repeat("secretId=x&", 100), nil)
		if n := strings.Count(w.Body.String(), `{"id":"x"`); n != 100 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d values", n)
		}
		if took := time.Since(began); took != 7*time.Second || most.Load() != 16 {
			t.Errorf("took %v, %d at once", took, most.Load())
		}
	})
}

func TestABatchSharesCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t)
		for range 2 {
			if r := w.get(t, batch+"?secretId=a&secretId=b&secretId=a"); r.Code != http.StatusOK || strings.Contains(r.Body.String(), "code") {
				t.Errorf("%d %s", r.Code, r.Body)
			}
		}
		if n := w.b.count(); n != 2 {
			t.Errorf("%d calls to the source", n)
		}
		w.get(t, batch+"?secretId=a&secretId=b&refreshNow=true")
		if n := w.b.count(); n != 4 {
			t.Errorf("%d calls to the source", n)
		}
	})
}

func TestABatchRefreshes(t *testing.T) {
	t.Parallel()
	s := &store{answer: secretAnswer()}
	do(t, newAgent(t, s, io.Discard), "GET", batch+"?secretId=a&name=b&refreshNow=1", nil)
	slices.Sort(s.asked)
	if diff := cmp.Diff([]string{"Refresh parameter b", "Refresh secret a"}, s.asked); diff != "" {
		t.Error(diff)
	}
}
