// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Presented is a signature as a request presents it: a claim, until it is
// verified. It refers to the request, and is for reading only.
type Presented struct {
	AccessKeyID   string
	Region        string
	Service       string
	Time          time.Time     // when the request was signed, to the second
	SignedHeaders string        // lower case, ascending, without duplicates, joined by semicolons
	Presigned     bool          // the signature is in the query
	Expires       time.Duration // how long a presigned request is valid; zero if it doesn't say

	req        *http.Request
	path       string
	query      []param // in canonical order, without the signature
	stamp      string  // Time in timeLayout
	date       string  // the scope's
	terminator string
	signature  string
}

func (p *Presented) scope() scope { return scope{p.date, p.Region, p.Service} }

// SessionToken returns the token of the session that the access key belongs to, or
// nothing. It is not to be logged.
func (p *Presented) SessionToken() string {
	if p.Presigned {
		token, _ := find(p.query, "X-Amz-Security-Token")
		return token.decoded()
	}
	return strings.Join(p.req.Header["X-Amz-Security-Token"], ",")
}

// Parse finds the signature of a request, in its Authorization header or its query.
// It looks at the request's line and headers only. The error is an *Error.
func Parse(req *http.Request) (*Presented, error) {
	path, rawQuery := target(req)
	query, err := parseQuery(rawQuery)
	if err != nil {
		return nil, err
	}
	p := &Presented{req: req, path: path, query: query}
	header := req.Header["Authorization"]
	method, presigned := find(query, "X-Amz-Algorithm")
	switch {
	case len(header) > 0 && presigned:
		return nil, &Error{
			InvalidSignature,
			"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
		}
	case len(header) > 1:
		return nil, &Error{InvalidSignature, "Found more than one 'Authorization' as HTTP header."}
	case len(header) == 1 && header[0] != "":
		err = p.parseHeader(header[0])
	case presigned && method.value == algorithm:
		err = p.parsePresigned()
	default:
		return nil, MissingToken.Err()
	}
	if err != nil {
		return nil, err
	}
	sortParams(p.query)
	return p, nil
}

// fields are the parts of a signature, wherever they came from.
type fields struct {
	algorithm, credential, names, signature, stamp string
}

// accept takes over the parts, and checks them in AWS's order.
func (p *Presented) accept(f *fields) error {
	var ok bool
	if p.Time, p.stamp, ok = parseTime(f.stamp, !p.Presigned); !ok {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601",
			excerpt(f.stamp))
	}
	var err error
	if p.SignedHeaders, err = parseNames(f.names); err != nil {
		return err
	}
	if err := checkSigned(p.req.Header, p.SignedHeaders); err != nil {
		return err
	}
	if f.algorithm != algorithm {
		return incomplete("Unsupported AWS 'algorithm': '%s' (only %s for now). ", excerpt(f.algorithm), algorithm)
	}
	p.signature = f.signature
	return p.parseCredential(f.credential)
}

// parseCredential parses an access key's identifier and a scope. The scope is
// checked by Verify.
func (p *Presented) parseCredential(credential string) error {
	rest, parts := credential, [5]string{}
	for i := range parts {
		var more bool
		if parts[i], rest, more = strings.Cut(rest, "/"); more != (i < len(parts)-1) {
			// AWS repeats what it got. Somebody's secret may be in there.
			return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. "+
				"keyid/date/region/service/term, got (hashed with SHA-256 and encoded with Base64) '%s'", fingerprint(credential))
		}
	}
	if len(parts[0]) > maxAccessKeyIDBytes {
		return UnknownKey.Err()
	}
	p.AccessKeyID, p.date, p.Region, p.Service, p.terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

// parseTime parses ISO 8601's basic format, and, in a header, HTTP's own. It
// returns the time also as it is signed.
func parseTime(s string, header bool) (t time.Time, stamp string, ok bool) {
	if t, ok := parseBasic(s); ok {
		return t, s, true
	}
	t, err := http.ParseTime(s)
	return t, formatTime(t), header && err == nil
}

// parseBasic parses timeLayout. It is five times as fast as time.Parse, which took
// a tenth of a verification.
func parseBasic(s string) (time.Time, bool) {
	if len(s) != len(timeLayout) || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	var n [7]int // century, year of it, month, day, hour, minute, second
	for i, at := range [...]int{0, 2, 4, 6, 9, 11, 13} {
		tens, ones := s[at]-'0', s[at+1]-'0'
		if tens > 9 || ones > 9 {
			return time.Time{}, false
		}
		n[i] = int(tens)*10 + int(ones)
	}
	month, day := time.Month(n[2]), n[3]
	t := time.Date(100*n[0]+n[1], month, day, n[4], n[5], n[6], 0, time.UTC)
	asWritten := t.Month() == month && t.Day() == day && n[5] < 60 && n[6] < 60 // time.Date carries over
	return t, asWritten
}

func incomplete(format string, args ...any) error {
	return &Error{IncompleteSignature, fmt.Sprintf(format, args...)}
}

// fingerprint is how AWS shows what it got and does not want to repeat.
func fingerprint(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// excerpt bounds what a message repeats of a request.
func excerpt(s string) string {
	const most = 64 // bytes
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
