// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// document is a policy as its JSON has it, sound in structure only.
type document struct {
	version    string
	statements []rawStatement
}

// rawStatement has nil for a list that is absent, as opposed to an empty one.
type rawStatement struct {
	at                      string // the element's path
	start, end              int64  // offsets in the document
	sid, effect             string
	action, notAction       []string
	resource, notResource   []string
	principal, notPrincipal *rawPrincipals
	conditions              []rawCondition
	legacy                  *MalformedError // of a condition, for checkLegacy
}

// rawPrincipals is Principal or NotPrincipal.
type rawPrincipals struct {
	at        string
	everybody bool // it is *, and not an object
	names     []rawPrincipal
}

type rawPrincipal struct{ at, kind, name string }

// rawCondition is one key of one operator.
type rawCondition struct {
	at            string
	operator, key string
	values        []string
}

// decoder reads the tokens of a document, one method for each rule of the grammar.
// No rule contains itself, so that deep nesting is a syntax error and not recursion.
type decoder struct{ json *json.Decoder }

// offset is where the last token ended.
func (d *decoder) offset() int64 { return d.json.InputOffset() }

// decode reads the structure of a document. It is stricter than encoding/json's own
// decoding, as IAM is: member names are exact and unique, and nothing is null.
func decode(doc []byte) (*document, error) {
	if len(doc) > MaxDocument {
		return nil, syntaxError("", "longer than %d bytes", MaxDocument)
	}
	if !utf8.Valid(doc) {
		return nil, syntaxError("", "not UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(doc))}
	d.json.UseNumber()
	out := &document{version: Version2008}
	if err := d.document(out); err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		return nil, syntaxError("", "text after the document")
	}
	return out, nil
}

func (d *decoder) document(out *document) error {
	if err := d.open("", '{'); err != nil {
		return err
	}
	found := false
	err := d.members("", func(name string) (err error) {
		switch name {
		case "Version":
			out.version, err = d.text(name)
			if err == nil && out.version != Version2012 && out.version != Version2008 {
				err = syntaxError(name, "neither %s nor %s", Version2012, Version2008)
			}
		case "Id":
			_, err = d.text(name)
		case "Statement":
			found = true
			out.statements, err = d.statements(name)
		default:
			err = syntaxError("", "unknown element %.40q", name)
		}
		return err
	})
	if err == nil && !found {
		err = syntaxError("", "no Statement")
	}
	return err
}

func (d *decoder) statements(at string) ([]rawStatement, error) {
	token, err := d.token(at)
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		start := d.offset()
		s, err := d.statement(at)
		s.start, s.end = start, d.offset()
		return []rawStatement{s}, err
	case json.Delim('['):
	default:
		return nil, syntaxError(at, "neither a statement nor a list")
	}
	var list []rawStatement
	for start := d.offset(); d.json.More(); start = d.offset() {
		at := fmt.Sprintf("%s[%d]", at, len(list))
		if err := d.open(at, '{'); err != nil {
			return nil, err
		}
		s, err := d.statement(at)
		if err != nil {
			return nil, err
		}
		s.start, s.end = start, d.offset()
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, syntaxError(at, "empty")
	}
	return list, d.close(at)
}

func (d *decoder) statement(at string) (rawStatement, error) {
	s := rawStatement{at: at}
	err := d.members(at, func(name string) (err error) {
		at := at + "." + name
		switch name {
		case "Sid":
			s.sid, err = d.text(at)
		case "Effect":
			s.effect, err = d.effect(at)
		case "Action":
			s.action, err = d.texts(at)
		case "NotAction":
			s.notAction, err = d.texts(at)
		case "Resource":
			s.resource, err = d.texts(at)
		case "NotResource":
			s.notResource, err = d.texts(at)
		case "Principal":
			s.principal, err = d.principals(at)
		case "NotPrincipal":
			s.notPrincipal, err = d.principals(at)
		case "Condition":
			s.conditions, err = d.conditions(at)
		default:
			err = syntaxError(s.at, "unknown element %.40q", name)
		}
		return err
	})
	if err == nil {
		err = s.checkShape()
	}
	return s, err
}

// checkShape finds elements that are missing or exclude each other.
func (s *rawStatement) checkShape() error {
	switch {
	case s.effect == "":
		return syntaxError(s.at, "no Effect")
	case s.action != nil && s.notAction != nil:
		return syntaxError(s.at, "both Action and NotAction")
	case s.resource != nil && s.notResource != nil:
		return syntaxError(s.at, "both Resource and NotResource")
	case s.principal != nil && s.notPrincipal != nil:
		return syntaxError(s.at, "both Principal and NotPrincipal")
	}
	return nil
}

func (d *decoder) effect(at string) (string, error) {
	s, err := d.text(at)
	if err == nil && !strings.EqualFold(s, "Allow") && !strings.EqualFold(s, "Deny") {
		err = syntaxError(at, "neither Allow nor Deny")
	}
	return s, err
}

// principals reads "*" or {"AWS": [...], ...}.
func (d *decoder) principals(at string) (*rawPrincipals, error) {
	p := &rawPrincipals{at: at}
	token, err := d.token(at)
	switch {
	case err != nil:
		return nil, err
	case token == "*":
		p.everybody = true
		return p, nil
	case token != json.Delim('{'):
		return nil, syntaxError(at, "neither * nor an object")
	}
	return p, d.members(at, func(kind string) error {
		switch kind {
		case "AWS", "Federated", "Service", "CanonicalUser":
			at := at + "." + kind
			names, err := d.texts(at)
			for _, name := range names {
				p.names = append(p.names, rawPrincipal{at, kind, name})
			}
			return err
		}
		return syntaxError(at, "unknown kind of principal %.40q", kind)
	})
}

// conditions reads {operator: {key: value or values}}. An operator without a key says
// nothing, whatever it is called.
func (d *decoder) conditions(at string) (all []rawCondition, err error) {
	if err := d.open(at, '{'); err != nil {
		return nil, err
	}
	err = d.members(at, func(operator string) error {
		at := at + "." + clip(operator)
		if err := d.open(at, '{'); err != nil {
			return err
		}
		return d.members(at, func(key string) error {
			at := at + "." + clip(key)
			values, err := d.scalars(at)
			all = append(all, rawCondition{at, operator, key, values})
			return err
		})
	})
	return all, err
}
