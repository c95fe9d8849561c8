// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Parse compiles a document that is attached as kind says. It does not keep doc.
//
// A document that is not a policy yields a *MalformedError with AWS's message. Faults
// are found in AWS's order: first the structure of the whole document, then its
// statements. What this engine can't evaluate is malformed too, even where AWS is
// said to take it: a number that is none, say, by which nothing could be decided.
func Parse(doc []byte, kind Kind) (*Policy, error) {
	if kind < KindIdentity || kind > KindTrust {
		return nil, fmt.Errorf("policy: unknown kind %d", kind)
	}
	read := decode
	if kind == KindTrust {
		read = decodeTrust
	}
	d, err := read(doc)
	if err != nil {
		return nil, err
	}
	p := &Policy{kind: kind, version: d.version, statements: make([]statement, len(d.statements))}
	if err := d.compile(p); err != nil {
		return nil, err
	}
	d.place(doc, p)
	p.index()
	return p, nil
}

// index fills byEffect in.
func (p *Policy) index() {
	for i := range p.statements {
		effect := p.statements[i].effect
		p.byEffect[effect] = append(p.byEffect[effect], i)
	}
}

// compile goes by one rule after the other over all statements, as AWS does.
func (d *document) compile(p *Policy) error {
	sids := make(map[string]bool)
	rules := []func(*rawStatement, *statement) error{
		func(raw *rawStatement, s *statement) error { return raw.compileConditions(s, d.version) },
		func(raw *rawStatement, _ *statement) error { return raw.checkLegacy(d.version) },
		func(raw *rawStatement, s *statement) error { return raw.compilePrincipals(s, p.kind) },
		func(raw *rawStatement, _ *statement) error { return raw.checkSid(sids, p.kind) },
		func(raw *rawStatement, _ *statement) error { return raw.checkAnyAction() },
		func(raw *rawStatement, _ *statement) error { return raw.checkAnyResource(p.kind) },
		func(raw *rawStatement, s *statement) error { return raw.compileResources(s, d.version) },
		func(raw *rawStatement, s *statement) error { return raw.compileActions(s) },
	}
	for _, rule := range rules {
		for i := range d.statements {
			if err := rule(&d.statements[i], &p.statements[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// compileConditions leaves a date that is none to checkLegacy, where AWS finds it.
func (raw *rawStatement) compileConditions(s *statement, version string) error {
	s.sid = raw.sid
	if raw.effect == "Allow" {
		s.effect = Allow
	}
	for i := range raw.conditions {
		c, err := compileCondition(&raw.conditions[i], version)
		switch {
		case err == nil:
			s.conditions = append(s.conditions, c)
		case err.Message == msgLegacy:
			raw.legacy = err
		default:
			return err
		}
	}
	return nil
}

func (raw *rawStatement) compilePrincipals(s *statement, kind Kind) error {
	at, listed := raw.at+".Principal", raw.principal
	if listed == nil {
		listed = raw.notPrincipal
	}
	switch {
	case !kind.namesPrincipals() && listed != nil:
		return malformed(at, msgPrincipal)
	case !kind.namesPrincipals():
		return nil
	case listed == nil:
		return malformed(at, msgNoPrincipal)
	}
	var err error
	s.principals, err = listed.compile(raw.notPrincipal != nil)
	return err
}

func (raw *rawStatement) compileResources(s *statement, version string) error {
	s.resources.not = raw.resource == nil // so that a trust policy's is any
	s.resources.written = slices.Concat(raw.resource, raw.notResource)
	for _, r := range s.resources.written {
		at := raw.at + ".Resource"
		if err := checkResource(at, r); err != nil {
			return err
		}
		if r != "*" {
			r = padARN(strings.SplitN(r, ":", arnColons+1))
		}
		t, err := parseTemplate(r, version)
		if err != nil {
			return syntaxError(at, "%v", err)
		}
		s.resources.patterns = append(s.resources.patterns, compile(t, likeResource))
	}
	return nil
}

func (raw *rawStatement) compileActions(s *statement) error {
	s.actions.not, s.actions.written = raw.notAction != nil, slices.Concat(raw.action, raw.notAction)
	for _, action := range s.actions.written {
		if err := checkAction(raw.at+".Action", action); err != nil {
			return err
		}
		s.actions.patterns = append(s.actions.patterns, compile(template{{text: action}}, likeAction))
	}
	return nil
}
