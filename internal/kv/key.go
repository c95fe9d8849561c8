// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import "strings"

// Key joins segments with '/', escaping in each what would blur its bounds:
// '%' becomes %25, '/' becomes %2F, and bytes below 0x20 are escaped likewise.
// Keys sort by their bytes: by their first segments, escaped, then the next. Only where
// one segment begins with another and goes on with a byte that sorts before '/', such
// as '-' or '.', does it come before what is below the shorter one.
func Key(segments ...string) string {
	var room [256]byte
	return string(AppendKey(room[:0], segments...))
}

// AppendKey appends what Key returns.
func AppendKey(b []byte, segments ...string) []byte {
	for i, s := range segments {
		if i > 0 {
			b = append(b, '/')
		}
		b = appendEscaped(b, s)
	}
	return b
}

// Prefix is Key with a final '/': the range of all keys below those segments.
func Prefix(segments ...string) string { return Key(segments...) + "/" }

// Split returns the segments that Key joined.
func Split(key string) []string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = unescape(s)
	}
	return segments
}

const hexDigits = "0123456789ABCDEF"

func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c == '%' || c == '/' || c < 0x20 {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi := strings.IndexByte(hexDigits, s[i+1])
			lo := strings.IndexByte(hexDigits, s[i+2])
			if hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
