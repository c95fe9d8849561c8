// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Document is a policy.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one statement of a Document.
type Statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string]string `json:",omitempty"`
}

// Smallest returns the smallest policy that would have allowed what was used: each action
// on the resources that it was used on, what a service did for the principal by way of that
// service only. With generalize above zero, more resources than so many below one path are
// allowed by the path: it is the only wildcard that was not seen.
func Smallest(uses []Use, generalize int) Document {
	type access struct{ via, action string }
	resources := map[access]map[string]bool{}
	for _, u := range uses {
		a := access{u.Via, u.Action}
		if resources[a] == nil {
			resources[a] = map[string]bool{}
		}
		resources[a][u.Resource] = true
	}
	type group struct{ via, service, resources string }
	actions := map[group][]string{}
	for a, on := range resources {
		list := slices.Sorted(maps.Keys(on))
		if generalize > 0 {
			list = generalized(list, generalize)
		}
		service, _, _ := strings.Cut(a.action, ":")
		g := group{a.via, service, strings.Join(list, "\n")}
		actions[g] = append(actions[g], a.action)
	}
	d := Document{Version: "2012-10-17", Statement: []Statement{}}
	for g, list := range actions {
		slices.Sort(list)
		s := Statement{Effect: "Allow", Action: list, Resource: strings.Split(g.resources, "\n")}
		if g.via != "" {
			s.Condition = map[string]map[string]string{"StringEquals": {"kms:ViaService": g.via}}
		}
		d.Statement = append(d.Statement, s)
	}
	slices.SortFunc(d.Statement, func(a, b Statement) int {
		via := func(s *Statement) string { return s.Condition["StringEquals"]["kms:ViaService"] }
		return cmp.Or(strings.Compare(a.Action[0], b.Action[0]), strings.Compare(via(&a), via(&b)), slices.Compare(a.Resource, b.Resource))
	})
	return d
}

// generalized puts a path in the place of more than n resources below it.
func generalized(resources []string, n int) []string {
	below := map[string][]string{}
	for _, r := range resources {
		path := r[:strings.LastIndexByte(r, '/')+1]
		below[path] = append(below[path], r)
	}
	var out []string
	for path, list := range below {
		if path != "" && len(list) > n {
			list = []string{path + "*"}
		}
		out = append(out, list...)
	}
	slices.Sort(out)
	return out
}
