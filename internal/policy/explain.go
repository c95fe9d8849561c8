// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Unmet is a condition of a statement that a request does not meet.
type Unmet struct {
	// Operator and Key are as the document has them: "StringEquals", "aws:ResourceTag/team".
	Operator, Key string
	// Wanted are the values of the document, and Has those of the request. Has is nil if the
	// request does not have the key.
	Wanted, Has []string
}

// unmet returns the conditions that the request does not meet.
func (s *statement) unmet(req *Request) (all []Unmet) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.met(s.effect, req) {
			continue
		}
		u := Unmet{Operator: c.name, Key: c.keyName}
		for j := range c.operands {
			u.Wanted = append(u.Wanted, c.operands[j].raw)
		}
		if values, ok := req.values(c.key); ok && len(values) > 0 {
			u.Has = slices.Clone(values)
		}
		all = append(all, u)
	}
	return all
}

// Position is a place in a document, from line 1 and column 1, in characters.
type Position struct{ Line, Column int }

// place is where a statement begins and ends.
type place struct{ start, end Position }

// place notes where the statements stand, as AWS's simulator tells it: one of a list from
// behind what comes before it, which is the bracket or the statement before, and one that is
// in no list from behind its brace; each up to behind its closing brace.
func (d *document) place(doc []byte, p *Policy) {
	at, done := Position{1, 1}, int64(0)
	advance := func(to int64) Position {
		for done < to {
			r, n := utf8.DecodeRune(doc[done:])
			done += int64(n)
			if at.Column++; r == '\n' {
				at = Position{at.Line + 1, 1}
			}
		}
		return at
	}
	for i := range d.statements {
		p.places = append(p.places, place{advance(d.statements[i].start), advance(d.statements[i].end)})
	}
}

// Keys returns the condition keys that the policy mentions, in conditions or as variables,
// as it writes them first and in the order in which it does: of a statement, those of its
// resources before those of its conditions.
func (p *Policy) Keys() []string {
	var all keyList
	for i := range p.statements {
		s := &p.statements[i]
		for j := range s.resources.patterns {
			all.addAll(s.resources.patterns[j].open)
		}
		for j := range s.conditions {
			c := &s.conditions[j]
			all.add(c.key, c.keyName)
			for k := range c.operands {
				all.addAll(c.operands[k].open)
				all.addAll(c.operands[k].like.open)
			}
		}
	}
	return all.names
}

// keyList has keys once, whatever their case.
type keyList struct {
	seen  map[string]bool
	names []string
}

func (l *keyList) add(key, name string) {
	if l.seen[key] {
		return
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[key], l.names = true, append(l.names, name)
}

func (l *keyList) addAll(t template) {
	for i := range t {
		if t[i].key != "" {
			l.add(t[i].key, t[i].name)
		}
	}
}

// Values returns the values of a condition key, whatever the case of its name, and
// whether the request has it. The slice is not to be changed.
func (r *Request) Values(key string) ([]string, bool) { return r.values(strings.ToLower(key)) }

// Has reports whether the request has a condition key, whatever the case of its name.
func (r *Request) Has(key string) bool {
	values, ok := r.values(strings.ToLower(key))
	return ok && len(values) > 0
}
