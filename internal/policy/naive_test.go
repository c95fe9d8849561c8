// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// naive decides as the User Guide tells it, from the statements as they are written,
// without anything that the engine has.
type naive struct {
	req *policy.Request
	set naiveSet
}

// naiveSet is a policy.Set before it is compiled. The resource's statements are nil if
// it has no policy.
type naiveSet struct {
	identity, session, control [][]element
	boundary, resource         []element
	exclusive                  bool
}

func (n naive) allowed() bool {
	if n.anyDenies() {
		return false
	}
	for _, p := range n.set.control { // one level each
		if !n.allows(p) {
			return false
		}
	}
	who := n.req.Principal
	identity := slices.ContainsFunc(n.set.identity, n.allows)
	boundary := n.set.boundary == nil || n.allows(n.set.boundary)
	session := slices.ContainsFunc(n.set.session, n.allows) || n.set.session == nil && who.Type != policy.FederatedUser
	self, maker, home := n.namedAs(who.ARN), n.namedAs(who.Issuer), n.namedAs(who.Account)
	identity = identity || who.Type == policy.Root
	if boundary && session && (n.req.Granted == policy.GrantedToPrincipal || n.req.Granted == policy.GrantedToAccount && identity) {
		return true
	}
	if who.Account != n.req.Account {
		return (self || maker || home) && identity && boundary && session
	}
	if n.set.exclusive && !self && !maker && !home {
		return false
	}
	return self || boundary && session && (maker || identity)
}

func (n naive) anyDenies() bool {
	all := slices.Concat(n.set.identity, n.set.session, n.set.control, [][]element{n.set.boundary})
	for _, e := range slices.Concat(all...) {
		if e.Effect == "Deny" && n.about(e) {
			return true
		}
	}
	for _, e := range n.set.resource {
		if e.Effect == "Deny" && n.about(e) && n.deniedTo(e) {
			return true
		}
	}
	return false
}

func (n naive) allows(p []element) bool {
	return slices.ContainsFunc(p, func(e element) bool { return e.Effect == "Allow" && n.about(e) })
}

// names are what the caller can be called, everybody included.
func (n naive) names() []string {
	who := n.req.Principal
	names := []string{who.ARN, who.Account}
	if who.Issuer != "" {
		names = append(names, who.Issuer)
	}
	if who.Type == policy.Root {
		names = names[1:]
	}
	return names
}

// namedAs reports whether the resource allows somebody by that name. Who is allowed as
// one of all is allowed as himself.
func (n naive) namedAs(name string) bool {
	return slices.ContainsFunc(n.set.resource, func(e element) bool {
		if e.Effect != "Allow" || !n.about(e) {
			return false
		}
		if e.NotPrincipal != nil {
			excluded := slices.ContainsFunc(n.names(), func(s string) bool { return slices.Contains(e.NotPrincipal["AWS"], s) })
			return name == n.req.Principal.ARN && !excluded && !slices.Contains(e.NotPrincipal["AWS"], "*")
		}
		return name != "" && slices.Contains(e.Principal["AWS"], name) ||
			name == n.req.Principal.ARN && slices.Contains(e.Principal["AWS"], "*")
	})
}

func (n naive) deniedTo(e element) bool {
	listed := func(s string) bool {
		return slices.Contains(slices.Concat(e.Principal["AWS"], e.NotPrincipal["AWS"]), s)
	}
	if e.NotPrincipal == nil {
		return listed("*") || slices.ContainsFunc(n.names(), listed)
	}
	for _, name := range n.names() {
		if !listed(name) {
			return !listed("*") || n.set.boundary != nil
		}
	}
	return n.set.boundary != nil
}

func (n naive) about(e element) bool {
	in := func(patterns []string, text, flags string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			p, ok := n.fill(p)
			return ok && glob(p, flags).MatchString(text)
		})
	}
	action := in(e.Action, n.req.Action, "(?i)") || e.NotAction != nil && !in(e.NotAction, n.req.Action, "(?i)")
	resource := in(e.Resource, n.req.Resource, "") || e.NotResource != nil && !in(e.NotResource, n.req.Resource, "")
	if !action || !resource {
		return false
	}
	for operator, byKey := range e.Condition {
		for key, values := range byKey {
			if !n.meets(operator, key, values, e.Effect) {
				return false
			}
		}
	}
	return true
}

// fill puts the value of x:a, which is never a wildcard, in the place of its variable.
func (n naive) fill(p string) (string, bool) {
	values := n.req.Context.(keys)["x:a"]
	if strings.Contains(p, "${x:a}") && len(values) != 1 {
		return "", false
	}
	return strings.ReplaceAll(p, "${x:a}", strings.Join(values, "")), true
}

func glob(p, flags string) *regexp.Regexp {
	p = regexp.QuoteMeta(p)
	return regexp.MustCompile(flags + "^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(p) + "$")
}

func (n naive) meets(operator, key string, wanted []string, effect string) bool {
	given := n.req.Context.(keys)[strings.ToLower(key)]
	set, operator, found := strings.Cut(operator, ":")
	if !found {
		set, operator = "", set
	}
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	operator, negated := strings.ReplaceAll(operator, "Not", ""), strings.Contains(operator, "Not")
	if operator == "Null" {
		return slices.Contains(wanted, strconv.FormatBool(len(given) == 0))
	}
	good := 0
	for _, g := range given {
		if slices.ContainsFunc(wanted, func(w string) bool { return n.compares(operator, g, w) }) != negated {
			good++
		}
	}
	switch {
	case len(given) == 0 && ifExists:
		return true
	case set == "ForAllValues":
		return good == len(given)
	case set == "ForAnyValue":
		return good > 0
	case len(given) == 0:
		return negated
	case effect == "Allow":
		return good == len(given)
	}
	return good > 0
}

func (n naive) compares(operator, given, wanted string) bool {
	wanted, ok := n.fill(wanted)
	switch operator {
	case "StringEquals":
		return ok && given == wanted
	case "StringLike":
		return ok && glob(wanted, "").MatchString(given)
	case "StringEqualsIgnoreCase", "Bool":
		return ok && strings.EqualFold(given, wanted)
	case "NumericLessThan":
		g, err := strconv.Atoi(given)
		w, _ := strconv.Atoi(wanted)
		return err == nil && g < w
	}
	panic(operator)
}
