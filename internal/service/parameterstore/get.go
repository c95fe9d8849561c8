// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

func (s *service) get(ctx context.Context, r kv.Reader, call *gate.Call, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	ref, err := refer(call, *in.Name)
	if err != nil {
		return nil, err
	}
	p, err := s.read(ctx, r, call, ref, isTrue(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterOutput{Parameter: p}, nil
}

// getMany answers each name once. Those that are malformed, or have no parameter or
// version, are told apart from errors.
func (s *service) getMany(ctx context.Context, r kv.Reader, call *gate.Call, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	out := &ssm.GetParametersOutput{Parameters: []ssm.Parameter{}, InvalidParameters: []string{}}
	for _, asked := range unique(in.Names) {
		ref, err := refer(call, asked)
		if api.ValidationException.Is(err) {
			out.InvalidParameters = append(out.InvalidParameters, asked)
			continue
		}
		if err != nil {
			return nil, err
		}
		p, err := s.read(ctx, r, call, ref, isTrue(in.WithDecryption))
		switch {
		case ssm.ParameterNotFound.Is(err), ssm.ParameterVersionNotFound.Is(err):
			out.InvalidParameters = append(out.InvalidParameters, asked)
		case err != nil:
			return nil, err
		default:
			out.Parameters = append(out.Parameters, *p)
		}
	}
	return out, nil
}

// unique returns the names without those that came before.
func unique(names []string) []string {
	seen := make(map[string]bool, len(names))
	var out []string
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// read answers one reference.
func (s *service) read(ctx context.Context, r kv.Reader, call *gate.Call, ref *reference, decrypt bool) (*ssm.Parameter, error) {
	if ref.secret() != "" {
		return readSecret(ctx, r, call, ref, decrypt)
	}
	if ref.elsewhere {
		return nil, ref.notFound()
	}
	call = call.InAccount(ref.account)
	p, err := s.find(r, call, ref.key)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, ref.notFound()
	}
	v, err := s.selected(r, call, p, ref)
	if err != nil {
		return nil, err
	}
	out, err := s.answer(ctx, r, call, p, v, decrypt)
	if err != nil {
		return nil, err
	}
	out.Name = new(ref.shown(p))
	if ref.selector != "" {
		out.Selector = new(":" + ref.selector)
	}
	return out, nil
}

// answer is a version of p as answers have it, by the name that p was created with.
func (s *service) answer(ctx context.Context, r kv.Reader, call *gate.Call, p *Parameter, v *Version, decrypt bool) (*ssm.Parameter, error) {
	arn := parameterARN(call, p.key())
	value, err := s.value(ctx, r, call, v, arn, decrypt)
	if err != nil {
		return nil, err
	}
	return &ssm.Parameter{
		Name: new(p.Name), Type: new(v.Type), Value: value, Version: new(v.Number),
		LastModifiedDate: new(api.NewTime(v.Modified)), ARN: &arn, DataType: new(v.DataType),
	}, nil
}
