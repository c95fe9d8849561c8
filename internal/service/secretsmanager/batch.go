// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"errors"

	"github.com/coffer-secrets/coffer/internal/api"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// defaultBatch is how many secrets a batch by filters has, unless the request says
// less: the most that it can ask for (API Reference, BatchGetSecretValue).
const defaultBatch = 20

// batch returns the current values of the secrets that the request lists, or that its
// filters find. Each is a GetSecretValue of the caller's, decided and recorded by
// itself as AWS does it; one that fails is told of among the errors.
func (s *Service) batch(ctx context.Context, r kv.Reader, call *gate.Call, in *sm.BatchGetSecretValueInput) (*sm.BatchGetSecretValueOutput, error) {
	out := &sm.BatchGetSecretValueOutput{SecretValues: []sm.SecretValueEntry{}, Errors: []sm.APIErrorType{}}
	ids, next, err := s.batched(r, call, in)
	if err != nil {
		return nil, err
	}
	out.NextToken = next
	for _, id := range ids {
		got, err := gate.Invoke(ctx, call, r, sm.GetSecretValue, &sm.GetSecretValueInput{SecretId: &id})
		answer, refused := errors.AsType[*api.Error](err)
		switch {
		case refused && answer.HTTPStatus() < 500:
			out.Errors = append(out.Errors, sm.APIErrorType{SecretId: &id, ErrorCode: &answer.Code, Message: &answer.Message})
		case err != nil:
			return nil, err
		default:
			call.Concerns(gate.Target{ARN: *got.ARN, Type: resourceType})
			out.SecretValues = append(out.SecretValues, sm.SecretValueEntry{
				ARN: got.ARN, Name: got.Name, VersionId: got.VersionId, SecretBinary: got.SecretBinary,
				SecretString: got.SecretString, VersionStages: got.VersionStages, CreatedDate: got.CreatedDate,
			})
		}
	}
	return out, nil
}

// batched returns the ids of the secrets that a request asks for: as it lists them, or
// the ARNs of those on the page that its filters find, with the next page's token.
func (s *Service) batched(r kv.Reader, call *gate.Call, in *sm.BatchGetSecretValueInput) (ids []string, next *string, err error) {
	byFilters := len(in.Filters) > 0
	switch {
	case byFilters == (len(in.SecretIdList) > 0):
		return nil, nil, sm.InvalidParameterException.New("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case !byFilters && in.MaxResults != nil:
		return nil, nil, sm.InvalidParameterException.New("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
	case !byFilters && in.NextToken != nil:
		return nil, nil, errPage
	case !byFilters:
		return in.SecretIdList, nil, nil
	}
	if err := call.Authorize(sm.ListSecrets.Action(), everything); err != nil {
		return nil, nil, err
	}
	limit := defaultBatch
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	filters, err := compile(in.Filters)
	if err != nil {
		return nil, nil, err
	}
	scope := scopeOf(in.Filters)
	q := query{filters: filters, order: byCreated, limit: limit}
	if err := q.resume(call, in.NextToken, scope); err != nil {
		return nil, nil, err
	}
	found, last, err := s.query(r, call, q)
	if err != nil {
		return nil, nil, err
	}
	for _, secret := range found {
		ids = append(ids, secret.ARN)
	}
	if last != "" {
		next = new(call.PageToken(last, scope...))
	}
	return ids, next, nil
}
