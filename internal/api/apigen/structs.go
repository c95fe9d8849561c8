// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// messages writes the request and the response of each operation.
func (g *generator) messages(b *bytes.Buffer) error {
	for _, name := range g.operationNames() {
		op := g.Operations[name]
		fmt.Fprintf(b, "// %sInput is the request of %s.\n", name, name)
		if err := g.structure(b, name+"Input", op.Input, true); err != nil {
			return err
		}
		fmt.Fprintf(b, "// %sOutput is the response of %s.\n", name, name)
		if err := g.structure(b, name+"Output", op.Output, false); err != nil {
			return err
		}
	}
	return nil
}

// types writes the structures inside of requests and responses.
func (g *generator) types(b *bytes.Buffer) error {
	requested := g.reach(g.inputs())
	nested := g.reach(append(g.inputs(), g.outputs()...))
	for _, name := range append(g.inputs(), g.outputs()...) {
		delete(nested, name)
	}
	for _, name := range slices.Sorted(maps.Keys(nested)) {
		fmt.Fprintf(b, "// %s is a part of %s.\n", upperFirst(name), g.users(name))
		if err := g.structure(b, upperFirst(name), name, requested[name]); err != nil {
			return err
		}
	}
	return nil
}

// users says where a structure is used, naming three places at most.
func (g *generator) users(used string) string {
	const limit = 3
	uses := func(s *shape) bool {
		return slices.ContainsFunc(s.Members, func(m member) bool {
			of := g.Shapes[m.shape]
			return m.shape == used || of.Member == used || of.Value == used
		})
	}
	found := map[string]bool{}
	for name, op := range g.Operations {
		if s := g.Shapes[op.Input]; s != nil && uses(s) {
			found[name+"Input"] = true
		}
		if s := g.Shapes[op.Output]; s != nil && uses(s) {
			found[name+"Output"] = true
		}
	}
	for name := range g.reach(append(g.inputs(), g.outputs()...)) {
		if !slices.Contains(g.inputs(), name) && !slices.Contains(g.outputs(), name) && uses(g.Shapes[name]) {
			found[upperFirst(name)] = true
		}
	}
	names := slices.Sorted(maps.Keys(found))
	switch n := len(names); {
	case n > limit:
		return fmt.Sprintf("%s and %d others", strings.Join(names[:limit-1], ", "), n-limit+1)
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}

// structure writes one struct. Constraints are for what a server gets: a response
// has none.
func (g *generator) structure(b *bytes.Buffer, name, shape string, constrained bool) error {
	if err := g.declare(name); err != nil {
		return err
	}
	s := g.Shapes[shape]
	if s == nil || len(s.Members) == 0 {
		fmt.Fprintf(b, "type %s struct{}\n\n", name)
		return nil
	}
	fmt.Fprintf(b, "type %s struct {\n", name)
	for _, member := range s.Members {
		tags := fmt.Sprintf("json:%q", member.name+",omitzero")
		if constrained {
			constraints, err := g.tags(s, member)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", name, member.name, err)
			}
			tags += constraints
		}
		if strings.Contains(tags, "`") {
			return fmt.Errorf("%s.%s: a tag with a backquote", name, member.name)
		}
		fmt.Fprintf(b, "\t%s %s `%s`\n", upperFirst(member.name), g.field(member.shape), tags)
	}
	b.WriteString("}\n\n")
	return nil
}

// field is the Go type of a member, which can be absent.
func (g *generator) field(shape string) string {
	t := g.element(shape)
	switch g.Shapes[shape].Type {
	case "list", "map", "blob":
		return t
	}
	if g.Shapes[shape].Sensitive {
		return t
	}
	return "*" + t
}

// element is the Go type of something that is there, such as a list's element.
func (g *generator) element(name string) string {
	s := g.Shapes[name]
	switch s.Type {
	case "string":
		if s.Sensitive {
			return "secret.Text"
		}
		return "string"
	case "blob":
		if s.Sensitive {
			return "secret.Blob"
		}
		return "[]byte"
	case "integer":
		return "int32"
	case "long":
		return "int64"
	case "boolean":
		return "bool"
	case "timestamp":
		return "api.Time"
	case "list":
		return "[]" + g.element(s.Member)
	case "map":
		return "map[string]" + g.element(s.Value)
	case "structure":
		return upperFirst(name)
	}
	panic("apigen: a shape of type " + s.Type + ", which no model here has")
}

// tags returns the tags of a member's constraints, each with a space before it.
func (g *generator) tags(in *shape, m member) (string, error) {
	var own []string
	if slices.Contains(in.Required, m.name) {
		own = append(own, "required")
	}
	if slices.Contains(in.IdempotencyTokens, m.name) {
		own = append(own, "token")
	}
	s := g.Shapes[m.shape]
	if g.hidden && s.Sensitive {
		own = append(own, "hidden")
	}
	out := tag("aws", append(own, constraints(s)...))
	for _, inner := range []struct{ key, shape string }{{"each", s.Member}, {"key", s.Key}, {"value", s.Value}} {
		of := g.Shapes[inner.shape]
		if of == nil || of.Type == "structure" {
			continue
		}
		if of.Type == "list" || of.Type == "map" {
			return "", fmt.Errorf("a request with nested collections has no rule")
		}
		out += tag(inner.key, constraints(of))
	}
	return out, nil
}

// constraints lists what a shape demands, in the order in which it is checked. The
// pattern is last, because it may hold anything.
func constraints(s *shape) []string {
	var out []string
	if s.Min != nil || s.Max != nil {
		kind := "len"
		if s.Type == "integer" || s.Type == "long" {
			kind = "range"
		}
		out = append(out, kind+"="+bound(s.Min)+".."+bound(s.Max))
	}
	if len(s.Enum) > 0 {
		out = append(out, "enum="+strings.Join(s.Enum, "|"))
	}
	if s.Pattern != "" {
		out = append(out, "pattern="+s.Pattern)
	}
	return out
}

func bound(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func tag(key string, parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return " " + key + ":" + strconv.Quote(strings.Join(parts, "; "))
}
