// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"net/netip"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// family is what a condition operator takes values for.
type family uint8

const (
	asText family = iota + 1
	asFoldedText
	asPattern
	asARN
	asNumber
	asDate
	asBool
	asBinary
	asAddress
	asPresence // of the key: Null
)

// relation is how a number or a date stands to the policy's.
type relation uint8

const (
	equal relation = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// holds reports whether the relation is that of a comparison's result.
func (r relation) holds(compared int) bool {
	switch r {
	case less:
		return compared < 0
	case lessOrEqual:
		return compared <= 0
	case greater:
		return compared > 0
	case greaterOrEqual:
		return compared >= 0
	}
	return compared == 0
}

// operator is a condition operator without what may stand around its name.
type operator struct {
	family   family
	relation relation
	negated  bool
}

// operators are AWS's: IAM User Guide, "IAM JSON policy elements: Condition operators".
var operators = map[string]operator{
	"StringEquals":              {family: asText},
	"StringNotEquals":           {family: asText, negated: true},
	"StringEqualsIgnoreCase":    {family: asFoldedText},
	"StringNotEqualsIgnoreCase": {family: asFoldedText, negated: true},
	"StringLike":                {family: asPattern},
	"StringNotLike":             {family: asPattern, negated: true},
	"NumericEquals":             {family: asNumber},
	"NumericNotEquals":          {family: asNumber, negated: true},
	"NumericLessThan":           {family: asNumber, relation: less},
	"NumericLessThanEquals":     {family: asNumber, relation: lessOrEqual},
	"NumericGreaterThan":        {family: asNumber, relation: greater},
	"NumericGreaterThanEquals":  {family: asNumber, relation: greaterOrEqual},
	"DateEquals":                {family: asDate},
	"DateNotEquals":             {family: asDate, negated: true},
	"DateLessThan":              {family: asDate, relation: less},
	"DateLessThanEquals":        {family: asDate, relation: lessOrEqual},
	"DateGreaterThan":           {family: asDate, relation: greater},
	"DateGreaterThanEquals":     {family: asDate, relation: greaterOrEqual},
	"Bool":                      {family: asBool},
	"BinaryEquals":              {family: asBinary},
	"IpAddress":                 {family: asAddress},
	"NotIpAddress":              {family: asAddress, negated: true},
	"ArnEquals":                 {family: asARN},
	"ArnLike":                   {family: asARN},
	"ArnNotEquals":              {family: asARN, negated: true},
	"ArnNotLike":                {family: asARN, negated: true},
	"Null":                      {family: asPresence},
}

// operand is one value of a condition, compiled for its operator's family.
type operand struct {
	raw     string   // as the document has it
	text    string   // text without variables, and truth values
	open    template // text with them
	like    pattern
	number  *big.Rat
	date    instant
	bytes   []byte
	address netip.Prefix
}

// maxPatternText is the longest value with wildcards, in bytes. AWS documents none: it
// is what AWS allows for a resource, and bounds what a match can cost.
const maxPatternText = arn.MaxLen

// operand compiles a value. The complaint is empty if it can be compared.
func (o operator) operand(value, version string) (v operand, complaint string) {
	v.raw = value
	switch o.family {
	case asNumber:
		var ok bool
		if v.number, ok = parseNumber(value); !ok {
			return v, "not a number"
		}
	case asDate:
		var ok bool
		if v.date, ok = parseDate(value); !ok {
			return v, "not a date"
		}
	case asBinary:
		var err error
		if v.bytes, err = base64.StdEncoding.DecodeString(value); err != nil {
			return v, "not base64"
		}
	case asAddress:
		var ok bool
		if v.address, ok = parseAddress(value); !ok {
			return v, "not an IP address or range"
		}
	case asPresence:
		if v.text = strings.ToLower(value); !isBool(v.text) {
			return v, "neither true nor false"
		}
	default:
		complaint = v.compileText(o, version)
	}
	return v, complaint
}

// compileText compiles a value that may have variables.
func (v *operand) compileText(o operator, version string) (complaint string) {
	t, err := parseTemplate(v.raw, version)
	if err != nil {
		return err.Error()
	}
	switch {
	case o.family == asPattern || o.family == asARN:
		v.like = compile(t, likeText)
		if o.family == asARN {
			v.like = compile(t, likeARN)
		}
		switch {
		case len(v.raw) > maxPatternText:
			return "longer than a pattern may be"
		case v.like.never:
			return "not an ARN of six parts"
		}
	case t.open():
		v.open = t
	default:
		v.text = t.String()
		if o.family == asBool && !isBool(strings.ToLower(v.text)) {
			return "neither true nor false"
		}
	}
	return ""
}

// matches holds a value of the request against the operand.
func (v *operand) matches(o operator, value string, req *Request) bool {
	switch o.family {
	case asText, asFoldedText, asBool:
		return v.matchesText(o, value, req)
	case asPattern, asARN:
		return v.like.matches(value, req)
	case asNumber:
		n, ok := parseNumber(value)
		return ok && o.relation.holds(n.Cmp(v.number))
	case asDate:
		d, ok := parseDate(value)
		return ok && o.relation.holds(d.compare(v.date))
	case asBinary:
		b, err := base64.StdEncoding.DecodeString(value)
		return err == nil && bytes.Equal(b, v.bytes)
	case asAddress:
		a, err := netip.ParseAddr(value)
		return err == nil && v.address.Contains(a.Unmap())
	}
	return false
}

func (v *operand) matchesText(o operator, value string, req *Request) bool {
	text := v.text
	if v.open != nil {
		t, ok := v.open.closed(req)
		if !ok {
			return false
		}
		text = t.String()
	}
	if o.family == asText {
		return value == text
	}
	return strings.EqualFold(value, text) && (o.family != asBool || isBool(strings.ToLower(text)))
}

func isBool(s string) bool { return s == "true" || s == "false" }

// maxNumber is the longest number, in bytes.
const maxNumber = 64

// parseNumber reads an integer or a decimal fraction, exactly.
func parseNumber(s string) (*big.Rat, bool) {
	digits := strings.TrimPrefix(s, "-")
	if len(s) > maxNumber || strings.Trim(digits, "0123456789.") != "" || digits == "" || digits[0] == '.' || digits[len(digits)-1] == '.' {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// parseAddress reads an address or a range in CIDR notation, of either version. One
// that is written as IPv4 in IPv6 is IPv4.
func parseAddress(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return p, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked(), true
}

// mappedBits is the length of the prefix of IPv4 addresses in IPv6: RFC 4291.
const mappedBits = 96
