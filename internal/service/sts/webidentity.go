// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// webIdentities serves those whom an OpenID Connect provider vouches for.
type webIdentities struct {
	*Service
	verifier *oidc.Verifier
}

// identified is somebody whose token was verified.
type identified struct {
	provider *identity.Provider
	claims   *oidc.Claims
}

// BindWebIdentity binds AssumeRoleWithWebIdentity, whose tokens the verifier verifies. A
// caller needs no key: who it is, its token says.
func BindWebIdentity(g *gate.Gate, d *identity.Directory, v *oidc.Verifier) {
	w := &webIdentities{&Service{d}, v}
	gate.Read(g, sts.AssumeRoleWithWebIdentity, gate.Row[sts.AssumeRoleWithWebIdentityInput]{
		Access: gate.AccessWrite, PerItem: true, Answers: true, Validate: checkWebIdentity, Introduce: w.introduce,
	}, w.assumeRole)
}

func checkWebIdentity(_ *gate.Call, in *sts.AssumeRoleWithWebIdentityInput) *api.Error {
	if err := sts.Service.Validate(in); err != nil {
		return err
	}
	if a, err := arn.Parse(*in.RoleArn); err != nil || !arn.IsAccount(a.Account) {
		return api.ValidationError.Newf("%s is invalid", *in.RoleArn)
	}
	if in.ProviderId != nil {
		return api.ValidationError.New("This server has no OAuth 2.0 providers. Do not include a provider parameter when submitting OpenIDConnect ID tokens")
	}
	return (&passed{policy: in.Policy, policyARNs: in.PolicyArns}).check()
}

// introduce verifies the token. Its issuer has to be a provider of the role's account.
func (w *webIdentities) introduce(ctx context.Context, call *gate.Call, in *sts.AssumeRoleWithWebIdentityInput) (*gate.Introduction, error) {
	token, err := oidc.Parse(in.WebIdentityToken.Reveal())
	if err != nil {
		return nil, refusal(err)
	}
	role, err := arn.Parse(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	who := &identified{claims: &token.Claims}
	if err := call.Look(ctx, func(r kv.Reader) (err error) {
		who.provider, err = w.provider(r, role.Account, token.Claims.Issuer)
		return err
	}); err != nil {
		return nil, err
	}
	if err := w.verifier.Verify(ctx, token, oidc.Terms{Issuer: token.Claims.Issuer, Audiences: who.provider.ClientIDs}); err != nil {
		return nil, refusal(err)
	}
	return &gate.Introduction{Account: role.Account, Facts: who, Principal: &gate.Principal{
		UserName: who.claims.Subject,
		Principal: policy.Principal{
			Type: policy.WebIdentity, Issuer: who.provider.ARN(),
			UserID: who.provider.ARN() + ":" + who.audience() + ":" + who.claims.Subject,
		},
	}}, nil
}

// maxIssuer is the longest URL of a provider, in characters (IAM API Reference,
// CreateOpenIDConnectProvider).
const maxIssuer = 255

// provider returns the provider of an account that an issuer is.
func (w *webIdentities) provider(r kv.Reader, account, issuer string) (*identity.Provider, error) {
	if len(issuer) > maxIssuer || oidc.CheckURL(issuer) != nil {
		return nil, refusal(&oidc.Error{Kind: oidc.Malformed})
	}
	url := arn.ARN{Partition: "aws", Service: "iam", Account: account, Resource: "oidc-provider/" + strings.TrimSuffix(withoutScheme(issuer), "/")}
	p, err := w.directory.Provider(r, url.String())
	if err == nil && p == nil {
		err = sts.InvalidIdentityTokenException.New("No OpenIDConnect provider found in your account for " + issuer)
	}
	return p, err
}

func withoutScheme(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return rest
}

// assumeRole starts a session of the role for somebody whom introduce has identified.
func (w *webIdentities) assumeRole(_ context.Context, r kv.Reader, call *gate.Call, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	who := call.Prepared().(*identified)
	if err := w.stillTrusts(r, call.Account, who); err != nil {
		return nil, err
	}
	role, err := w.role(r, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	p, err := who.passed(in)
	if err != nil {
		return nil, err
	}
	if err := w.mayAssumeAs(r, call, in, role, p); err != nil {
		return nil, err
	}
	length, err := roleSeconds(call, role, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	terms := identity.Terms{SourceIdentity: who.claims.SourceIdentity, Provider: who.provider.ARN()}
	key, percent, err := w.start(r, call, session{
		identity.NewSession{Session: *in.RoleSessionName, Duration: length, Terms: terms}, role, p,
	})
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: credentials(key), AssumedRoleUser: assumed(role, *in.RoleSessionName),
		SubjectFromWebIdentityToken: &who.claims.Subject, Audience: new(who.audience()), Provider: new(who.provider.ARN()),
	}
	if percent > 0 {
		out.PackedPolicySize = &percent
	}
	if who.claims.SourceIdentity != "" {
		out.SourceIdentity = &who.claims.SourceIdentity
	}
	return out, nil
}

// stillTrusts looks at the provider again: since its token was verified it may have been
// deleted, or have lost the audience.
func (w *webIdentities) stillTrusts(r kv.Reader, account string, who *identified) error {
	now, err := w.provider(r, account, who.claims.Issuer)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(who.claims.Audiences(), func(a string) bool { return slices.Contains(now.ClientIDs, a) }) {
		return refusal(&oidc.Error{Kind: oidc.WrongAudience})
	}
	return nil
}

// mayAssumeAs decides by the role's trust policy alone, as somebody without an account has
// no other.
func (w *webIdentities) mayAssumeAs(r kv.Reader, call *gate.Call, in *sts.AssumeRoleWithWebIdentityInput, role *identity.Principal, p *passed) error {
	who := call.Prepared().(*identified)
	c := conditions{passed: p, session: *in.RoleSessionName, source: who.claims.SourceIdentity}
	target, err := w.roleTarget(r, *in.RoleArn, role, c)
	if err != nil {
		return err
	}
	others := target.Keys
	target.Keys = func(key string) ([]string, bool) {
		if values, found := who.condition(key); found {
			return values, true
		}
		return others(key)
	}
	needed := []string{call.Action()}
	if len(p.tags) > 0 {
		needed = append(needed, tagSession)
	}
	if c.source != "" {
		needed = append(needed, setSourceIdentity)
	}
	for _, action := range needed {
		if err := call.Authorize(action, target); err != nil {
			return err
		}
	}
	if role == nil {
		return errors.New("a role that is not there was to be assumed")
	}
	return nil
}
