// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseHeader parses an Authorization header:
//
//	AWS4-HMAC-SHA256 Credential=K/D/R/S/aws4_request, SignedHeaders=a;b, Signature=0f...
func (p *Presented) parseHeader(header string) error {
	if len(header) > maxAuthorizationBytes {
		return incomplete("Authorization header has more than %d bytes.", maxAuthorizationBytes)
	}
	var f fields
	var rest string
	f.algorithm, rest, _ = strings.Cut(strings.TrimSpace(header), " ")
	for more := rest != ""; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, ",")
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return incomplete("Invalid key=value pair (missing equal-sign) in Authorization header "+
				"(hashed with SHA-256 and encoded with Base64): '%s'.", fingerprint(header))
		}
		if err := f.set(key, value); err != nil {
			return err
		}
	}
	f.stamp = strings.Join(p.req.Header["X-Amz-Date"], ",")
	if f.stamp == "" {
		f.stamp = strings.Join(p.req.Header["Date"], ",")
	}
	if missing := f.missingInHeader(); missing != "" {
		return incomplete("%s(Hashed with SHA-256 and encoded with Base64) Authorization=%s", missing, fingerprint(header))
	}
	return p.accept(&f)
}

// set takes a parameter of the Authorization header. One that is not known is ignored.
func (f *fields) set(key, value string) error {
	var field *string
	switch key {
	case "Credential":
		field = &f.credential
	case "SignedHeaders":
		field = &f.names
	case "Signature":
		field = &f.signature
	default:
		return nil
	}
	if *field != "" {
		return incomplete("Authorization header has more than one '%s' parameter.", key)
	}
	*field = value
	return nil
}

// missingInHeader names what an Authorization header lacks, each with a space after it.
func (f *fields) missingInHeader() string {
	var missing string
	for _, field := range [...]struct{ name, value string }{
		{"Credential", f.credential}, {"Signature", f.signature}, {"SignedHeaders", f.names},
	} {
		if field.value == "" {
			missing += fmt.Sprintf("Authorization header requires '%s' parameter. ", field.name)
		}
	}
	if f.stamp == "" {
		missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	}
	return missing
}

// parsePresigned parses the parameters of a presigned query, and takes the
// signature out of it.
func (p *Presented) parsePresigned() error {
	p.Presigned = true
	f := fields{algorithm: algorithm}
	var missing string
	for _, field := range [...]struct {
		name string
		to   *string
	}{
		{"X-Amz-Credential", &f.credential},
		{"X-Amz-Signature", &f.signature},
		{"X-Amz-SignedHeaders", &f.names},
		{"X-Amz-Date", &f.stamp},
	} {
		if q, ok := find(p.query, field.name); ok && q.value != "" {
			*field.to = q.decoded()
		} else {
			missing += fmt.Sprintf("AWS query-string parameters must include '%s'. ", field.name)
		}
	}
	if missing != "" {
		return incomplete("%sRe-examine the query-string parameters.", missing)
	}
	for _, name := range [...]string{
		"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date",
		"X-Amz-Expires", "X-Amz-Security-Token",
	} {
		if count(p.query, name) > 1 {
			return incomplete("AWS query-string parameters include more than one '%s'. Re-examine the query-string parameters.", name)
		}
	}
	if err := p.parseExpires(); err != nil {
		return err
	}
	p.query = slices.DeleteFunc(p.query, func(q param) bool { return q.key == "X-Amz-Signature" })
	return p.accept(&f)
}

// parseExpires parses X-Amz-Expires, which need not be there.
func (p *Presented) parseExpires() error {
	q, ok := find(p.query, "X-Amz-Expires")
	if !ok {
		return nil
	}
	seconds, err := strconv.ParseInt(q.value, 10, 64)
	switch {
	case err != nil:
		return incomplete("X-Amz-Expires should be a number")
	case seconds < 1:
		return incomplete("X-Amz-Expires must be at least 1")
	case seconds > int64(MaxExpires/time.Second):
		return incomplete("X-Amz-Expires must be less than a week (in seconds) that is %d", int64(MaxExpires/time.Second))
	}
	p.Expires = time.Duration(seconds) * time.Second
	return nil
}

// parseNames brings the names of the signed headers into canonical form. AWS takes
// them in any order and case.
func parseNames(names string) (string, error) {
	if strings.Count(names, ";") >= maxSignedHeaders {
		return "", incomplete("SignedHeaders has more than %d names.", maxSignedHeaders)
	}
	if ascending(names) && strings.ToLower(names) == names {
		return names, nil
	}
	list := strings.Split(strings.ToLower(names), ";")
	slices.Sort(list)
	if len(slices.Compact(list)) != strings.Count(names, ";")+1 {
		return "", incomplete("SignedHeaders names a header more than once.")
	}
	return strings.Join(list, ";"), nil
}

// ascending reports whether each name is greater than the one before it.
func ascending(names string) bool {
	last, rest, more := strings.Cut(names, ";")
	for more {
		var name string
		name, rest, more = strings.Cut(rest, ";")
		if name <= last {
			return false
		}
		last = name
	}
	return true
}

// checkSigned reports the first header that should have been signed.
func checkSigned(header http.Header, names string) error {
	if !contains(names, "host") && !contains(names, ":authority") {
		return &Error{InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}
	}
	var first string
	for key := range header {
		const prefix = "X-Amz-"
		if len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) &&
			key != "X-Amz-Date" && !contains(names, key) && (first == "" || key < first) {
			first = key
		}
	}
	if first != "" {
		return &Error{InvalidSignature, fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", excerpt(first))}
	}
	return nil
}

// contains reports whether a name, in whatever case, is among the names.
func contains(names, name string) bool {
	for more := true; more; {
		var n string
		n, names, more = strings.Cut(names, ";")
		if len(n) == len(name) && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// find returns the first parameter with the key.
func find(query []param, key string) (param, bool) {
	i := slices.IndexFunc(query, func(q param) bool { return q.key == key })
	if i < 0 {
		return param{}, false
	}
	return query[i], true
}

func count(query []param, key string) int {
	n := 0
	for _, q := range query {
		if q.key == key {
			n++
		}
	}
	return n
}
