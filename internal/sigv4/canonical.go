// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// A scope is what a derived key is good for.
type scope struct{ date, region, service string }

// A message is what a signature covers.
type message struct {
	req   *http.Request
	path  string            // as on the wire
	query []param           // in canonical order, without the signature itself
	names string            // of the signed headers: lower case, ascending, joined by semicolons
	body  [sha256.Size]byte // its hash
	stamp string            // the time, in timeLayout
	scope scope
}

// appendCanonical appends the canonical request. It reports false if a signed
// header is not there, so that no signature can match.
func (m *message) appendCanonical(b []byte) ([]byte, bool) {
	b = append(b, m.req.Method...)
	b = append(b, '\n')
	b = appendPath(b, m.path)
	b = append(b, '\n')
	for i, p := range m.query {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.key...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	b = append(b, '\n')
	for rest, more := m.names, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, ";")
		b = append(b, name...)
		b = append(b, ':')
		var ok bool
		if b, ok = appendHeader(b, m.req, name); !ok {
			return b, false
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, m.names...)
	b = append(b, '\n')
	return hex.AppendEncode(b, m.body[:]), true
}

// appendStringToSign appends what the HMAC is taken of, given the canonical
// request's hash.
func (m *message) appendStringToSign(b, digest []byte) []byte {
	b = append(b, algorithm+"\n"...)
	b = append(b, m.stamp...)
	b = append(b, '\n')
	b = m.scope.append(b)
	b = append(b, '\n')
	return hex.AppendEncode(b, digest)
}

func (s scope) append(b []byte) []byte {
	b = append(b, s.date...)
	b = append(b, '/')
	b = append(b, s.region...)
	b = append(b, '/')
	b = append(b, s.service...)
	return append(b, "/"+terminator...)
}

// target returns the path and the query as they are on the wire. A server's request
// has them in RequestURI, unparsed: URL's own forms lose how the path was encoded.
func target(req *http.Request) (path, query string) {
	t := req.RequestURI
	if t == "" {
		t = req.URL.RequestURI()
	}
	if !strings.HasPrefix(t, "/") { // absolute form, as to a proxy
		if _, rest, ok := strings.Cut(t, "://"); ok {
			t = rest[strings.IndexAny(rest+"/", "/?"):]
		}
	}
	path, query, _ = strings.Cut(t, "?")
	return path, query
}

// appendPath appends the canonical path: without empty and dot segments, and
// encoded once more than it is on the wire.
func appendPath(b []byte, path string) []byte {
	if path == "/" || path == "" {
		return append(b, '/')
	}
	if strings.Contains(path, "//") || strings.Contains(path, "/.") {
		path = normalise(path)
	}
	return appendEncoded(b, path, true)
}

// normalise removes the empty and dot segments of a path, as the SDKs do: a slash
// at the end stays one.
func normalise(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	if len(kept) == 0 {
		return "/"
	}
	out := "/" + strings.Join(kept, "/")
	if strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}

// appendHeader appends the canonical value of a header: its values, trimmed, with
// single spaces, joined by commas. It reports false if the request has no such header.
func appendHeader(b []byte, req *http.Request, name string) ([]byte, bool) {
	if name == "host" || name == ":authority" {
		return appendTrimmed(b, host(req)), true
	}
	values, ok := lookup(req.Header, name)
	if !ok && name == "content-length" && req.ContentLength > 0 {
		return strconv.AppendInt(b, req.ContentLength, 10), true
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, v)
	}
	return b, ok
}

// host returns what the Host header has, or will have.
func host(req *http.Request) string {
	if req.Host == "" && req.URL != nil {
		return req.URL.Host
	}
	return req.Host
}

// lookup returns the values of a header by its name in lower case. It is
// http.Header.Values without the garbage that turning the name around makes there.
func lookup(h http.Header, name string) ([]string, bool) {
	var buf [64]byte
	if len(name) > len(buf) {
		values, ok := h[http.CanonicalHeaderKey(name)]
		return values, ok
	}
	key, upper := buf[:len(name)], true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		key[i], upper = c, c == '-'
	}
	values, ok := h[string(key)]
	return values, ok
}

// appendTrimmed appends s without spaces around it, and with single ones inside.
func appendTrimmed(b []byte, s string) []byte {
	s = strings.TrimSpace(s)
	for {
		i := strings.Index(s, "  ")
		if i < 0 {
			return append(b, s...)
		}
		b = append(b, s[:i+1]...)
		s = strings.TrimLeft(s[i:], " ")
	}
}
