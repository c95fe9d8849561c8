// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// The orders of a list. Each is also what a cursor is made of.
const (
	byCreated  = "created-date"
	byAccessed = "last-accessed-date"
	byChanged  = "last-changed-date"
	byName     = "name"
)

// list lists the account's secrets in the region. A page begins after the place of the
// last secret of the page before, not after so many, so that secrets which come and go
// meanwhile neither hide nor repeat others.
func (s *Service) list(_ context.Context, r kv.Reader, call *gate.Call, in *sm.ListSecretsInput) (*sm.ListSecretsOutput, error) {
	order, descending := byCreated, value(in.SortOrder) == "desc"
	if in.SortBy != nil {
		order = *in.SortBy
	}
	scope := listScope(in, order)
	after := ""
	if in.NextToken != nil {
		var ok bool
		if after, ok = call.Cursor(*in.NextToken, scope...); !ok {
			return nil, errPage
		}
	}
	found, err := s.matching(r, call, in, func(cursor string) bool {
		return after == "" || (cursor != after && (cursor < after) == descending)
	}, order)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b listed) int {
		if descending {
			a, b = b, a
		}
		return cmp.Compare(a.cursor, b.cursor)
	})
	limit := defaultPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &sm.ListSecretsOutput{SecretList: []sm.SecretListEntry{}}
	if len(found) > limit {
		out.NextToken = new(call.PageToken(found[limit-1].cursor, scope...))
		found = found[:limit]
	}
	for _, l := range found {
		out.SecretList = append(out.SecretList, l.secret.entry())
	}
	return out, nil
}

// listed is a secret at its place in the order.
type listed struct {
	cursor string
	secret *Secret
}

// matching returns the secrets that the request asks for whose place wanted takes.
func (s *Service) matching(r kv.Reader, call *gate.Call, in *sm.ListSecretsInput, wanted func(cursor string) bool, order string) ([]listed, error) {
	filters, err := compile(in.Filters)
	if err != nil {
		return nil, err
	}
	planned := is(in.IncludePlannedDeletion, false)
	var found []listed
	for item, err := range s.listed.All(r, "", call.Account, call.Region) {
		if err != nil {
			return nil, err
		}
		secret := item.Value
		if secret.gone(call.Time) || (!secret.Deleted.IsZero() && !planned) {
			continue
		}
		if cursor := secret.cursor(order); wanted(cursor) && filters.match(secret) {
			found = append(found, listed{cursor, secret})
		}
	}
	return found, nil
}

// cursor is the secret's place in an order: its order as text is that of the list.
// No two secrets have the same one.
func (s *Secret) cursor(order string) string {
	var at time.Time
	switch order {
	case byName:
		return s.Name
	case byCreated:
		at = s.Created
	case byAccessed:
		at = s.Accessed
	case byChanged:
		at = s.Changed
	}
	return at.UTC().Format(orderedTime) + s.Name
}

// listScope is what must stay the same from page to page.
func listScope(in *sm.ListSecretsInput, order string) []string {
	scope := []string{order, value(in.SortOrder), strconv.FormatBool(is(in.IncludePlannedDeletion, false))}
	for _, f := range in.Filters {
		scope = append(scope, "filter", value(f.Key))
		scope = append(scope, f.Values...)
	}
	return scope
}

// entry is the secret as lists show it.
func (s *Secret) entry() sm.SecretListEntry {
	return sm.SecretListEntry{
		ARN: &s.ARN, Name: &s.Name,
		Type: unlessEmpty(s.Type), Description: unlessEmpty(s.Description), KmsKeyId: unlessEmpty(s.KMSKey),
		CreatedDate: dated(s.Created), LastChangedDate: dated(s.Changed),
		LastAccessedDate: dated(s.Accessed), DeletedDate: dated(s.Deleted),
		Tags: s.tags(), SecretVersionsToStages: s.Versions.labelled(),
	}
}
