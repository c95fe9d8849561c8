// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"fmt"
	"net/url"
	"sort"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// A param is a parameter of a query, key and value in the canonical encoding:
// everything but RFC 3986's unreserved characters as %XX.
type param struct{ key, value string }

// decoded returns the value as it was before encoding.
func (p param) decoded() string {
	if s, err := url.PathUnescape(p.value); err == nil {
		return s
	}
	return p.value // can't be: we encoded it
}

// newParam returns a parameter of plain strings.
func newParam(key, value string) param {
	return param{string(appendEncoded(nil, key, false)), string(appendEncoded(nil, value, false))}
}

// parseQuery returns the parameters of a raw query, unsorted.
func parseQuery(raw string) ([]param, error) {
	if raw == "" {
		return nil, nil
	}
	if len(raw) > maxQueryBytes || strings.Count(raw, "&") >= maxQueryParameters {
		return nil, &Error{MalformedQueryString, fmt.Sprintf(
			"The query string has more than %d bytes or %d parameters.", maxQueryBytes, maxQueryParameters)}
	}
	var params []param
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		key, value, _ := strings.Cut(piece, "=")
		key, err := recode(key)
		if err != nil {
			return nil, err
		}
		if value, err = recode(value); err != nil {
			return nil, err
		}
		params = append(params, param{key, value})
	}
	return params, nil
}

// sortParams puts parameters in canonical order.
func sortParams(params []param) { sort.Sort(canonical(params)) }

// canonical is the order of parameters: by encoded key, then by encoded value. Sorting
// through an interface shares its code with the standard library, where slices.SortFunc
// would add 20 KB to what every cold start loads.
type canonical []param

func (c canonical) Len() int      { return len(c) }
func (c canonical) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c canonical) Less(i, j int) bool {
	return c[i].key < c[j].key || c[i].key == c[j].key && c[i].value < c[j].value
}

// recode brings one key or value of a raw query to the canonical encoding. A plus
// sign is a space, as in every form-encoded query.
func recode(s string) (string, error) {
	if isUnreserved(s) {
		return s, nil
	}
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(s) {
				return "", &Error{MalformedQueryString, "Incomplete trailing escape % sequence"}
			}
			high, low := unhex(s[i+1]), unhex(s[i+2])
			if high|low > 0xF {
				return "", &Error{MalformedQueryString, "Illegal hex characters in escape (%) pattern"}
			}
			c = high<<4 | low
			i += 2
		}
		b = appendByte(b, c)
	}
	return string(b), nil
}

// appendEncoded appends s with everything but unreserved characters, and slashes
// if they are to be kept, as %XX.
func appendEncoded(b []byte, s string, keepSlash bool) []byte {
	for i := range len(s) {
		if keepSlash && s[i] == '/' {
			b = append(b, '/')
			continue
		}
		b = appendByte(b, s[i])
	}
	return b
}

func appendByte(b []byte, c byte) []byte {
	if unreserved(c) {
		return append(b, c)
	}
	return append(b, '%', hexDigits[c>>4], hexDigits[c&0xF])
}

// unreserved tells RFC 3986's unreserved characters, section 2.3.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isUnreserved(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return false
		}
	}
	return true
}

// unhex returns a hexadecimal digit's value, or 0xFF.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xFF
}
