// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import "unicode/utf8"

const (
	// maxRaw is the largest raw JSON value that is looked at, in bytes; larger ones
	// are omitted unread. White space aside, nothing that fits its limit comes near.
	maxRaw = 4 * maxParameters
	// maxDepth is how deep a raw JSON value may nest.
	maxDepth = 64
)

// A compactor copies one JSON value from in to out, checking its grammar, dropping
// white space, and writing strings as appendString does.
type compactor struct {
	in  []byte
	pos int
	out []byte
}

// document copies the whole input, which must be one value.
func (c *compactor) document() bool {
	if !c.value(0) {
		return false
	}
	c.space()
	return c.pos == len(c.in)
}

func (c *compactor) space() {
	for c.pos < len(c.in) {
		switch c.in[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
	}
}

// peek returns the next byte after white space, or 0 at the end.
func (c *compactor) peek() byte {
	c.space()
	if c.pos == len(c.in) {
		return 0
	}
	return c.in[c.pos]
}

// take copies the next byte after white space if it is want.
func (c *compactor) take(want byte) bool {
	if c.peek() != want {
		return false
	}
	c.pos++
	c.out = append(c.out, want)
	return true
}

func (c *compactor) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch c.peek() {
	case '{':
		return c.list('{', '}', depth)
	case '[':
		return c.list('[', ']', depth)
	case '"':
		return c.string()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	}
	return c.number()
}

// list copies an object or an array.
func (c *compactor) list(first, last byte, depth int) bool {
	c.take(first)
	if c.take(last) {
		return true
	}
	for {
		if first == '{' && (c.peek() != '"' || !c.string() || !c.take(':')) {
			return false
		}
		if !c.value(depth + 1) {
			return false
		}
		if c.take(last) {
			return true
		}
		if !c.take(',') {
			return false
		}
	}
}

func (c *compactor) word(w string) bool {
	if len(c.in)-c.pos < len(w) || string(c.in[c.pos:c.pos+len(w)]) != w {
		return false
	}
	c.pos += len(w)
	c.out = append(c.out, w...)
	return true
}

// string copies a string from its opening quote.
func (c *compactor) string() bool {
	c.out = append(c.out, '"')
	c.pos++
	for c.pos < len(c.in) {
		start := c.pos
		for c.pos < len(c.in) && plain[c.in[c.pos]] {
			c.pos++
		}
		c.out = append(c.out, c.in[start:c.pos]...)
		if c.pos == len(c.in) {
			return false
		}
		switch ch := c.in[c.pos]; {
		case ch == '"':
			c.pos++
			c.out = append(c.out, '"')
			return true
		case ch == '\\':
			if !c.escape() {
				return false
			}
		case ch < 0x20:
			return false
		default:
			r, size := utf8.DecodeRune(c.in[c.pos:])
			c.pos += size
			c.out = appendRune(c.out, r)
		}
	}
	return false
}

// escape copies an escape sequence from its backslash.
func (c *compactor) escape() bool {
	n := 2
	if c.pos+1 < len(c.in) && c.in[c.pos+1] == 'u' {
		n = 6
	}
	if c.pos+n > len(c.in) {
		return false
	}
	seq := c.in[c.pos : c.pos+n]
	switch seq[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		for _, h := range seq[2:] {
			if !('0' <= h && h <= '9' || 'a' <= h && h <= 'f' || 'A' <= h && h <= 'F') {
				return false
			}
		}
	default:
		return false
	}
	c.pos += n
	c.out = append(c.out, seq...)
	return true
}

// number copies a number: an integer part, a fraction, an exponent.
func (c *compactor) number() bool {
	start := c.pos
	c.skip('-')
	if !c.skip('0') && !c.digits() {
		return false
	}
	if c.skip('.') && !c.digits() {
		return false
	}
	if c.skip('e') || c.skip('E') {
		if !c.skip('+') {
			c.skip('-')
		}
		if !c.digits() {
			return false
		}
	}
	c.out = append(c.out, c.in[start:c.pos]...)
	return true
}

func (c *compactor) skip(want byte) bool {
	if c.pos == len(c.in) || c.in[c.pos] != want {
		return false
	}
	c.pos++
	return true
}

func (c *compactor) digits() bool {
	start := c.pos
	for c.pos < len(c.in) && '0' <= c.in[c.pos] && c.in[c.pos] <= '9' {
		c.pos++
	}
	return c.pos > start
}
