// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsquery

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// xmlSpace is what XML calls white space, and xmlName what the names of elements that
// services use are made of.
const (
	xmlSpace = " \t\r\n"
	xmlName  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
)

var (
	errXML     = errors.New("invalid XML")
	errDoctype = errors.New("a document type or a CDATA section in the XML")
)

// xmlReader reads the part of XML that services answer in: elements, attributes (which
// mean nothing to us and are skipped), text with references to characters, comments. What
// would let a document refer to anything else is refused. The standard library's reader
// would add 50 KB to what every cold start loads.
type xmlReader struct {
	document string
	at       int
	count    int
	open     []element
}

// element is one that has begun and not ended.
type element struct {
	tag  string // its name with the prefix
	node *node
}

// parseXML reads a document into a tree whose top has the document's element as its
// only child. Repeated member and entry elements get numbers, as in a form. The error
// quotes no text.
func parseXML(document []byte) (*node, error) {
	root := new(node)
	r := xmlReader{document: string(document), open: []element{{node: root}}}
	if !utf8.ValidString(r.document) {
		return nil, errXML
	}
	for r.at < len(r.document) {
		if err := r.next(); err != nil {
			return nil, fmt.Errorf("%w at byte %d", err, r.at)
		}
	}
	if len(r.open) > 1 {
		return nil, fmt.Errorf("%w: an element does not end", errXML)
	}
	return root, nil
}

// next reads a tag, a comment, or the text up to one.
func (r *xmlReader) next() error {
	rest := r.document[r.at:]
	switch {
	case rest[0] != '<':
		return r.text()
	case strings.HasPrefix(rest, "<?"):
		_, err := r.until("?>")
		return err
	case strings.HasPrefix(rest, "<!--"):
		_, err := r.until("-->")
		return err
	case strings.HasPrefix(rest, "<!"):
		return errDoctype
	case strings.HasPrefix(rest, "</"):
		return r.end()
	}
	return r.begin()
}

// until returns what stands before the mark, and goes on behind it.
func (r *xmlReader) until(mark string) (string, error) {
	before, _, found := strings.Cut(r.document[r.at:], mark)
	if !found {
		return "", errXML
	}
	r.at += len(before) + len(mark)
	return before, nil
}

// begin reads the tag that an element begins with, or is.
func (r *xmlReader) begin() error {
	body, empty, err := r.tag()
	if err != nil {
		return err
	}
	tag := body
	if i := strings.IndexAny(body, xmlSpace); i >= 0 {
		tag = body[:i]
	}
	_, name, prefixed := strings.Cut(tag, ":")
	if !prefixed {
		name = tag
	}
	if name == "" || strings.Trim(name, xmlName) != "" {
		return errXML
	}
	if r.count++; r.count > maxParameters || len(r.open) > maxDepth {
		return errors.New("too many elements")
	}
	n := r.open[len(r.open)-1].node
	if name == "member" || name == "entry" {
		n = n.child(name)
		name = strconv.Itoa(len(n.children) + 1)
	}
	if n.children[name] != nil {
		return fmt.Errorf("element %s is there twice", name)
	}
	n = n.child(name)
	n.set = true
	if !empty {
		r.open = append(r.open, element{tag, n})
	}
	return nil
}

// tag returns what stands between the angle brackets, and whether there was a slash at
// the end. A bracket in an attribute's value does not end the tag.
func (r *xmlReader) tag() (body string, empty bool, err error) {
	rest := r.document[r.at+1:]
	quote := byte(0)
	for i := range len(rest) {
		switch c := rest[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			return "", false, errXML
		case c == '>':
			r.at += i + 2
			body, empty = strings.CutSuffix(rest[:i], "/")
			return body, empty, nil
		}
	}
	return "", false, errXML
}

// end reads the tag that an element ends with.
func (r *xmlReader) end() error {
	body, err := r.until(">")
	if err != nil {
		return err
	}
	top := len(r.open) - 1
	if top == 0 || strings.TrimRight(body[len("</"):], xmlSpace) != r.open[top].tag {
		return errXML
	}
	r.open = r.open[:top]
	return nil
}

// text reads up to the next tag. What is outside of the document's element is nothing.
func (r *xmlReader) text() error {
	raw, _, _ := strings.Cut(r.document[r.at:], "<")
	text, err := unreference(strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", "\n"), "\r", "\n"))
	if err != nil {
		return err
	}
	r.at += len(raw)
	if top := len(r.open) - 1; top > 0 {
		r.open[top].node.text += text
	}
	return nil
}

// unreference puts characters for the references to them.
func unreference(s string) (string, error) {
	if !strings.Contains(s, "&") {
		return s, nil
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, ended := strings.Cut(rest, ";")
		c, ok := character(name)
		if !ended || !ok {
			return "", errXML
		}
		b.WriteRune(c)
		s = after
	}
}

// character returns what a reference means: &lt; &#60; &#x3c;
func character(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	number, isNumber := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(number, "x"); isHex {
		number, base = hex, 16
	}
	c, err := strconv.ParseUint(number, base, 21)
	return rune(c), isNumber && err == nil && inXML(rune(c))
}
