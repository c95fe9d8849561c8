// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"errors"
	"net/url"
	"strings"
	"unicode"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// shownDocument is a policy's text as answers have it: with percent signs, as RFC 3986
// has it (IAM API Reference, GetRole).
func shownDocument(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// size is how much of a quota a policy's text takes, in characters: white space is not
// counted (IAM User Guide, "IAM and AWS STS quotas").
func size(document string) int {
	n := 0
	for _, c := range document {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}

// malformed answers for a policy that can't be parsed. Other errors stay as they are.
func malformed(err error) error {
	if bad, ok := errors.AsType[*policy.MalformedError](err); ok {
		return iam.MalformedPolicyDocumentException.New(bad.Message)
	}
	return err
}

// showBoundary is a permissions boundary as answers have it, or nil for none. Its type
// "can only have a value of Policy" (IAM API Reference, AttachedPermissionsBoundary),
// whatever the model's enumeration says.
func showBoundary(name string) *iam.AttachedPermissionsBoundary {
	if name == "" {
		return nil
	}
	return &iam.AttachedPermissionsBoundary{PermissionsBoundaryType: new("Policy"), PermissionsBoundaryArn: &name}
}
