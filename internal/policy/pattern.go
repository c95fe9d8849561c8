// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"unicode/utf8"
)

// style says how the wildcards of a pattern go.
type style uint8

const (
	// likeText is a condition's: they match everything.
	likeText style = iota
	// likeAction is Action's: they match everything, and ASCII letters match in either
	// case.
	likeAction
	// likeResource is Resource's. In the five parts of an ARN before the resource, ? and
	// * stay between two colons, but a * that ends its part may run beyond the colon. In
	// the resource part, which may have colons of its own, they match everything.
	likeResource
	// likeARN is that of conditions on ARNs: it holds six parts against six, so that
	// nothing but the last * runs beyond a colon.
	likeARN
)

// pattern is a text with wildcards, compiled. The zero pattern matches the empty
// string only.
type pattern struct {
	head    string // what comes before the first wildcard or variable
	written string // the head in the case of the document, which most requests have too
	ops     []op   // the rest
	fold    bool   // ASCII letters match in either case; literals are lower-case
	probe   int    // where heads differ that begin with one service's name; 0 for none
	never   bool   // it matches nothing
	// open is what the pattern is made of for each request, if it has variables. There
	// are no ops then.
	open  template
	style style
}

type opcode uint8

const (
	opLiteral    opcode = iota
	opAny               // one character
	opAnyInPart         // one character, not a colon
	opStar              // any characters
	opStarInPart        // any characters, no colon
)

type op struct {
	code    opcode
	literal string
}

// compile compiles a template. One with variables is compiled when they have values.
func compile(t template, st style) pattern {
	if t.open() {
		before := t[:0:0]
		if t[0].key == "" {
			before = t[:1]
		}
		p := compile(before, st)
		return pattern{head: p.head, written: p.written, open: t, style: st}
	}
	b := builder{style: st}
	for i := range t {
		b.piece(t[i], i == len(t)-1)
	}
	p := b.pattern()
	if st == likeAction { // of one piece
		p.fold, p.written = true, t[0].text[:len(p.head)]
		if i := strings.IndexByte(p.head, ':') + 1; i < len(p.head) {
			p.probe = i
		}
	}
	return p
}

// arnColons is how many colons come before an ARN's resource part.
const arnColons = 5

type builder struct {
	style  style
	colons int
	ops    []op
	run    []byte
}

func (b *builder) piece(p piece, last bool) {
	for i := range len(p.text) {
		c := p.text[i]
		inPart := b.colons < arnColons && (b.style == likeResource || b.style == likeARN)
		switch {
		case p.verbatim || c != '*' && c != '?':
			b.literal(c)
		case c == '?' && inPart:
			b.add(opAnyInPart)
		case c == '?':
			b.add(opAny)
		case inPart && !(b.style == likeResource && ends(p.text[i+1:], last)):
			b.add(opStarInPart)
		default:
			b.add(opStar)
		}
	}
}

// ends reports whether what follows a star ends its part of an ARN.
func ends(rest string, last bool) bool {
	if rest == "" {
		return last
	}
	return rest[0] == ':'
}

func (b *builder) literal(c byte) {
	if c == ':' {
		b.colons++
	}
	if b.style == likeAction {
		c = lower(c)
	}
	b.run = append(b.run, c)
}

func (b *builder) add(code opcode) {
	b.flush()
	if n := len(b.ops); code == opStar && n > 0 && b.ops[n-1].code == opStar {
		return
	}
	b.ops = append(b.ops, op{code: code})
}

func (b *builder) flush() {
	if len(b.run) > 0 {
		b.ops = append(b.ops, op{opLiteral, string(b.run)})
		b.run = b.run[:0]
	}
}

func (b *builder) pattern() pattern {
	b.flush()
	p := pattern{ops: b.ops, style: b.style, never: b.style == likeARN && b.colons < arnColons}
	if len(p.ops) > 0 && p.ops[0].code == opLiteral {
		p.head, p.ops = p.ops[0].literal, p.ops[1:]
	}
	p.written = p.head
	return p
}

// matches holds a text against the pattern, with the variables of the request.
func (p *pattern) matches(text string, req *Request) bool {
	if i := p.probe; i > 0 && (i >= len(text) || lower(text[i]) != p.head[i]) {
		return false
	}
	if len(p.ops) == 0 && len(text) != len(p.head) && p.open == nil {
		return false
	}
	if !strings.HasPrefix(text, p.written) && (!p.fold || !p.hasPrefix(text, p.head)) {
		return false
	}
	if p.open != nil {
		t, ok := p.open.closed(req)
		if !ok {
			return false
		}
		whole := compile(t, p.style)
		return whole.matches(text, nil)
	}
	if p.never {
		return false
	}
	if len(p.ops) == 0 {
		return true
	}
	ok, _ := p.run(text[len(p.head):])
	return ok
}

// mark is where to go on after a mismatch: a star has taken the text up to at.
type mark struct {
	op, at int
	set    bool
}

// run holds the text after the head against the ops. Beside the answer it returns
// the number of steps taken. A step compares one op or, after a star, searches for
// one; the searches of a star begin where its last one ended, so that together they
// pass over the text once.
//
// Only the latest star of each breadth is ever tried again, the narrow one until it
// is at a colon for good. It is enough: the least that an earlier star can take leaves
// a later star, which is at least as broad, the most to choose from; and a narrow star
// can't leave its part of the ARN, where taking less is as good. So the steps are
// bounded by the product of the lengths.
func (p *pattern) run(text string) (matched bool, steps int) {
	var wide, narrow mark
	for i, j := 0, 0; ; {
		steps++
		if i == len(p.ops) {
			if j == len(text) {
				return true, steps
			}
		} else if o := &p.ops[i]; o.code == opStar {
			wide, narrow = mark{i + 1, p.seek(i+1, text, j), true}, mark{}
			i, j = wide.op, wide.at
			if j > len(text) {
				return false, steps
			}
			continue
		} else if o.code == opStarInPart {
			narrow = mark{i + 1, j, true}
			i++
			continue
		} else if n, ok := p.step(o, text[j:]); ok {
			i, j = i+1, j+n
			continue
		}
		switch {
		case narrow.set && narrow.at < len(text) && text[narrow.at] != ':':
			narrow.at += width(text[narrow.at:])
			i, j = narrow.op, narrow.at
		case wide.set && wide.at < len(text):
			wide.at = p.seek(wide.op, text, wide.at+width(text[wide.at:]))
			i, j = wide.op, wide.at
			if j > len(text) {
				return false, steps
			}
		default:
			return false, steps
		}
	}
}

// seek returns the first place from which the i-th op could match after a star, and
// a place beyond the text if there is none.
func (p *pattern) seek(i int, text string, from int) int {
	switch {
	case i == len(p.ops):
		return len(text)
	case p.ops[i].code != opLiteral:
		return from
	}
	literal := p.ops[i].literal
	if !p.fold {
		if n := strings.Index(text[from:], literal); n >= 0 {
			return from + n
		}
		return len(text) + 1
	}
	for at := from; at+len(literal) <= len(text); at++ {
		if lower(text[at]) == literal[0] && p.hasPrefix(text[at:], literal) {
			return at
		}
	}
	return len(text) + 1
}

// step matches one op that is no star, and returns how many bytes it took.
func (p *pattern) step(o *op, text string) (int, bool) {
	switch {
	case o.code == opLiteral:
		return len(o.literal), p.hasPrefix(text, o.literal)
	case text == "" || o.code == opAnyInPart && text[0] == ':':
		return 0, false
	}
	return width(text), true
}

// hasPrefix compares from the end when it ignores case, where actions of one service
// differ and the prefixes of two services do not agree in their colon.
func (p *pattern) hasPrefix(text, prefix string) bool {
	if !p.fold {
		return strings.HasPrefix(text, prefix)
	}
	if len(text) < len(prefix) {
		return false
	}
	for i := len(prefix) - 1; i >= 0; i-- {
		if c := text[i]; c != prefix[i] && lower(c) != prefix[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// width returns the length in bytes of the first character of a text, which is not
// empty. A byte that is not UTF-8 is a character.
func width(text string) int {
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(text)
	return n
}
