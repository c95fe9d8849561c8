// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// defaultPage is how many items a list has, unless the request says less: the most
// that it can ask for.
const defaultPage = 100

// listVersions lists the versions of a secret, the oldest first, of one that waits for
// its deletion, too.
func (s *Service) listVersions(_ context.Context, r kv.Reader, call *gate.Call, in *sm.ListSecretVersionIdsInput) (*sm.ListSecretVersionIdsOutput, error) {
	secret, err := s.find(r, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	deprecated := is(in.IncludeDeprecated, false)
	scope := []string{secret.UID, strconv.FormatBool(deprecated)}
	after := ""
	if in.NextToken != nil {
		var ok bool
		if after, ok = call.Cursor(*in.NextToken, scope...); !ok {
			return nil, errPage
		}
	}
	limit := defaultPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	found, err := s.page(r, secret, page{after, limit + 1, deprecated})
	if err != nil {
		return nil, err
	}
	out := &sm.ListSecretVersionIdsOutput{ARN: &secret.ARN, Name: &secret.Name, Versions: []sm.SecretVersionsListEntry{}}
	if len(found) > limit {
		out.NextToken = new(call.PageToken(found[limit-1].place, scope...))
		found = found[:limit]
	}
	for _, v := range found {
		out.Versions = append(out.Versions, v.entry())
	}
	return out, nil
}

// placed is a version at its place by age: the key that it has in the index, or would
// have. It stays there when its labels come and go.
type placed struct {
	place, id string
	*Version
}

// page is what is asked of the versions of a secret.
type page struct {
	after      string // a place
	limit      int
	deprecated bool // these, too
}

// page returns the versions beyond a place, the oldest first.
func (s *Service) page(r kv.Reader, secret *Secret, p page) ([]placed, error) {
	var found []placed
	for id, v := range secret.Versions {
		if place := s.deprecated.Key((version{secret, id}).place(v.Created)...); place > p.after {
			found = append(found, placed{place, id, &v})
		}
	}
	if p.deprecated {
		index, err := s.deprecatedFrom(r, secret, p)
		if err != nil {
			return nil, err
		}
		found = append(found, index...)
	}
	slices.SortFunc(found, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	return found[:min(len(found), p.limit)], nil
}

// deprecatedFrom is page for the deprecated versions alone.
func (s *Service) deprecatedFrom(r kv.Reader, secret *Secret, p page) ([]placed, error) {
	var found []placed
	scan := kv.Range{Prefix: placesOf(secret)}
	if p.after != "" {
		scan.Start = p.after + "\x00"
	}
	for item, err := range s.deprecated.Scan(r, scan) {
		if err != nil {
			return nil, err
		}
		found = append(found, placed{s.deprecated.Key(item.Segments...), item.Segments[len(item.Segments)-1], item.Value})
		if len(found) == p.limit {
			break
		}
	}
	return found, nil
}

// entry is the version as lists show it.
func (v placed) entry() sm.SecretVersionsListEntry {
	e := sm.SecretVersionsListEntry{
		VersionId: &v.id, VersionStages: v.Stages, CreatedDate: dated(v.Created), LastAccessedDate: dated(v.Accessed),
	}
	for _, key := range v.KMSKeys {
		if key == "" {
			key = "DefaultEncryptionKey" // AWS's name for aws/secretsmanager here
		}
		e.KmsKeyIds = append(e.KmsKeyIds, key)
	}
	return e
}
