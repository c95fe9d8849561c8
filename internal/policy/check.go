// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// checkLegacy finds what IAM's older parser chokes on, and its newer one does not.
func (s *rawStatement) checkLegacy(version string) error {
	if s.legacy != nil {
		return s.legacy
	}
	if s.effect != "Allow" && s.effect != "Deny" {
		return malformed(s.at+".Effect", msgLegacy)
	}
	for _, r := range slices.Concat(s.resource, s.notResource) {
		parts := strings.SplitN(r, ":", arnColons+1)
		short := len(parts) <= arnColons && strings.Contains(r, "::")
		noVendor := len(parts) > 2 && parts[2] == ""
		if len(parts) > 1 && knownPartition(parts[1]) && (short || noVendor) {
			return malformed(s.at+".Resource", msgLegacy)
		}
		if version == Version2012 && strings.Contains(strings.Join(parts[:min(len(parts), arnColons)], ":"), "${") {
			return &MalformedError{Message: msgLegacy, Element: s.at + ".Resource", Detail: "a policy variable before the fifth colon"}
		}
	}
	return nil
}

// checkSid holds identifiers to what IAM allows. The policies of resources may have
// others in AWS: the default key policy's has spaces.
func (s *rawStatement) checkSid(seen map[string]bool, kind Kind) error {
	for i := range len(s.sid) {
		if c := lower(s.sid[i]); !kind.namesPrincipals() && ('a' > c || c > 'z') && ('0' > c || c > '9') {
			return malformed(s.at+".Sid", msgSidCharset)
		}
	}
	if s.sid != "" && seen[s.sid] {
		return malformed(s.at+".Sid", msgSidUnique)
	}
	seen[s.sid] = true
	return nil
}

func (s *rawStatement) checkAnyAction() error {
	if len(s.action)+len(s.notAction) == 0 {
		return malformed(s.at+".Action", msgNoActions)
	}
	return nil
}

func (s *rawStatement) checkAnyResource(kind Kind) error {
	if kind != KindTrust && len(s.resource)+len(s.notResource) == 0 {
		return malformed(s.at+".Resource", msgNoResources)
	}
	return nil
}

// maxAction is the longest action in bytes: that of the IAM API's ActionNameType.
const maxAction = 128

// checkAction checks the form service:Name, or the single star. Whether there is
// such an action is not asked, as AWS does not ask: policies name actions of services
// that are not served here.
func checkAction(at, action string) error {
	if action == "*" {
		return nil
	}
	vendor, name, ok := strings.Cut(action, ":")
	switch {
	case len(action) > maxAction:
		return syntaxError(at, "longer than %d bytes", maxAction)
	case !ok:
		return malformed(at, msgNoVendor)
	case strings.Contains(name, ":"):
		return malformed(at, msgColons)
	case vendor != "*" && !isVendor(vendor):
		return malformed(at, fmt.Sprintf(msgVendor, vendor))
	case name == "":
		return syntaxError(at, "no action after the vendor")
	}
	return nil
}

func isVendor(s string) bool {
	for i := range len(s) {
		if c := lower(s[i]); ('a' > c || c > 'z') && ('0' > c || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != ""
}

// checkResource checks an ARN pattern, or the single star. Parts that are left off
// at the end are allowed, as in AWS.
func checkResource(at, r string) error {
	if r == "*" {
		return nil
	}
	parts := strings.SplitN(r, ":", arnColons+1)
	switch {
	case len(r) > arn.MaxLen:
		return syntaxError(at, "longer than %d bytes", arn.MaxLen)
	case len(parts) < 2:
		return malformed(at, fmt.Sprintf(msgNotARN, r))
	case !knownPartition(parts[1]):
		parts[0] = "arn"
		return malformed(at, fmt.Sprintf(msgPartition, parts[1], padARN(parts)))
	case parts[0] != "arn":
		return malformed(at, fmt.Sprintf(msgNotARN, r))
	case len(parts) < 3 || strings.ContainsAny(parts[2], "*?"):
		return malformed(at, msgResourceVend)
	}
	return nil
}

// padARN puts a star for each part that is missing at the end.
func padARN(parts []string) string {
	for len(parts) <= arnColons {
		parts = append(parts, "*")
	}
	return strings.Join(parts, ":")
}

// knownPartition reports whether a resource may be in the partition: one of AWS's,
// or all of them.
func knownPartition(s string) bool {
	switch s {
	case "*", "aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f":
		return true
	}
	return false
}
