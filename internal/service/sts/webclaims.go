// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/oidc"
)

// audience is the first for whom the token is.
func (who *identified) audience() string { return who.claims.Audiences()[0] }

// condition returns a condition key that a token gives: the issuer's URL without its
// scheme, a colon, and a claim (IAM User Guide, "IAM and AWS STS condition context keys",
// OIDC federation). AWS has aud, oaud, sub, amr, and of some issuers others, such as
// repository of GitHub's; here any claim that is text is one.
func (who *identified) condition(key string) ([]string, bool) {
	claim, found := "", false
	for _, issuer := range []string{who.provider.URL, withoutScheme(who.claims.Issuer)} {
		if rest, ok := strings.CutPrefix(key, strings.ToLower(issuer)+":"); ok {
			claim, found = rest, true
		}
	}
	if !found {
		return nil, false
	}
	c := who.claims
	switch claim {
	case "aud":
		return some(c.Audiences())
	case "oaud":
		return some(c.Audience)
	case "azp":
		return []string{c.Party}, c.Party != ""
	case "sub":
		return []string{c.Subject}, true
	case "amr":
		return some(c.Methods)
	}
	for name, values := range c.Others {
		if strings.ToLower(name) == claim && unambiguous(c.Others, claim) {
			return some(values)
		}
	}
	return nil, false
}

// unambiguous reports whether one claim alone has that name, in whatever case: keys of
// conditions have none.
func unambiguous(claims map[string][]string, name string) bool {
	count := 0
	for other := range claims {
		if strings.ToLower(other) == name {
			count++
		}
	}
	return count == 1
}

func some(values []string) ([]string, bool) { return values, len(values) > 0 }

// passed is what the token and the request pass to the session. Tags and a source identity
// have to be such as a request could have.
func (who *identified) passed(in *sts.AssumeRoleWithWebIdentityInput) (*passed, error) {
	p := &passed{policy: in.Policy, policyARNs: in.PolicyArns, transitive: who.claims.Transitive}
	for _, key := range slices.Sorted(maps.Keys(who.claims.Tags)) {
		p.tags = append(p.tags, sts.Tag{Key: new(key), Value: new(who.claims.Tags[key])})
	}
	like := &sts.AssumeRoleInput{RoleArn: in.RoleArn, RoleSessionName: in.RoleSessionName, Tags: p.tags, TransitiveTagKeys: p.transitive}
	if who.claims.SourceIdentity != "" {
		like.SourceIdentity = &who.claims.SourceIdentity
	}
	if err := sts.Service.Validate(like); err != nil {
		return nil, sts.IDPRejectedClaimException.New(err.Message)
	}
	if err := p.checkTags(); err != nil {
		return nil, sts.IDPRejectedClaimException.New(err.Message)
	}
	return p, nil
}

// refusals are what AWS answers to a token that is not good.
var refusals = map[oidc.Kind]string{
	oidc.Malformed:     "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
	oidc.WrongIssuer:   "The ID Token provided is not of the provider.",
	oidc.WrongAudience: "Incorrect token audience",
	oidc.UnknownKey:    noKey,
	oidc.BadSignature:  "The signature of the ID Token provided is not valid.",
	oidc.Early:         "The ID Token provided is not valid yet.",
}

const noKey = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"

// refusal words the fault of a token as STS does.
func refusal(err error) error {
	fault, ok := errors.AsType[*oidc.Error](err)
	if !ok {
		return err
	}
	switch fault.Kind {
	case oidc.Expired:
		return sts.ExpiredTokenException.Newf("Token expired: current date/time %d must be before the expiration date/time %d", fault.At.Unix(), fault.Limit.Unix())
	case oidc.Unreachable:
		return sts.IDPCommunicationErrorException.New(noKey).WithCause(err)
	}
	return sts.InvalidIdentityTokenException.New(refusals[fault.Kind]).WithCause(err)
}
