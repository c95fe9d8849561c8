// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// ReadNames are the operations that Reads knows.
var ReadNames = []string{"GetSecretValue", "GetParametersByPath"}

// Reads returns a side that reads from a population at random, by one of ReadNames.
// Each request is signed by itself, so that none of them is at hand.
func (p Population) Reads(name string, t Target, connections int) Side {
	return Side{name, t.Addr, each(connections, func(int) Source {
		var signer sigv4.Signer
		if name == "GetParametersByPath" {
			return func() ([]byte, error) {
				path := p.ParameterPath(rand.IntN(p.Parameters))
				return request(t, &signer, ssm.GetParametersByPath, &ssm.GetParametersByPathInput{Path: &path, MaxResults: new(int32(perPath))})
			}
		}
		return func() ([]byte, error) {
			id := p.SecretName(rand.IntN(p.Secrets))
			return request(t, &signer, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: &id})
		}
	})}
}

// Pass returns a side that reads the value of each secret once, and ends.
func (p Population) Pass(t Target, connections int) Side {
	var next atomic.Int64
	return Side{"GetSecretValue", t.Addr, each(connections, func(int) Source {
		var signer sigv4.Signer
		return func() ([]byte, error) {
			n := int(next.Add(1)) - 1
			if n >= p.Secrets {
				return nil, io.EOF
			}
			id := p.SecretName(n)
			return request(t, &signer, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: &id})
		}
	})}
}

// Writes returns a side that puts values of secrets at random.
func (p Population) Writes(t Target, connections int) Side {
	return Side{"PutSecretValue", t.Addr, each(connections, func(int) Source {
		return func() ([]byte, error) { return puts(t, p.SecretName(rand.IntN(p.Secrets)))() }
	})}
}

// Page is how long one page of ListSecrets takes, in the median.
type Page struct {
	Name string
	Took time.Duration
	// Secrets is how many are on it.
	Secrets int
}

// Pages measures pages of ListSecrets, each so many times: the first one and one in the
// middle, in each order, and with filters.
func (p Population) Pages(ctx context.Context, c awsjson.Caller, times int) ([]Page, error) {
	middle, err := p.middle(ctx, c)
	if err != nil {
		return nil, err
	}
	by := func(order, direction string) *secretsmanager.ListSecretsInput {
		return &secretsmanager.ListSecretsInput{SortBy: &order, SortOrder: &direction}
	}
	filtered := func(key, value string) *secretsmanager.ListSecretsInput {
		return &secretsmanager.ListSecretsInput{Filters: []secretsmanager.Filter{{Key: &key, Values: []string{value}}}}
	}
	var pages []Page
	for _, ask := range []struct {
		name string
		in   *secretsmanager.ListSecretsInput
	}{
		{"the first page", &secretsmanager.ListSecretsInput{}},
		{"a page in the middle", &secretsmanager.ListSecretsInput{NextToken: middle}},
		{"the newest first", by("created-date", "desc")},
		{"by name", by("name", "asc")},
		{"by day of access", by("last-accessed-date", "asc")},
		{"by time of change, the latest first", by("last-changed-date", "desc")},
		{"with a name that few begin with", filtered("name", p.SecretName(p.Secrets - 1)[:len("team-0000")])},
		{"with a name that all begin with", filtered("name", "team-")},
		{"with a tag that one has", filtered("tag-value", fmt.Sprint(p.Secrets-1))},
		{"with a word that all have", filtered("all", "many")},
	} {
		page := Page{Name: ask.name}
		var took []time.Duration
		for range times {
			start := time.Now()
			out, err := awsjson.Do(ctx, c, secretsmanager.ListSecrets, ask.in)
			if err != nil {
				return pages, fmt.Errorf("listing %s: %w", ask.name, err)
			}
			took, page.Secrets = append(took, time.Since(start)), len(out.SecretList)
		}
		slices.Sort(took)
		page.Took = quantile(took, .5)
		pages = append(pages, page)
	}
	return pages, nil
}

// middle goes through half of the list, and returns the token that goes on.
func (p Population) middle(ctx context.Context, c awsjson.Caller) (*string, error) {
	var token *string
	for seen := 0; seen < p.Secrets/2; {
		out, err := awsjson.Do(ctx, c, secretsmanager.ListSecrets, &secretsmanager.ListSecretsInput{NextToken: token})
		if err != nil {
			return nil, fmt.Errorf("listing half of the secrets: %w", err)
		}
		seen += len(out.SecretList)
		if token = out.NextToken; token == nil {
			break
		}
	}
	return token, nil
}
