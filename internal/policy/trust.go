// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// What IAM says of trust policies alone, which it reads with a parser of its own.
const (
	msgTrustJSON         = "This policy contains invalid Json"
	msgTrustSid          = "The Statement Ids in the policy are not unique"
	msgTrustNotPrincipal = "AssumeRole policy must not contain NotPrincipal field."
	msgTrustExcept       = "Allow with NotPrincipal is not allowed."
	msgTrustPrincipal    = "Missing required field Principal cannot be empty!"
	msgTrustFederated    = "Federated principals must be valid domain names or SAML metadata ARNs"
	msgTrustNoAction     = "Missing required field Action"
	msgTrustActions      = "AssumeRole policy may only specify STS AssumeRole actions."
	msgTrustResource     = "Has prohibited field Resource"
	msgTrustNotResource  = "AssumeRole policy must not contain resources."
)

// decodeTrust reads a trust policy, and holds it to the rules of trust policies before
// those of all.
func decodeTrust(doc []byte) (*document, error) {
	if len(doc) <= MaxDocument && !json.Valid(doc) {
		return nil, &MalformedError{Message: msgTrustJSON}
	}
	d, err := decode(doc)
	if err != nil {
		return nil, err
	}
	return d, d.checkTrust()
}

func (d *document) checkTrust() error {
	sids := make(map[string]bool)
	for i := range d.statements {
		s := &d.statements[i]
		if err := s.checkTrust(); err != nil {
			return err
		}
		if s.sid != "" && sids[s.sid] {
			return malformed(s.at+".Sid", msgTrustSid)
		}
		sids[s.sid] = true
	}
	return nil
}

func (s *rawStatement) checkTrust() error {
	actions := slices.Concat(s.action, s.notAction)
	switch {
	case s.notPrincipal != nil && strings.EqualFold(s.effect, "Allow"):
		return malformed(s.at+".NotPrincipal", msgTrustExcept)
	case s.notPrincipal != nil:
		return malformed(s.at+".NotPrincipal", msgTrustNotPrincipal)
	case s.principal != nil && !s.principal.everybody && len(s.principal.names) == 0:
		return malformed(s.at+".Principal", msgTrustPrincipal)
	case s.principal != nil && slices.ContainsFunc(s.principal.names, rawPrincipal.noProvider):
		return malformed(s.at+".Principal", msgTrustFederated)
	case len(actions) == 0:
		return malformed(s.at+".Action", msgTrustNoAction)
	case slices.ContainsFunc(actions, notOfSTS):
		return malformed(s.at+".Action", msgTrustActions)
	case s.resource != nil:
		return malformed(s.at+".Resource", msgTrustResource)
	case s.notResource != nil:
		return malformed(s.at+".NotResource", msgTrustNotResource)
	}
	return nil
}

// noProvider finds what should name an identity provider, and does not.
func (n rawPrincipal) noProvider() bool {
	return n.kind == "Federated" && !isHost(n.name) && !isProvider(n.name)
}

// notOfSTS finds actions that no session is made with: a star alone is not one.
func notOfSTS(action string) bool {
	vendor, _, ok := strings.Cut(action, ":")
	return !ok || !strings.EqualFold(vendor, "sts")
}

// Renamed returns the policy with other names for the users, roles and sessions that it
// names as principals. A trust policy is held to those who had the names when it was
// written: see Named.
func (p *Policy) Renamed(name func(arn string) string) *Policy {
	out := &Policy{kind: p.kind, version: p.version, statements: slices.Clone(p.statements), places: p.places}
	for i := range out.statements {
		named := out.statements[i].principals
		if named == nil || len(named.arns) == 0 {
			continue
		}
		renamed := *named
		renamed.arns = make([]string, len(named.arns))
		for n, arn := range named.arns {
			renamed.arns[n] = name(arn)
		}
		out.statements[i].principals = &renamed
	}
	out.index()
	return out
}
