// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package awsquery reads and writes AWS's Query protocol, in which a request is a
// form and an answer is XML:
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
//
// Forms ("Tags.member.1.Key=team") and XML are both read into one tree of names, and
// one walk puts the tree into a generated struct. Unknown names are ignored, as AWS
// does; a name that comes twice is refused.
package awsquery

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Bounds of what is read.
const (
	maxParameters = 1000 // of a form, and elements of an answer
	maxDepth      = 12   // parts of a parameter's name, and nested elements
)

// A Form is a parsed request.
type Form struct{ root node }

// A node is a parameter, an element, or a part of a parameter's name.
type node struct {
	text     string
	set      bool // text was given, which may be empty
	children map[string]*node
}

// child returns the child of that name, made if need be.
func (n *node) child(name string) *node {
	c := n.children[name]
	if c == nil {
		c = new(node)
		if n.children == nil {
			n.children = map[string]*node{}
		}
		n.children[name] = c
	}
	return c
}

// value returns a parameter of the top level, and whether it was given.
func (n *node) value(name string) (string, bool) {
	c := n.children[name]
	if c == nil || !c.set {
		return "", false
	}
	return c.text, true
}

// ParseForm reads the body of a request, or its query string. The error quotes names
// only, never a value.
func ParseForm(form string) (*Form, error) {
	f := new(Form)
	count := 0
	for pair := range strings.SplitSeq(form, "&") {
		if pair == "" {
			continue
		}
		if count++; count > maxParameters {
			return nil, fmt.Errorf("more than %d parameters", maxParameters)
		}
		key, value, _ := strings.Cut(pair, "=")
		name, err := unescape(key)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w in the name", count, err)
		}
		text, err := unescape(value)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w in the value", count, err)
		}
		n, err := f.root.at(name)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", count, err)
		}
		if n.set {
			return nil, fmt.Errorf("parameter %d is there twice", count)
		}
		n.text, n.set = text, true
	}
	return f, nil
}

// Action returns the operation and the version that the form names. Each is empty if
// absent; ok tells whether there is an Action.
func (f *Form) Action() (action, version string, ok bool) {
	version, _ = f.root.value("Version")
	action, ok = f.root.value("Action")
	return action, version, ok
}

// at returns the node of a dotted name.
func (n *node) at(name string) (*node, error) {
	if strings.Count(name, ".") >= maxDepth {
		return nil, fmt.Errorf("a name of more than %d parts", maxDepth)
	}
	for part := range strings.SplitSeq(name, ".") {
		n = n.child(part)
	}
	return n, nil
}

// unescape decodes a part of a form, which must be UTF-8.
func unescape(s string) (string, error) {
	s, err := url.QueryUnescape(s)
	if err != nil {
		return "", errors.New("an invalid escape")
	}
	if strings.ToValidUTF8(s, "") != s {
		return "", errors.New("invalid UTF-8")
	}
	return s, nil
}
