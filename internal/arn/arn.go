// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package arn reads and writes Amazon Resource Names:
//
//	arn:partition:service:region:account:resource
//
// The five parts before the resource have a narrow alphabet and are checked; the
// resource is everything after the fifth colon, may have colons of its own, and
// has a meaning that only its service knows. An ARN that Parse accepts is written
// by String exactly as it was read.
//
// A pattern of a policy is not an ARN and is not read here.
package arn

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxLen is the longest ARN in bytes that Parse accepts: the arnType of IAM's API
// ends there, and no other service that this module speaks for allows a longer one.
const MaxLen = 2048

// maxPart bounds each part before the resource in bytes. The longest that AWS uses
// are region names, of about 20.
const maxPart = 63

// accountLen is the length of an AWS account id in digits.
const accountLen = 12

const prefix = "arn:"

// Parse's errors. They never hold the text that was refused.
var (
	ErrPrefix    = errors.New("arn: missing prefix")
	ErrTooLong   = errors.New("arn: longer than 2048 bytes")
	ErrParts     = errors.New("arn: fewer than six parts")
	ErrPartition = errors.New("arn: invalid partition")
	ErrService   = errors.New("arn: invalid service")
	ErrRegion    = errors.New("arn: invalid region")
	ErrAccount   = errors.New("arn: the account is neither empty nor 12 digits")
	ErrResource  = errors.New("arn: invalid resource")
)

// ARN is the six parts of a name, the first being implied. Region and Account are
// empty where a service has none: IAM has no region, S3 neither.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// Parse reads an ARN. It allocates nothing: the parts share the bytes of s.
//
// Partition and service are not empty; they and the region consist of lower-case
// letters, digits, hyphens and, in a service, dots. The account is empty, 12 digits,
// or the word aws, which owns managed policies. The resource is not empty, is valid
// UTF-8 and has no control characters.
func Parse(s string) (ARN, error) {
	if len(s) > MaxLen {
		return ARN{}, ErrTooLong
	}
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return ARN{}, ErrPrefix
	}
	var a ARN
	for _, part := range []*string{&a.Partition, &a.Service, &a.Region, &a.Account} {
		if *part, rest, ok = strings.Cut(rest, ":"); !ok {
			return ARN{}, ErrParts
		}
	}
	a.Resource = rest
	if err := a.check(); err != nil {
		return ARN{}, err
	}
	return a, nil
}

func (a ARN) check() error {
	switch {
	case a.Partition == "" || !isPart(a.Partition, ""):
		return ErrPartition
	case a.Service == "" || !isPart(a.Service, "."):
		return ErrService
	case !isPart(a.Region, ""):
		return ErrRegion
	case a.Account != "" && a.Account != "aws" && !IsAccount(a.Account):
		return ErrAccount
	case a.Resource == "" || !isResource(a.Resource):
		return ErrResource
	}
	return nil
}

// String writes the ARN. It does not check the parts.
func (a ARN) String() string {
	return prefix + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// IsARN reports whether s is meant as an ARN, which is whether it begins with arn:.
// A caller that takes a name or an ARN asks this first and then calls Parse, so that
// a broken ARN is an error and not a strange name.
func IsARN(s string) bool { return strings.HasPrefix(s, prefix) }

// IsAccount reports whether s is an AWS account id: exactly 12 ASCII digits.
func IsAccount(s string) bool {
	if len(s) != accountLen {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func isPart(s, extra string) bool {
	if len(s) > maxPart {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if ('a' > c || c > 'z') && ('0' > c || c > '9') && c != '-' && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}

func isResource(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}
