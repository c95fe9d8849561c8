// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// defaultHistory is the size of a page, in versions, that the request does not tell:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html
const defaultHistory = 50

const msgToken = "The specified token isn't valid."

// history lists the versions that are kept, oldest first.
func (s *service) history(ctx context.Context, r kv.Reader, call *gate.Call, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	ref, err := refer(call, *in.Name)
	if err != nil {
		return nil, err
	}
	if ref.selector != "" {
		return nil, api.ValidationException.New(msgName)
	}
	call = call.InAccount(ref.account)
	var p *Parameter
	if !ref.elsewhere {
		p, err = s.find(r, call, ref.key)
	}
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, ref.notFound()
	}
	n := p.Oldest
	if in.NextToken != nil {
		cursor, ok := call.Cursor(*in.NextToken, ref.key, p.Generation)
		if !ok {
			return nil, ssm.InvalidNextToken.New(msgToken)
		}
		from, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil {
			return nil, err
		}
		n = max(n, from)
	}
	out := &ssm.GetParameterHistoryOutput{Parameters: []ssm.ParameterHistory{}}
	for limit := pageSize(in.MaxResults, defaultHistory); n <= p.Current.Number && len(out.Parameters) < limit; n++ {
		v, err := s.version(r, call, p, n)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		entry, err := s.historyEntry(ctx, r, call, p, v, isTrue(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		entry.Name = new(ref.shown(p))
		out.Parameters = append(out.Parameters, *entry)
	}
	if n <= p.Current.Number {
		out.NextToken = new(call.PageToken(strconv.FormatInt(n, 10), ref.key, p.Generation))
	}
	return out, nil
}

func (s *service) historyEntry(ctx context.Context, r kv.Reader, call *gate.Call, p *Parameter, v *Version, decrypt bool) (*ssm.ParameterHistory, error) {
	value, err := s.value(ctx, r, call, v, parameterARN(call, p.key()), decrypt)
	if err != nil {
		return nil, err
	}
	return &ssm.ParameterHistory{
		Type: new(v.Type), KeyId: present(v.KeyID), LastModifiedDate: new(api.NewTime(v.Modified)), LastModifiedUser: new(v.User),
		Description: present(v.Description), Value: value, AllowedPattern: present(v.AllowedPattern), Version: new(v.Number),
		Labels: p.labelsOf(v.Number), Tier: new(v.Tier), Policies: shownPolicies(call, p, v), DataType: new(v.DataType),
	}, nil
}

// present is a member that answers leave out when it is empty.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// pageSize is how many results a page may have. The validator bounds what is asked.
func pageSize(asked *int32, otherwise int) int {
	if asked == nil {
		return otherwise
	}
	return int(*asked)
}
