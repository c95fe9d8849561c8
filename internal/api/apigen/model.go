// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// A model is one file of aws/: a service's operations and shapes.
type model struct {
	Metadata struct {
		APIVersion     string
		Protocol       string
		TargetPrefix   string
		EndpointPrefix string
		SigningName    string
		ServiceID      string
	}
	Operations map[string]operation
	Shapes     map[string]*shape
}

// An operation names its shapes. Input and Output may be empty.
type operation struct {
	Input, Output string
	Errors        []string
}

// A shape is a type of the model, with its constraints.
type shape struct {
	Type      string
	Members   members
	Required  []string
	Min, Max  *int64
	Pattern   string
	Enum      []string
	Sensitive bool
	Member    string // of a list: its elements' shape
	Key       string // of a map
	Value     string // of a map
	Exception bool
	Fault     bool
	Error     *struct {
		Code           string
		HTTPStatusCode int
	}
	IdempotencyTokens []string
}

// A member is a named part of a structure.
type member struct{ name, shape string }

// members keep the model's order, which is the order of validation errors.
type members []member

// UnmarshalJSON reads an object in the order in which it is written.
func (m *members) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var shape string
		if err := d.Decode(&shape); err != nil {
			return err
		}
		*m = append(*m, member{name.(string), shape})
	}
	return nil
}

// readModel reads and checks one file: every name in it must lead to a shape.
func readModel(dir, service string) (*model, error) {
	data, err := os.ReadFile(filepath.Join(dir, service+".json"))
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("reading %s: %w", service, err)
	}
	for name, op := range m.Operations {
		for _, ref := range append([]string{op.Input, op.Output}, op.Errors...) {
			if ref != "" && m.Shapes[ref] == nil {
				return nil, fmt.Errorf("%s: operation %s names the unknown shape %s", service, name, ref)
			}
		}
	}
	for name, s := range m.Shapes {
		refs := []string{s.Member, s.Key, s.Value}
		for _, member := range s.Members {
			refs = append(refs, member.shape)
		}
		for _, ref := range refs {
			if ref != "" && m.Shapes[ref] == nil {
				return nil, fmt.Errorf("%s: shape %s names the unknown shape %s", service, name, ref)
			}
		}
	}
	return m, nil
}

// reach returns the structures that can be reached from the given shapes, these
// included.
func (m *model) reach(from []string) map[string]bool {
	seen := map[string]bool{}
	for len(from) > 0 {
		name := from[len(from)-1]
		from = from[:len(from)-1]
		s := m.Shapes[name]
		if s == nil || seen[name] {
			continue
		}
		seen[name] = true
		from = append(from, s.Member, s.Key, s.Value)
		for _, member := range s.Members {
			from = append(from, member.shape)
		}
	}
	for name := range seen {
		if m.Shapes[name].Type != "structure" {
			delete(seen, name)
		}
	}
	return seen
}
