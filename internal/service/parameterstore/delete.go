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

func (s *service) delete(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	p, err := s.named(tx, call, *in.Name)
	if err != nil {
		return nil, err
	}
	return &ssm.DeleteParameterOutput{}, s.discard(tx, call, p)
}

// discard deletes a parameter as a caller wants it.
func (s *service) discard(tx kv.Tx, call *gate.Call, p *Parameter) error {
	if err := p.tell(tx, call, change{Operation: changeDelete}); err != nil {
		return err
	}
	return s.remove(tx, call, p)
}

// deleteMany deletes what it can: names that are malformed or have no parameter are
// told apart from errors.
func (s *service) deleteMany(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	out := &ssm.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, asked := range unique(in.Names) {
		p, err := s.named(tx, call, asked)
		if ssm.ParameterNotFound.Is(err) || api.ValidationException.Is(err) {
			out.InvalidParameters = append(out.InvalidParameters, asked)
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := s.discard(tx, call, p); err != nil {
			return nil, err
		}
		out.DeletedParameters = append(out.DeletedParameters, asked)
	}
	return out, nil
}
