// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// defaultByPath is the size of a page, in parameters, that the request does not tell:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
const defaultByPath = 10

// checkPath returns a path that parameters may be below: / or levels after a slash,
// with a final slash or without.
func checkPath(path string) (string, error) {
	levels := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if !strings.HasPrefix(path, "/") || path != "/" && (!wellFormed(levels) || hasPrefixFold(levels, "ssm")) {
		return "", api.ValidationException.New(msgPath)
	}
	return path, nil
}

func (s *service) getByPath(ctx context.Context, r kv.Reader, call *gate.Call, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	path, err := checkPath(*in.Path)
	if err != nil {
		return nil, err
	}
	wanted, err := readFilters(in.ParameterFilters, byPathKeys)
	if err != nil {
		return nil, err
	}
	prefix := s.pathPrefix(call, path)
	l := &listing{spans: []span{below(prefix)}, limit: pageSize(in.MaxResults, defaultByPath), match: wanted.match}
	if !isTrue(in.Recursive) {
		l.above = prefix
	}
	scope := append(wanted.scope(), prefix, strconv.FormatBool(isTrue(in.Recursive)))
	if in.NextToken != nil {
		var ok bool
		if l.after, ok = call.Cursor(*in.NextToken, scope...); !ok {
			return nil, ssm.InvalidNextToken.New(msgToken)
		}
	}
	found, next, err := s.page(r, call, l)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParametersByPathOutput{Parameters: []ssm.Parameter{}}
	for _, p := range found {
		v, err := s.filtered(r, call, p, wanted)
		if err != nil {
			return nil, err
		}
		answer, err := s.answer(ctx, r, call, p, v, isTrue(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, *answer)
	}
	if next != "" {
		out.NextToken = new(call.PageToken(next, scope...))
	}
	return out, nil
}

// filtered is the version of p that a filter by label found, or the current one.
func (s *service) filtered(r kv.Reader, call *gate.Call, p *Parameter, wanted filters) (*Version, error) {
	label := wanted.find(keyLabel)
	if label == nil {
		return &p.Current, nil
	}
	n := int64(0)
	for _, name := range label.values {
		n = max(n, p.Labels[name])
	}
	v, err := s.version(r, call, p, n)
	if err == nil && v == nil {
		v = &p.Current
	}
	return v, err
}
