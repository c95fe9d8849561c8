// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// standing is how far a statement of a resource's policy lets a principal in. IAM
// User Guide, "Determining whether a request is allowed or denied within an account".
type standing uint8

const (
	// stranger is not named.
	stranger standing = iota
	// delegated is the principal's account: its identity policies say who.
	delegated
	// granted is the role of a session, or the user of a federated session. It needs
	// no identity policy; the boundary and the session policies still limit it.
	granted
	// direct is the user, the session or the service itself, or everybody. Only a Deny
	// takes that away.
	direct
)

// principals is Principal or NotPrincipal, compiled.
type principals struct {
	not       bool
	everybody bool
	accounts  []string
	// arns are of users, roles and sessions.
	arns      []string
	services  []string
	federated []string
}

// standing returns how the element names the principal.
func (p *principals) standing(who *Principal) standing {
	switch {
	case p.everybody:
		return direct
	case who.Type == Service:
		return p.among(p.services, who.ARN)
	case who.Type == WebIdentity:
		return p.among(p.federated, who.Issuer)
	case slices.Contains(p.arns, who.ARN):
		return direct
	case who.Issuer != "" && slices.Contains(p.arns, who.Issuer):
		return granted
	case who.Account != "" && slices.Contains(p.accounts, who.Account):
		return delegated
	}
	return stranger
}

// vouched returns how an Allow is about whom an identity provider vouches for: only by
// naming the provider. Everybody is who has an account; that an account takes a provider's
// word for some role says nothing of all the others.
func (p *principals) vouched(who *Principal) standing {
	if p.not {
		return stranger
	}
	return p.among(p.federated, who.Issuer)
}

func (p *principals) among(names []string, name string) standing {
	if name != "" && slices.Contains(names, name) {
		return direct
	}
	return stranger
}

// excepts reports whether a NotPrincipal of a Deny takes the principal out: it has to
// name the account too, and of a session the role or the user. AWS's service checks
// each of them by itself, and says that it may.
func (p *principals) excepts(who *Principal) bool {
	if p.everybody || who.alien() {
		return p.standing(who) != stranger
	}
	return slices.Contains(p.accounts, who.Account) &&
		(who.Type == Root || slices.Contains(p.arns, who.ARN)) &&
		(who.Issuer == "" || slices.Contains(p.arns, who.Issuer))
}

// standing returns how a statement of a resource's policy is about the principal.
// Bounded says that the principal has a permissions boundary: a Deny with
// NotPrincipal is about all who have one, whomever it names (IAM User Guide,
// "Permissions boundaries for IAM entities").
func (s *statement) standing(who *Principal, bounded bool) standing {
	p := s.principals
	switch {
	case p == nil:
		return stranger
	case s.effect == Allow && who.Type == WebIdentity:
		return p.vouched(who)
	case !p.not:
		return p.standing(who)
	case s.effect == Allow && p.standing(who) != stranger:
		return stranger
	case s.effect == Deny && !bounded && p.excepts(who):
		return stranger
	}
	return direct
}

// compile compiles what a document has as Principal or, with not, as NotPrincipal.
func (raw *rawPrincipals) compile(not bool) (*principals, error) {
	p := &principals{not: not, everybody: raw.everybody}
	for _, n := range raw.names {
		ok := false
		switch n.kind {
		case "AWS":
			ok = p.addAWS(n.name)
		case "Service":
			ok = isHost(n.name)
			p.services = append(p.services, n.name)
		case "Federated":
			ok = isHost(n.name) || isProvider(n.name)
			p.federated = append(p.federated, n.name)
		}
		if !ok {
			return nil, malformed(n.at, fmt.Sprintf(msgBadPrincipal, n.kind, clip(n.name)))
		}
	}
	if !p.everybody && len(raw.names) == 0 {
		return nil, malformed(raw.at, msgNoPrincipal)
	}
	return p, nil
}

// addAWS adds an account, by its id or by its root's ARN; a user, a role or a session
// by its ARN; or everybody. A star stands for nothing less.
func (p *principals) addAWS(name string) bool {
	if name == "*" {
		p.everybody = true
		return true
	}
	if arn.IsAccount(name) {
		p.accounts = append(p.accounts, name)
		return true
	}
	a, err := arn.Parse(name)
	if err != nil || !arn.IsAccount(a.Account) || a.Region != "" || a.Partition == "*" || !knownPartition(a.Partition) || strings.ContainsAny(name, "*?") {
		return false
	}
	if a.Service == "iam" && a.Resource == "root" {
		p.accounts = append(p.accounts, a.Account)
		return true
	}
	kind, rest, _ := strings.Cut(a.Resource, "/")
	role, session, _ := strings.Cut(rest, "/")
	p.arns = append(p.arns, name)
	switch a.Service + " " + kind {
	case "iam user", "iam role":
		return rest != "" && !strings.HasSuffix(rest, "/")
	case "sts assumed-role":
		return role != "" && session != "" && !strings.Contains(session, "/")
	case "sts federated-user":
		return rest != ""
	}
	return false
}

// isHost reports whether a name has the form of a service principal, such as
// secretsmanager.amazonaws.com, or of an identity provider.
func isHost(name string) bool {
	return strings.Contains(name, ".") && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// isProvider reports whether a name is the ARN of an identity provider.
func isProvider(name string) bool {
	a, err := arn.Parse(name)
	return err == nil && a.Service == "iam" && arn.IsAccount(a.Account) && !strings.ContainsAny(name, "*?") &&
		(strings.HasPrefix(a.Resource, "saml-provider/") || strings.HasPrefix(a.Resource, "oidc-provider/"))
}
