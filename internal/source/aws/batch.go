// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
)

const (
	// worthwhile is the least number of things that are asked for in one call. Fewer take
	// no longer one by one, over the connections that there are, and a batch needs a
	// permission more.
	worthwhile = client.DefaultMaxConns + 1
	// maxSecrets and maxParameters are what one call takes (BatchGetSecretValue:
	// SecretIdList; GetParameters: Names).
	maxSecrets, maxParameters = 20, 10
	// suffixLen is the length of what Secrets Manager appends to a name in an ARN: a
	// hyphen and six characters.
	suffixLen = 7
	// singles is how many single calls are made at once.
	singles = 16
)

// group is what the refs of one batch call have in common.
type group struct {
	kind    cache.Kind
	role    string
	decrypt bool
}

// groupOf returns the group of a ref. A batch has secrets at AWSCURRENT only.
func groupOf(ref cache.Ref) (group, bool) {
	if ref.Kind == cache.Secret {
		return group{ref.Kind, ref.Role, false}, ref.VersionID == "" && (ref.Stage == "" || ref.Stage == current)
	}
	return group{ref.Kind, ref.Role, ref.Decrypt}, !strings.HasPrefix(ref.ID, "/aws/")
}

func (g group) limit() int {
	if g.kind == cache.Secret {
		return maxSecrets
	}
	return maxParameters
}

// FetchMany implements cache.Batcher: BatchGetSecretValue and GetParameters, in parallel.
// What these don't answer, or if they are not allowed, is fetched by single calls.
func (s *Source) FetchMany(ctx context.Context, refs []cache.Ref, done func(i int, v cache.Value, err error)) {
	m := &many{source: s, refs: refs, done: done, places: make(chan struct{}, singles)}
	defer m.wg.Wait()
	groups := map[group][]int{}
	for i, ref := range refs {
		if g, ok := groupOf(ref); ok {
			groups[g] = append(groups[g], i)
		} else {
			m.one(ctx, i)
		}
	}
	for g, members := range groups {
		if len(members) < worthwhile || s.without(g) {
			m.each(ctx, members)
			continue
		}
		for chunk := range slices.Chunk(members, g.limit()) {
			m.wg.Go(func() { m.batch(ctx, g, chunk) })
		}
	}
}

// without reports whether batches of a group were refused before.
func (s *Source) without(g group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[g]
}

func (s *Source) doWithout(g group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil || len(s.refused) >= maxRefused {
		s.refused = map[group]bool{}
	}
	s.refused[g] = true
}

// many is one FetchMany.
type many struct {
	source *Source
	refs   []cache.Ref
	done   func(i int, v cache.Value, err error)
	wg     sync.WaitGroup
	places chan struct{}
}

// one makes a single call, at the side.
func (m *many) one(ctx context.Context, i int) {
	m.wg.Go(func() {
		m.places <- struct{}{}
		defer func() { <-m.places }()
		v, err := m.source.Fetch(ctx, m.refs[i])
		m.done(i, v, err)
	})
}

func (m *many) each(ctx context.Context, members []int) {
	for _, i := range members {
		m.one(ctx, i)
	}
}

// batch makes one call for the members.
func (m *many) batch(ctx context.Context, g group, members []int) {
	values, err := m.ask(ctx, g, members)
	if refusal, ok := refusalOf(err); ok {
		if refusal.Code == api.AccessDeniedException.Code || refusal.Status == http.StatusNotImplemented || refusal.Code == "UnknownOperationException" {
			m.source.doWithout(g)
		}
		m.each(ctx, members)
		return
	}
	for _, i := range members {
		if err != nil {
			m.done(i, cache.Value{}, soft(err))
			continue
		}
		if v, ok := take(values, m.refs[i]); ok {
			m.done(i, v, nil)
		} else {
			m.one(ctx, i) // it says best itself what is wrong
		}
	}
	for _, v := range values {
		v.Wipe() // the members have copies
	}
}

// refusalOf returns the service's refusal of a batch, which single calls may not meet. One
// of STS, or of no service at all, they would meet again.
func refusalOf(err error) (*api.Error, bool) {
	e, ok := errors.AsType[*api.Error](err)
	if _, role := errors.AsType[*client.RoleError](err); !ok || role || client.Unavailable(err) {
		return nil, false
	}
	return e, true
}

func (m *many) ask(ctx context.Context, g group, members []int) ([]cache.Value, error) {
	caller, err := as(m.source.caller, g.role)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, i := range members {
		name := m.refs[i].ID
		if g.kind == cache.Parameter {
			name = withSelector(m.refs[i])
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if g.kind == cache.Parameter {
		return getParameters(ctx, caller, names, g.decrypt)
	}
	return getSecrets(ctx, caller, names)
}

func getSecrets(ctx context.Context, caller awsjson.Caller, ids []string) ([]cache.Value, error) {
	out, err := awsjson.Do(ctx, caller, secretsmanager.BatchGetSecretValue, &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
	if err != nil {
		return nil, err
	}
	var values []cache.Value
	for i := range out.SecretValues {
		one := secretsmanager.GetSecretValueOutput(out.SecretValues[i])
		if v, err := secretValue(&one); err == nil {
			values = append(values, v)
		}
	}
	return values, nil
}

func getParameters(ctx context.Context, caller awsjson.Caller, names []string, decrypt bool) ([]cache.Value, error) {
	out, err := awsjson.Do(ctx, caller, ssm.GetParameters, &ssm.GetParametersInput{Names: names, WithDecryption: &decrypt})
	if err != nil {
		return nil, err
	}
	var values []cache.Value
	for i := range out.Parameters {
		if v, err := parameterValue(&out.Parameters[i]); err == nil {
			values = append(values, v)
		}
	}
	return values, nil
}

// take returns a copy of the one among values that a ref means.
func take(values []cache.Value, ref cache.Ref) (cache.Value, bool) {
	for _, v := range values {
		if answers(&v, ref) {
			return v.Clone(), true
		}
	}
	return cache.Value{}, false
}

// answers reports whether v is what a ref of a batch means: by its name or its ARN, which
// of a secret may lack the suffix.
func answers(v *cache.Value, ref cache.Ref) bool {
	named := ref.ID == v.Name || ref.ID == v.ARN
	if ref.Kind == cache.Secret {
		return named || strings.HasPrefix(v.ARN, ref.ID+"-") && len(v.ARN) == len(ref.ID)+suffixLen
	}
	selector := strings.TrimPrefix(withSelector(ref), ref.ID)
	got := ""
	if s := v.Parameter.Selector; s != nil {
		got = *s
	}
	return named && got == selector
}
