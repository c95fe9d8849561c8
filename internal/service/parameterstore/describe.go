// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// defaultDescribe is the size of a page, in parameters, that the request does not
// tell. AWS documents the largest, 50, and answers with 10.
const defaultDescribe = 10

const msgBothFilters = "You can use either Filters or ParameterFilters in a single request."

func (s *service) describe(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	wanted, err := describeFilters(in)
	if err != nil {
		return nil, err
	}
	l := &listing{limit: pageSize(in.MaxResults, defaultDescribe), match: wanted.match}
	l.spans, l.above = s.spans(call, wanted)
	scope := wanted.scope()
	if in.NextToken != nil {
		var ok bool
		if l.after, ok = call.Cursor(*in.NextToken, scope...); !ok {
			return nil, ssm.InvalidNextToken.New(msgToken)
		}
	}
	out := &ssm.DescribeParametersOutput{Parameters: []ssm.ParameterMetadata{}}
	if isTrue(in.Shared) {
		return out, nil // what a resource policy shares is not listed, as long as it is no resource share of RAM
	}
	found, next, err := s.page(r, call, l)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		out.Parameters = append(out.Parameters, metadata(call, p))
	}
	if next != "" {
		out.NextToken = new(call.PageToken(next, scope...))
	}
	return out, nil
}

func metadata(call *gate.Call, p *Parameter) ssm.ParameterMetadata {
	v := &p.Current
	return ssm.ParameterMetadata{
		Name: new(p.Name), ARN: new(parameterARN(call, p.key())), Type: new(v.Type), KeyId: present(v.KeyID),
		LastModifiedDate: new(api.NewTime(v.Modified)), LastModifiedUser: new(v.User), Description: present(v.Description),
		AllowedPattern: present(v.AllowedPattern), Version: new(v.Number), Tier: new(v.Tier),
		Policies: shownPolicies(call, p, v), DataType: new(v.DataType),
	}
}

// describeFilters reads ParameterFilters, or the deprecated Filters, whose names are
// beginnings of names.
func describeFilters(in *ssm.DescribeParametersInput) (filters, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, api.ValidationException.New(msgBothFilters)
	}
	all := in.ParameterFilters
	for _, f := range in.Filters {
		option := optionEquals
		if *f.Key == keyName {
			option = optionBeginsWith
		}
		all = append(all, ssm.ParameterStringFilter{Key: f.Key, Option: &option, Values: f.Values})
	}
	return readFilters(all, describeKeys)
}

// spans are where the parameters that filters want can be: those of a name or a
// path are looked for in their ranges, all others everywhere. Above is as in a listing.
func (s *service) spans(call *gate.Call, wanted filters) (spans []span, above string) {
	root := s.root(call)
	if f := wanted.find(keyName); f != nil && f.option != optionContains {
		for _, value := range f.values {
			start := root + strings.TrimPrefix(value, "/")
			end := start + "\x00"
			if f.option == optionBeginsWith {
				end = start + "\x7f" // above all characters of names
			}
			spans = append(spans, span{start, end})
		}
		return union(spans), ""
	}
	if f := wanted.find(keyPath); f != nil {
		for _, path := range f.values {
			spans = append(spans, below(s.pathPrefix(call, path)))
		}
		if len(f.values) == 1 && f.option == optionOneLevel {
			above = s.pathPrefix(call, f.values[0])
		}
		return union(spans), above
	}
	return []span{below(root)}, ""
}
