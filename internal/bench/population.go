// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Population is what a data directory is filled with: secrets, each with so many
// versions, and parameters in a hierarchy.
type Population struct {
	Secrets    int `json:"secrets"`
	Versions   int `json:"versions"`
	Parameters int `json:"parameters"`
}

// Total is how many calls fill a directory.
func (p Population) Total() int { return p.Secrets*p.Versions + p.Parameters }

// perPath is how many parameters are at once below a path of the hierarchy: a page of
// GetParametersByPath. perTeam is how many secrets share the beginning of their names.
const (
	perPath = 10
	perTeam = 100
)

// SecretName is the name of the secret with that number, from zero.
func (p Population) SecretName(n int) string {
	return fmt.Sprintf("team-%04d/service/secret-%06d", n/perTeam, n)
}

// ParameterPath is the path of the parameter with that number, and ParameterName its name.
func (p Population) ParameterPath(n int) string {
	return fmt.Sprintf("/scale/%03d/%02d", n/perPath/100, n/perPath%100)
}

// ParameterName is the name of the parameter with that number, from zero.
func (p Population) ParameterName(n int) string {
	return fmt.Sprintf("%s/parameter-%d", p.ParameterPath(n), n%perPath)
}

// populationFile marks a data directory that was filled to its end.
const populationFile = "population.json"

// fillers is how many calls fill a directory at once. They share commits.
const fillers = 128

// Fill fills the data directory dir, through all that a server does with a call but the
// network, or finds it filled already. A directory that something else is in, or what
// was not filled to the end, is an error. Progress is told the number of calls done,
// twice a second. The directory's own root has the key that Server.DevKey makes.
func Fill(ctx context.Context, dir string, p Population, progress func(done int)) error {
	done, err := filled(dir, p)
	if done || err != nil {
		return err
	}
	s, err := server.Open(ctx, server.Config{Data: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = fill(ctx, s, p, progress)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	mark, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, populationFile), mark, 0o600)
}

// filled says whether a directory has that population, or nothing.
func filled(dir string, p Population) (bool, error) {
	mark, err := os.ReadFile(filepath.Join(dir, populationFile))
	if errors.Is(err, fs.ErrNotExist) {
		switch entries, err := os.ReadDir(dir); {
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		case err != nil:
			return false, err
		case len(entries) > 0:
			return false, fmt.Errorf("%s is neither empty nor filled to the end: remove it, or name another directory", dir)
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var has Population
	if err := json.Unmarshal(mark, &has); err != nil {
		return false, fmt.Errorf("%s: %w", populationFile, err)
	}
	if has != p {
		return false, fmt.Errorf("%s has %d secrets of %d versions and %d parameters: name another directory", dir, has.Secrets, has.Versions, has.Parameters)
	}
	return true, nil
}

func fill(ctx context.Context, s *server.Server, p Population, progress func(done int)) error {
	key, err := s.DevKey(ctx, "", secret.Value{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, calls atomic.Int64
	var wg sync.WaitGroup
	for range fillers {
		wg.Go(func() {
			c := &inProcess{handler: s.Handler(), region: s.Config.Region, key: sigv4.Credentials{
				AccessKeyID: key.ID, SecretAccessKey: key.Secret,
			}}
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= p.Secrets+p.Parameters {
					return
				}
				if err := p.make(ctx, c, n, &calls); err != nil {
					cancel(err)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for {
		select {
		case <-over:
			progress(int(calls.Load()))
			return context.Cause(ctx)
		case <-tick.C:
			progress(int(calls.Load()))
		}
	}
}

// make makes the secret or the parameter with that number, and counts its calls.
func (p Population) make(ctx context.Context, c awsjson.Caller, n int, calls *atomic.Int64) error {
	if n >= p.Secrets {
		defer calls.Add(1)
		_, err := awsjson.Do(ctx, c, ssm.PutParameter, &ssm.PutParameterInput{
			Name: new(p.ParameterName(n - p.Secrets)), Type: new(ssm.ParameterTypeString), Value: secret.NewText(Value),
		})
		return err
	}
	name := p.SecretName(n)
	if _, err := awsjson.Do(ctx, c, secretsmanager.CreateSecret, &secretsmanager.CreateSecretInput{
		Name: &name, ClientRequestToken: new(token()), SecretString: secret.NewText(Value), Description: new("One of many"),
		Tags: []secretsmanager.Tag{{Key: new("number"), Value: new(fmt.Sprint(n))}},
	}); err != nil {
		return err
	}
	calls.Add(1)
	for range p.Versions - 1 {
		if _, err := awsjson.Do(ctx, c, secretsmanager.PutSecretValue, &secretsmanager.PutSecretValueInput{
			SecretId: &name, ClientRequestToken: new(token()), SecretString: secret.NewText(Value),
		}); err != nil {
			return err
		}
		calls.Add(1)
	}
	return nil
}
