// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// Parse compiles a document that is attached as kind says. It does not keep doc.
//
// A document that is not a policy yields a *MalformedError with AWS's message, one
// that this engine can't evaluate in full an *UnsupportedError. Faults are found in
// AWS's order: first the structure of the whole document, then its statements.
func Parse(doc []byte, kind Kind) (*Policy, error) {
	switch kind {
	case KindIdentity, KindBoundary, KindSession, KindServiceControl:
	case KindResource:
		return nil, &UnsupportedError{Feature: "resource-based policies"}
	default:
		return nil, fmt.Errorf("policy: unknown kind %d", kind)
	}
	d, err := decode(doc)
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d.compile(kind), nil
}

// check looks at one rule after the other over all statements, as AWS does.
func (d *document) check() error {
	sids := make(map[string]bool)
	rules := []func(*rawStatement) error{
		(*rawStatement).checkLegacy,
		(*rawStatement).checkPrincipal,
		func(s *rawStatement) error { return s.checkSid(sids) },
		func(s *rawStatement) error {
			if len(s.action)+len(s.notAction) == 0 {
				return malformed(s.at, msgNoActions)
			}
			return nil
		},
		func(s *rawStatement) error {
			if len(s.resource)+len(s.notResource) == 0 {
				return malformed(s.at, msgNoResources)
			}
			return nil
		},
		(*rawStatement).checkResources,
		(*rawStatement).checkActions,
		func(s *rawStatement) error { return s.checkSupported(d.version) },
	}
	for _, rule := range rules {
		for i := range d.statements {
			if err := rule(&d.statements[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkLegacy finds what IAM's older parser chokes on, and its newer one does not.
func (s *rawStatement) checkLegacy() error {
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
	}
	return nil
}

func (s *rawStatement) checkPrincipal() error {
	if s.principal || s.notPrincipal {
		return malformed(s.at, msgPrincipal)
	}
	return nil
}

func (s *rawStatement) checkSid(seen map[string]bool) error {
	for i := range len(s.sid) {
		if c := lower(s.sid[i]); ('a' > c || c > 'z') && ('0' > c || c > '9') {
			return malformed(s.at+".Sid", msgSidCharset)
		}
	}
	if s.sid != "" && seen[s.sid] {
		return malformed(s.at+".Sid", msgSidUnique)
	}
	seen[s.sid] = true
	return nil
}

func (s *rawStatement) checkActions() error {
	for _, action := range slices.Concat(s.action, s.notAction) {
		if err := checkAction(s.at+".Action", action); err != nil {
			return err
		}
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

func (s *rawStatement) checkResources() error {
	for _, r := range slices.Concat(s.resource, s.notResource) {
		if err := checkResource(s.at+".Resource", r); err != nil {
			return err
		}
	}
	return nil
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

// checkSupported refuses what the engine does not evaluate.
func (s *rawStatement) checkSupported(version string) error {
	if len(s.conditions) > 0 {
		return &UnsupportedError{Element: s.at + ".Condition." + clip(s.conditions[0]), Feature: "conditions"}
	}
	if version != Version2012 {
		return nil // ${ is text in the older language
	}
	for _, r := range slices.Concat(s.resource, s.notResource) {
		for i := range len(r) {
			if strings.HasPrefix(r[i:], "${") && !isEscape(r[i:]) {
				return &UnsupportedError{Element: s.at + ".Resource", Feature: "policy variables"}
			}
		}
	}
	return nil
}

func (d *document) compile(kind Kind) *Policy {
	p := &Policy{kind: kind, version: d.version}
	for i, raw := range d.statements {
		s := statement{sid: raw.sid, actions: matcher{not: raw.notAction != nil}, resources: matcher{not: raw.notResource != nil}}
		if raw.effect == "Allow" {
			s.effect = Allow
		}
		for _, action := range slices.Concat(raw.action, raw.notAction) {
			s.actions.patterns = append(s.actions.patterns, compileAction(action))
		}
		for _, r := range slices.Concat(raw.resource, raw.notResource) {
			if r != "*" {
				r = padARN(strings.SplitN(r, ":", arnColons+1))
			}
			s.resources.patterns = append(s.resources.patterns, compileResource(r, d.version == Version2012))
		}
		p.statements = append(p.statements, s)
		p.byEffect[s.effect] = append(p.byEffect[s.effect], i)
	}
	return p
}
