// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	stsservice "github.com/coffer-secrets/coffer/internal/service/sts"
)

const roleARN = "arn:aws:iam::" + servicetest.Account + ":role/app"

// web is a server with a role that a provider's subjects may assume.
type web struct {
	*servicetest.Server
	t      *testing.T
	issuer *oidctest.Issuer
}

// newWeb starts one. In the trust policy ISSUER is the issuer, as conditions have it, and
// PROVIDER the provider's ARN.
func newWeb(t *testing.T, trust string) *web {
	t.Helper()
	w := &web{t: t, issuer: oidctest.New(t)}
	verifier := oidc.New(oidc.Config{Networks: oidctest.Loopback, Now: func() time.Time { return w.Clock.Now() }})
	t.Cleanup(verifier.Close)
	w.Server = servicetest.New(t, func(g *gate.Gate, d *identity.Directory) {
		stsservice.Bind(g, d)
		stsservice.BindWebIdentity(g, d, verifier)
	})
	w.provider("sts.amazonaws.com", "other")
	w.role("app", trust)
	return w
}

// do changes the directory.
func (w *web) do(change func(kv.Tx) error) {
	w.t.Helper()
	if _, err := w.Store.Update(w.t.Context(), change); err != nil {
		w.t.Fatal(err)
	}
}

// provider makes the issuer a provider with these audiences.
func (w *web) provider(audiences ...string) {
	w.do(func(tx kv.Tx) error {
		p := &identity.Provider{Account: servicetest.Account, URL: w.issuer.Host(), ClientIDs: audiences}
		return w.Directory.Providers.Put(tx, p, p.Account, p.URL)
	})
}

func (w *web) providerARN() string {
	return "arn:aws:iam::" + servicetest.Account + ":oidc-provider/" + w.issuer.Host()
}

// role makes a role, or gives it another trust policy.
func (w *web) role(name, trust string) {
	w.do(func(tx kv.Tx) error {
		p, err := w.Directory.PutPrincipal(tx, identity.Principal{Account: servicetest.Account, Kind: identity.Role, Name: name}, w.Clock.Now())
		if err != nil {
			return err
		}
		p.Tags = map[string]string{"team": "orders"}
		trust := strings.NewReplacer("ISSUER", w.issuer.Host(), "PROVIDER", w.providerARN()).Replace(trust)
		if err := w.Directory.SetTrust(tx, p, trust); err != nil {
			return err
		}
		return w.Directory.Principals.Put(tx, p, p.Account, string(p.Kind), p.Name)
	})
}

// token is one of the issuer's, with good claims but for those that are given.
func (w *web) token(claims map[string]any) string {
	now := w.Clock.Now()
	all := map[string]any{"sub": "me", "aud": "sts.amazonaws.com", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	return w.issuer.Token(all)
}

// assume asks for the role app.
func (w *web) assume(token string, options ...func(*sts.AssumeRoleWithWebIdentityInput)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: new(roleARN), RoleSessionName: new("session-1"), WebIdentityToken: &token}
	for _, o := range options {
		o(in)
	}
	return sts.NewFromConfig(w.Config(servicetest.Credentials{})).AssumeRoleWithWebIdentity(w.t.Context(), in)
}

// refuses holds an error to a code and a part of a message.
func (w *web) refuses(name string, err error, code, message string) {
	w.t.Helper()
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorCode() != code || !strings.Contains(answer.ErrorMessage(), message) {
		w.t.Errorf("%s: got %v, want %s: %s", name, err, code, message)
	}
}

const (
	// anybody trusts whoever the provider vouches for.
	anybody = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"PROVIDER"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]}}`
	// githubTrust is the policy of GitHub's documentation ("Configuring OpenID Connect in Amazon Web Services").
	githubTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"PROVIDER"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"ISSUER:aud":"sts.amazonaws.com"},"StringLike":{"ISSUER:sub":"repo:octo-org/octo-repo:ref:refs/heads/*"}}}]}`
	// eksTrust is the policy of Amazon EKS's User Guide ("Assign IAM roles to Kubernetes service accounts").
	eksTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"PROVIDER"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"ISSUER:sub":"system:serviceaccount:orders:reader","ISSUER:aud":"sts.amazonaws.com"}}}]}`
)

// github are the claims of GitHub's documentation ("OpenID Connect reference").
func github() map[string]any {
	return map[string]any{
		"jti": "example-id", "sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "environment": "prod", "aud": "sts.amazonaws.com",
		"ref": "refs/heads/main", "sha": "example-sha", "repository": "octo-org/octo-repo", "repository_owner": "octo-org",
		"actor_id": "12", "repository_visibility": "private", "repository_id": "74", "repository_owner_id": "65", "run_id": "example-run-id",
		"run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted", "actor": "octocat", "workflow": "example-workflow",
		"head_ref": "", "base_ref": "", "event_name": "workflow_dispatch", "ref_type": "branch",
		"job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
	}
}

// kubernetes are the claims of Kubernetes' documentation ("Managing Service Accounts").
func kubernetes(now time.Time) map[string]any {
	return map[string]any{
		"aud": []string{"sts.amazonaws.com"}, "jti": "ea28ed49-2e11-4280-9ec5-bc3d1d84661a", "sub": "system:serviceaccount:orders:reader",
		"nbf": now.Unix(),
		"kubernetes.io": map[string]any{
			"namespace": "orders", "node": map[string]any{"name": "127.0.0.1", "uid": "58456cb0-dd00-45ed-b797-5578fdceaced"},
			"pod":            map[string]any{"name": "reader-69cbfb9798-jv9gn", "uid": "778a530c-b3f4-47c0-9cd5-ab018fb64f33"},
			"serviceaccount": map[string]any{"name": "reader", "uid": "a087d5a0-e1dd-43ec-93ac-f13d89cd13af"},
		},
	}
}

func TestTokensOfGitHubAndKubernetes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trust  string
		claims map[string]any
		wrong  map[string]any
	}{
		"GitHub":     {githubTrust, github(), map[string]any{"sub": "repo:octo-org/octo-repo:pull_request"}},
		"Kubernetes": {eksTrust, kubernetes(servicetest.Start), map[string]any{"sub": "system:serviceaccount:orders:writer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, c.trust)
			out, err := w.assume(w.token(c.claims))
			if err != nil {
				t.Fatal(err)
			}
			got := []string{*out.Audience, *out.Provider, *out.SubjectFromWebIdentityToken, *out.AssumedRoleUser.Arn}
			want := []string{"sts.amazonaws.com", w.providerARN(), c.claims["sub"].(string), "arn:aws:sts::" + servicetest.Account + ":assumed-role/app/session-1"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			session := servicetest.Credentials{
				AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken,
			}
			if d := out.Credentials.Expiration.Sub(w.Clock.Now()); d > time.Hour || d < time.Hour-2*time.Second {
				t.Errorf("the session lasts %v", d)
			}
			who, err := sts.NewFromConfig(w.Config(session)).GetCallerIdentity(t.Context(), nil)
			if err != nil || *who.Arn != want[3] {
				t.Errorf("the session is %v, %v", who, err)
			}
			wrong := maps.Clone(c.claims)
			maps.Copy(wrong, c.wrong)
			_, err = w.assume(w.token(wrong))
			w.refuses("another subject", err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
			records := w.Records()
			line := string(records[0].Line)
			for _, part := range []string{
				`"userIdentity":{"type":"WebIdentityUser","principalId":"` + w.providerARN() + ":sts.amazonaws.com:" + want[2] + `"`, `"userName":"` + want[2] + `"`,
				`"identityProvider":"` + w.providerARN() + `"`, `"eventName":"AssumeRoleWithWebIdentity"`, `"roleArn":"` + roleARN + `"`,
				`"accessKeyId":"` + session.AccessKeyID + `"`, `"recipientAccountId":"` + servicetest.Account + `"`,
			} {
				if !strings.Contains(line, part) {
					t.Errorf("the record has no %s: %s", part, line)
				}
			}
			if strings.Contains(line, session.SecretAccessKey) || strings.Contains(line, session.SessionToken) || strings.Contains(line, "eyJ") {
				t.Errorf("the record has a secret: %s", line)
			}
		})
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWeb(t, anybody)
	now := w.Clock.Now()
	other := oidctest.New(t)
	good := w.token(nil)
	for name, c := range map[string]struct{ token, code, message string }{
		"no JWT":           {"Atza|IQEBLjAsAhRFiXuWpUXuRvQ9PZL3GMFcYevydwIUFAHZ", "InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"},
		"forged":           {good[:len(good)-8] + "AAAAAAAA", "InvalidIdentityToken", "signature"},
		"alg none":         {oidctest.Unsigned(t, map[string]any{"alg": "none", "kid": "key-1"}, map[string]any{"iss": w.issuer.URL}) + ".", "InvalidIdentityToken", "not a valid JWT"},
		"another issuer":   {other.Token(map[string]any{"sub": "me", "aud": "sts.amazonaws.com", "iat": now.Unix(), "exp": now.Unix()}), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + other.URL},
		"another scheme":   {w.token(map[string]any{"iss": "https://" + w.issuer.Host()}), "IDPCommunicationError", "Couldn't retrieve verification key"},
		"another audience": {w.token(map[string]any{"aud": "somebody"}), "InvalidIdentityToken", "Incorrect token audience"},
		"another party":    {w.token(map[string]any{"azp": "somebody"}), "InvalidIdentityToken", "Incorrect token audience"},
		"expired":          {w.token(map[string]any{"exp": now.Add(-time.Hour).Unix()}), "ExpiredTokenException", fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), now.Add(-time.Hour).Unix())},
		"early":            {w.token(map[string]any{"nbf": now.Add(time.Hour).Unix()}), "InvalidIdentityToken", "not valid yet"},
		"a bad tag":        {w.token(map[string]any{"https://aws.amazon.com/tags/principal_tags/aws:x": "y"}), "IDPRejectedClaim", "reserved"},
		"a bad value":      {w.token(map[string]any{"https://aws.amazon.com/tags/principal_tags/x": "{}"}), "IDPRejectedClaim", "pattern"},
		"a bad source":     {w.token(map[string]any{"https://aws.amazon.com/source_identity": "a b"}), "IDPRejectedClaim", "pattern"},
	} {
		_, err := w.assume(c.token)
		w.refuses(name, err, c.code, c.message)
	}
	_, err := w.assume(good, func(in *sts.AssumeRoleWithWebIdentityInput) { in.ProviderId = new("www.amazon.com") })
	w.refuses("a provider of OAuth 2.0", err, "ValidationError", "provider")
	_, err = w.assume(good, func(in *sts.AssumeRoleWithWebIdentityInput) {
		in.RoleArn = new("arn:aws:iam::role/app-without-account")
	})
	w.refuses("no role's ARN", err, "ValidationError", "is invalid")
	_, err = w.assume(good, func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = new(int32(7200)) })
	w.refuses("too long a session", err, "ValidationError", "MaxSessionDuration")
	_, err = w.assume(good, func(in *sts.AssumeRoleWithWebIdentityInput) {
		in.RoleArn = new(strings.Replace(roleARN, "123456789012", "210987654321", 1))
	})
	w.refuses("a role of another account", err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account")
	_, err = w.assume(good, func(in *sts.AssumeRoleWithWebIdentityInput) { in.RoleArn = new(roleARN + "-that-is-not-there") })
	w.refuses("a role that is not there", err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	if _, err := w.assume(good); err != nil {
		t.Error(err)
	}
}

// TestTrustPoliciesDecide holds each condition key of a token.
func TestTrustPoliciesDecide(t *testing.T) {
	t.Parallel()
	w := newWeb(t, anybody)
	statement := func(condition, actions string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"PROVIDER"},"Action":[` + actions + `],"Condition":{` + condition + `}}}`
	}
	const assumes, tags, names = `"sts:AssumeRoleWithWebIdentity"`, `"sts:AssumeRoleWithWebIdentity","sts:TagSession"`, `"sts:AssumeRoleWithWebIdentity","sts:SetSourceIdentity"`
	token := w.token(map[string]any{"azp": "other", "amr": []string{"pwd", "otp"}, "repository": "a/b"})
	tagged := w.token(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"Project": []string{"x"}}, "transitive_tag_keys": []string{"Project"}}})
	sourced := w.token(map[string]any{"https://aws.amazon.com/source_identity": "ada"})
	for name, c := range map[string]struct {
		trust, token, action string // that is refused
	}{
		"the party as audience":        {statement(`"StringEquals":{"ISSUER:aud":"other"}`, assumes), token, ""},
		"the audience behind it":       {statement(`"StringEquals":{"ISSUER:oaud":"sts.amazonaws.com"}`, assumes), token, ""},
		"another audience":             {statement(`"StringEquals":{"ISSUER:aud":"sts.amazonaws.com"}`, assumes), token, "sts:AssumeRoleWithWebIdentity"},
		"a way to log in":              {statement(`"ForAnyValue:StringEquals":{"ISSUER:amr":"otp"}`, assumes), token, ""},
		"another way to log in":        {statement(`"ForAnyValue:StringEquals":{"ISSUER:amr":"fpt"}`, assumes), token, "sts:AssumeRoleWithWebIdentity"},
		"the provider":                 {statement(`"StringEquals":{"aws:FederatedProvider":"PROVIDER"}`, assumes), token, ""},
		"another claim":                {statement(`"StringEquals":{"ISSUER:repository":"a/b"}`, assumes), token, ""},
		"another issuer's claim":       {statement(`"StringEquals":{"example.com:sub":"me"}`, assumes), token, "sts:AssumeRoleWithWebIdentity"},
		"the session's name":           {statement(`"StringEquals":{"sts:RoleSessionName":"session-1"}`, assumes), token, ""},
		"the role's tag":               {statement(`"StringEquals":{"aws:ResourceTag/team":"orders"}`, assumes), token, ""},
		"tags that may not be passed":  {statement(``, assumes), tagged, "sts:TagSession"},
		"tags that may":                {statement(`"StringEquals":{"aws:RequestTag/Project":"x"},"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["Project"]}`, tags), tagged, ""},
		"tags with other values":       {statement(`"StringEquals":{"aws:RequestTag/Project":"y"}`, tags), tagged, "sts:AssumeRoleWithWebIdentity"},
		"a name that may not be given": {statement(``, assumes), sourced, "sts:SetSourceIdentity"},
		"a name that may":              {statement(`"StringEquals":{"sts:SourceIdentity":"ada"}`, names), sourced, ""},
		"another action":               {statement(``, `"sts:AssumeRole"`), token, "sts:AssumeRoleWithWebIdentity"},
		"the account alone":            {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:*"}}`, token, "sts:AssumeRoleWithWebIdentity"},
		"another provider":             {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"PROVIDER/x"},"Action":"sts:*"}}`, token, "sts:AssumeRoleWithWebIdentity"},
		"a deny": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"PROVIDER"},"Action":"sts:*"},
			{"Effect":"Deny","Principal":{"Federated":"PROVIDER"},"Action":"sts:*","Condition":{"StringEquals":{"ISSUER:sub":"me"}}}]}`, token, "sts:AssumeRoleWithWebIdentity"},
	} {
		w.role("app", c.trust)
		_, err := w.assume(c.token)
		if c.action == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		w.refuses(name, err, "AccessDenied", "Not authorized to perform "+c.action)
	}
	w.role("app", anybody)
	w.do(func(tx kv.Tx) error {
		return w.Directory.DeletePrincipal(tx, servicetest.Account, identity.Role, "app")
	})
	_, err := w.assume(token)
	w.refuses("a role that is gone", err, "AccessDenied", "Not authorized")
}

// TestTheIssuerFails holds that nobody is let in while the issuer's keys can't be had, and
// that what changes while they are fetched counts.
func TestTheIssuerFails(t *testing.T) {
	t.Parallel()
	w := newWeb(t, anybody)
	token := w.token(nil)
	w.issuer.Answer(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "", http.StatusBadGateway) })
	_, err := w.assume(token)
	w.refuses("an issuer that is down", err, "IDPCommunicationError", "Couldn't retrieve verification key")

	w = newWeb(t, anybody)
	w.issuer.Answer(func(rw http.ResponseWriter, req *http.Request) {
		w.issuer.Answer(nil)
		w.provider("other")
		w.issuer.ServeHTTP(rw, req)
	})
	_, err = w.assume(w.token(nil))
	w.refuses("an audience that was removed meanwhile", err, "InvalidIdentityToken", "Incorrect token audience")

	w = newWeb(t, anybody)
	w.issuer.Answer(func(rw http.ResponseWriter, req *http.Request) {
		w.issuer.Answer(nil)
		w.do(func(tx kv.Tx) error { return w.Directory.Providers.Delete(tx, servicetest.Account, w.issuer.Host()) })
		w.issuer.ServeHTTP(rw, req)
	})
	_, err = w.assume(w.token(nil))
	w.refuses("a provider that was deleted meanwhile", err, "InvalidIdentityToken", "No OpenIDConnect provider")
}
