// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"strconv"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// list lists the account's secrets in the region.
func (s *Service) list(_ context.Context, r kv.Reader, call *gate.Call, in *sm.ListSecretsInput) (*sm.ListSecretsOutput, error) {
	filters, err := compile(in.Filters)
	if err != nil {
		return nil, err
	}
	q := query{
		filters: filters, planned: is(in.IncludePlannedDeletion, false),
		order: byCreated, descending: value(in.SortOrder) == "desc", limit: defaultPage,
	}
	if in.SortBy != nil {
		q.order = *in.SortBy
	}
	if in.MaxResults != nil {
		q.limit = int(*in.MaxResults)
	}
	scope := append(scopeOf(in.Filters), q.order, value(in.SortOrder), strconv.FormatBool(q.planned))
	if err := q.resume(call, in.NextToken, scope); err != nil {
		return nil, err
	}
	found, last, err := s.query(r, call, q)
	if err != nil {
		return nil, err
	}
	out := &sm.ListSecretsOutput{SecretList: []sm.SecretListEntry{}}
	for _, secret := range found {
		out.SecretList = append(out.SecretList, secret.entry())
	}
	if last != "" {
		out.NextToken = new(call.PageToken(last, scope...))
	}
	return out, nil
}

// scopeOf is the part of a page token's scope that filters are: what must stay the same
// from page to page.
func scopeOf(filters []sm.Filter) []string {
	var scope []string
	for _, f := range filters {
		scope = append(append(scope, "filter", value(f.Key)), f.Values...)
	}
	return scope
}

// entry is the secret as lists show it.
func (s *Secret) entry() sm.SecretListEntry {
	rotation := s.Rotation.shown()
	return sm.SecretListEntry{
		ARN: &s.ARN, Name: &s.Name,
		Type: unlessEmpty(s.Type), Description: unlessEmpty(s.Description), KmsKeyId: unlessEmpty(s.KMSKey),
		CreatedDate: dated(s.Created), LastChangedDate: dated(s.Changed),
		LastAccessedDate: dated(s.Accessed), DeletedDate: dated(s.Deleted),
		Tags: s.tags(), SecretVersionsToStages: s.Versions.labelled(), PrimaryRegion: unlessEmpty(s.primaryRegion()),
		RotationEnabled: rotation.enabled, RotationLambdaARN: rotation.function, RotationRules: rotation.rules,
		LastRotatedDate: rotation.last, NextRotationDate: rotation.next,
		ExternalSecretRotationMetadata: rotation.metadata, ExternalSecretRotationRoleArn: rotation.role,
	}
}
