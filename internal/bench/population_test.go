// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// small is a population that is filled at once.
var small = Population{Secrets: 230, Versions: 3, Parameters: 120}

func fillSmall(t *testing.T, dir string) (told []int) {
	t.Helper()
	if err := Fill(t.Context(), dir, small, func(done int) { told = append(told, done) }); err != nil {
		t.Fatal(err)
	}
	return told
}

// serveSmall serves a directory that is filled, and returns a target and a caller.
func serveSmall(t *testing.T, dir string) (Target, awsjson.Caller) {
	t.Helper()
	s, err := server.Open(t.Context(), server.Config{Data: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		listener.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	key, err := s.DevKey(t.Context(), "", secret.Value{})
	if err != nil {
		t.Fatal(err)
	}
	credentials := sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	return Target{Addr: strings.TrimPrefix(listener.URL, "http://"), Credentials: credentials, Region: s.Config.Region},
		&inProcess{handler: s.Handler(), region: s.Config.Region, key: credentials}
}

func TestFill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if told := fillSmall(t, dir); told[len(told)-1] != small.Total() {
		t.Errorf("was told of %v calls, want %d in the end", told, small.Total())
	}
	if told := fillSmall(t, dir); told != nil {
		t.Error("a directory that is filled was filled again")
	}
	other := small
	other.Versions++
	if err := Fill(t.Context(), dir, other, nil); err == nil || !strings.Contains(err.Error(), "has 230 secrets") {
		t.Errorf("a directory with another population: %v", err)
	}
	target, c := serveSmall(t, dir)
	for _, n := range []int{0, 99, 100, small.Secrets - 1} {
		id := small.SecretName(n)
		got, err := awsjson.Do(t.Context(), c, secretsmanager.ListSecretVersionIds, &secretsmanager.ListSecretVersionIdsInput{SecretId: &id, IncludeDeprecated: new(true)})
		if err != nil || len(got.Versions) != small.Versions {
			t.Errorf("%s has versions %v, %v", id, got, err)
		}
	}
	for n := range small.Parameters / perPath {
		path := small.ParameterPath(n * perPath)
		got, err := awsjson.Do(t.Context(), c, ssm.GetParametersByPath, &ssm.GetParametersByPathInput{Path: &path})
		if err != nil || len(got.Parameters) != perPath || got.NextToken != nil {
			t.Errorf("%s has %v, %v", path, got, err)
		}
	}
	t.Run("each side is answered", func(t *testing.T) {
		sides := []Side{small.Pass(target, 4), small.Writes(target, 4)}
		for _, name := range ReadNames {
			sides = append(sides, small.Reads(name, target, 4))
		}
		for i, side := range sides {
			calls := 50
			if i == 0 {
				calls = small.Secrets
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			left := calls
			sources := side.Sources[:1]
			if i > 0 {
				sources = []Source{some(side.Sources[0], left, cancel)}
			}
			r, err := Run(ctx, side.Addr, sources, Options{Duration: time.Minute})
			if err != nil || r.Calls != calls || r.Failed != 0 {
				t.Errorf("%s: %+v, %v", side.Name, r, err)
			}
		}
	})
	t.Run("each page is listed", func(t *testing.T) {
		pages, err := small.Pages(t.Context(), c, 1)
		if err != nil || len(pages) != 10 {
			t.Fatal(pages, err)
		}
		for _, p := range pages {
			if p.Took <= 0 || p.Secrets == 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}

func TestFillLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "coffer.db"), []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Fill(t.Context(), dir, small, nil); err == nil || !strings.Contains(err.Error(), "neither empty nor filled") {
		t.Errorf("a directory with something in it: %v", err)
	}
}

func TestFillEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	dir := filepath.Join(t.TempDir(), "data")
	many := Population{Secrets: 1 << 30, Versions: 1, Parameters: 1}
	if err := Fill(ctx, dir, many, func(int) { cancel(why) }); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if err := Fill(t.Context(), dir, many, nil); err == nil {
		t.Error("what was not filled to the end was taken for filled")
	}
}

func TestASourceMayEnd(t *testing.T) {
	t.Parallel()
	target, _ := serveFloor(t)
	left, floor := 3, FloorSource(target)
	r, err := Run(t.Context(), target.Addr, []Source{func() ([]byte, error) {
		if left--; left < 0 {
			return nil, io.EOF
		}
		return floor()
	}}, Options{Duration: time.Minute})
	if err != nil || r.Calls != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestMemoryOf(t *testing.T) {
	t.Parallel()
	m, err := MemoryOf(os.Getpid())
	if runtime.GOOS != "linux" {
		if err == nil {
			t.Error("memory was told where there is no /proc")
		}
		return
	}
	if err != nil || m.Anonymous < 1<<20 || m.File < 1<<20 || m.Anonymous > 1<<40 {
		t.Errorf("%+v, %v", m, err)
	}
}
