// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
)

// quantifier is the set operator before a condition operator's name.
type quantifier uint8

const (
	unquantified quantifier = iota
	forAllValues
	forAnyValue
)

// condition is one key of one operator of a statement. All conditions of a statement
// have to be met.
type condition struct {
	operator
	set      quantifier
	ifExists bool
	key      string // in lower case
	operands []operand
	// name and keyName are the operator and the key as they are written.
	name, keyName string
}

// parseOperator reads the name of a condition operator.
func parseOperator(name string) (c condition, known bool) {
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		c.set, name = forAllValues, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		c.set, name = forAnyValue, rest
	}
	if c.operator, known = operators[name]; known {
		return c, true
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	c.operator, known = operators[name]
	return c, known && c.ifExists && c.family != asPresence
}

// compileCondition compiles what a document says of one operator and key.
func compileCondition(raw *rawCondition, version string) (condition, *MalformedError) {
	c, known := parseOperator(raw.operator)
	if !known {
		return c, syntaxError(raw.at, "unknown condition operator")
	}
	c.key, c.keyName, c.name = strings.ToLower(raw.key), raw.key, raw.operator
	switch {
	case c.key == "" || len(raw.key) > maxKey:
		return c, syntaxError(raw.at, "a condition key has 1 to %d bytes", maxKey)
	case len(raw.values) == 0:
		return c, syntaxError(raw.at, "no value")
	}
	for _, value := range raw.values {
		v, complaint := c.operand(value, version)
		if complaint == "" {
			c.operands = append(c.operands, v)
			continue
		}
		fault := &MalformedError{Message: msgSyntax, Element: raw.at, Detail: fmt.Sprintf("%.64q is %s", value, complaint)}
		if c.family == asDate {
			fault.Message = msgLegacy
		}
		return c, fault
	}
	return c, nil
}

// maxKey is the longest condition key in bytes: that of the IAM API's
// ContextKeyNameType.
const maxKey = 256

// met holds the request against the condition of a statement with that effect.
//
// A key that the request does not have meets the condition if that is negated, or has
// ...IfExists, or asks for all values to match; it never meets ForAnyValue alone. A
// key without values is one that is not there.
//
// AWS does not say what an operator without ForAllValues or ForAnyValue does with
// several values. Here what is not certain lets nobody in: to allow, all have to
// match, and to deny, one.
func (c *condition) met(effect Effect, req *Request) bool {
	values, ok := req.values(c.key)
	ok = ok && len(values) > 0
	switch {
	case c.family == asPresence:
		return c.asksFor(ok)
	case !ok:
		return c.ifExists || c.set == forAllValues || c.set == unquantified && c.negated
	case c.set == forAnyValue || c.set == unquantified && effect == Deny:
		return c.anyOf(values, req)
	}
	return c.allOf(values, req)
}

// asksFor is Null: true asks for a key that is absent.
func (c *condition) asksFor(present bool) bool {
	for i := range c.operands {
		if (c.operands[i].text == "true") != present {
			return true
		}
	}
	return false
}

func (c *condition) anyOf(values []string, req *Request) bool {
	for _, value := range values {
		if c.matches(value, req) {
			return true
		}
	}
	return false
}

func (c *condition) allOf(values []string, req *Request) bool {
	for _, value := range values {
		if !c.matches(value, req) {
			return false
		}
	}
	return true
}

// matches reports whether a value is one of the operands or, of a negated operator,
// none of them.
func (c *condition) matches(value string, req *Request) bool {
	for i := range c.operands {
		if c.operands[i].matches(c.operator, value, req) {
			return !c.negated
		}
	}
	return c.negated
}
