// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// plain tells the bytes that stand for themselves within a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendString appends s as a JSON string whose content takes at most limit bytes:
// what is beyond is cut off, between characters.
func appendString(b []byte, s string, limit int) []byte {
	b = append(b, '"')
	end := len(b) + limit
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && plain[s[i]] {
			i++
		}
		if room := end - len(b); i-start > room {
			b = append(b, s[start:start+room]...)
			break
		}
		b = append(b, s[start:i]...)
		if i == len(s) {
			break
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		mark := len(b)
		b = appendRune(b, r)
		if len(b) > end {
			b = b[:mark]
			break
		}
		i += size
	}
	return append(b, '"')
}

// appendRune appends one character of a JSON string that is not plain. Invalid UTF-8
// comes as utf8.RuneError and becomes U+FFFD. Escaped are, beyond what JSON
// demands, the control characters of Latin-1 (a terminal may obey them) and the
// line and paragraph separators (some readers end a line there).
func appendRune(b []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r == '\n':
		return append(b, '\\', 'n')
	case r == '\r':
		return append(b, '\\', 'r')
	case r == '\t':
		return append(b, '\\', 't')
	case r < 0x20, r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
		return append(b, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
	}
	return utf8.AppendRune(b, r)
}

// appendRaw appends the JSON value raw without white space between its tokens, or
// null when raw is empty. A value that takes more than limit bytes, or is not JSON, is
// replaced by an object that says so, in the form that CloudTrail uses.
func appendRaw(b, raw []byte, limit int, name string) []byte {
	if len(raw) == 0 {
		return append(b, "null"...)
	}
	if len(raw) > maxRaw {
		return appendOmitted(b, len(raw), name+" too large")
	}
	mark := len(b)
	c := compactor{in: raw, out: b}
	switch {
	case !c.document():
		return appendOmitted(c.out[:mark], len(raw), name+" malformed")
	case len(c.out)-mark > limit:
		return appendOmitted(c.out[:mark], len(raw), name+" too large")
	}
	return c.out
}

func appendOmitted(b []byte, size int, reason string) []byte {
	b = append(b, `{"omitted":true,"originalSize":`...)
	b = strconv.AppendInt(b, int64(size), 10)
	b = append(b, `,"reason":"`...)
	b = append(b, reason...)
	return append(b, `"}`...)
}
