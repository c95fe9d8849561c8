// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// ServiceControlConfig has the service control policies of accounts, by account: levels, as
// AWS has them from an organization's root by way of its units down to the account, each
// with its documents by name.
type ServiceControlConfig map[string][]map[string]yaml.Node

// errNoLevel refuses what would allow nothing, which somebody who means that writes.
var errNoLevel = errors.New("no policy: in each level one has to allow what is to be allowed")

// compile compiles the policies, and says which one is malformed.
func (c ServiceControlConfig) compile() (map[string][][]policy.Attached, error) {
	all := map[string][][]policy.Attached{}
	for _, account := range slices.Sorted(maps.Keys(c)) {
		if !arn.IsAccount(account) {
			return nil, fmt.Errorf("service-control-policies: account %q: an account id is 12 digits", account)
		}
		for i, documents := range c[account] {
			level, err := compileLevel(documents)
			if err != nil {
				return nil, fmt.Errorf("service-control-policies: account %s, level %d: %w", account, i+1, err)
			}
			all[account] = append(all[account], level)
		}
	}
	return all, nil
}

func compileLevel(documents map[string]yaml.Node) (level []policy.Attached, err error) {
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		node := documents[name]
		text, err := policyDocument(&node)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", name, err)
		}
		compiled, err := policy.Parse([]byte(text), policy.KindServiceControl)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", name, err)
		}
		level = append(level, policy.Attached{Name: name, Policy: compiled})
	}
	if level == nil {
		return nil, errNoLevel
	}
	return level, nil
}
