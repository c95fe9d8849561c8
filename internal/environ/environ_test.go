// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package environ_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/environ"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// vault is a source that takes a second for each value, and counts.
type vault struct {
	mu    sync.Mutex
	calls map[string]int
	given []secret.Value
}

func (v *vault) get(ctx context.Context, ref cache.Ref) (cache.Answer, error) {
	v.mu.Lock()
	if v.calls == nil {
		v.calls = map[string]int{}
	}
	v.calls[ref.ID]++
	v.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return cache.Answer{}, ctx.Err()
	}
	a := cache.Answer{Value: cache.Value{Text: secret.FromString("hunter2-" + ref.ID)}}
	switch ref.ID {
	case "db":
		a.Text = secret.FromString(`{"user":"app","password":"hunter2"}`)
	case "nul":
		a.Text = secret.FromString("hunter2\x00")
	case "binary":
		a.Text, a.Binary = secret.Value{}, secret.FromString("hunter2")
	case "denied":
		return cache.Answer{}, errors.New("AccessDeniedException: no")
	}
	v.mu.Lock()
	v.given = append(v.given, a.Text)
	v.mu.Unlock()
	return a, nil
}

func TestResolve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var v vault
		began := time.Now()
		env := []string{
			"PATH=/bin", "EMPTY=", "=C:=x", "broken",
			"PASSWORD={{resolve:secretsmanager:db:SecretString:password}}",
			"DSN=postgres://{{resolve:secretsmanager:db:SecretString:user}}:{{resolve:secretsmanager:db:SecretString:password}}@h/db",
			"KEY={{resolve:ssm-secure:/key}}", "AGAIN=vault:a", "AGAIN=vault:a",
			"COFFER_PREFETCH=vault:none", "COFFER_X={{resolve:broken",
		}
		got, err := environ.Resolve(t.Context(), env, nil, v.get)
		want := []string{
			"PATH=/bin", "EMPTY=", "=C:=x", "broken",
			"PASSWORD=hunter2", "DSN=postgres://app:hunter2@h/db",
			"KEY=hunter2-/key", "AGAIN=hunter2-vault:a", "AGAIN=hunter2-vault:a",
			"COFFER_PREFETCH=vault:none", "COFFER_X={{resolve:broken",
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if diff := cmp.Diff(map[string]int{"db": 1, "/key": 1, "vault:a": 1}, v.calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v: not all were asked for at once", took)
		}
		if env[4] != "PASSWORD={{resolve:secretsmanager:db:SecretString:password}}" {
			t.Error("the caller's environment was changed")
		}
		for _, value := range v.given {
			if value.Len() > 0 && value.Reveal()[0] != 0 {
				t.Error("a value was not wiped")
			}
		}
	})
}

func TestOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var v vault
		env := []string{"A=vault:a", "B=vault:b", "C={{resolve:broken", "COFFER_D=vault:d"}
		got, err := environ.Resolve(t.Context(), env, []string{"B", "COFFER_D", "E"}, v.get)
		if diff := cmp.Diff([]string{"A=vault:a", "B=hunter2-vault:b", "C={{resolve:broken", "COFFER_D=vault:d"}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestResolveFails(t *testing.T) {
	t.Parallel()
	for want, env := range map[string][]string{
		"A: denied: AccessDeniedException: no\nC: x#f: the value is not a JSON object": {
			"A=hunter2{{resolve:secretsmanager:denied}}", "B=vault:b", "C={{resolve:secretsmanager:x:SecretString:f}}",
		},
		"A: a reference has no end: }} is missing\nB: a reference names a source that is not known": {
			"A=hunter2{{resolve:ssm:x", "B={{resolve:hunter2:x}}", "C=vault:b",
		},
		"A: the value has a NUL byte: an environment variable can't hold it":           {"A=x{{resolve:secretsmanager:nul}}"},
		"A: binary: the value is binary: an environment variable can't hold it":        {"A={{resolve:secretsmanager:binary}}"},
		"A: vault:a: context deadline exceeded\nB: vault:b: context deadline exceeded": {"A=vault:a", "B=vault:b", "TIMEOUT=1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var v vault
			ctx, cancel := t.Context(), func() {}
			if env[len(env)-1] == "TIMEOUT=1" {
				ctx, cancel = context.WithTimeout(ctx, 10*time.Millisecond)
			}
			defer cancel()
			if got, err := environ.Resolve(ctx, env, nil, v.get); fmt.Sprint(err) != want || got != nil {
				t.Errorf("%q: %v\nwant %s", env, err, want)
			}
		})
	}
}
