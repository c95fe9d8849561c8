// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// selected returns the version of p that ref's selector means: a number, a label,
// or the current one when there is no selector.
func (s *service) selected(r kv.Reader, call *gate.Call, p *Parameter, ref *reference) (*Version, error) {
	if ref.selector == "" {
		return &p.Current, nil
	}
	n, labelled := p.Labels[ref.selector]
	if !labelled && strings.Trim(ref.selector, "0123456789") == "" {
		n, _ = strconv.ParseInt(ref.selector, 10, 64) // what is out of range is no version
	}
	v, err := s.version(r, call, p, n)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, noVersion(ref.selector, ref.shown(p))
	}
	return v, nil
}

// noVersion is the answer about a version that a parameter does not have.
func noVersion(version, name string) error {
	return ssm.ParameterVersionNotFound.Newf("Systems Manager could not find version %s of %s. Verify the version and try again.", version, name)
}
