// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada")
	role := w.role(identity.Principal{Name: "app", Path: "/team/"}, trusting(userARN("ada")))
	out, err := w.sts(ada).AssumeRole(t.Context(), assume(role))
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 this server speaks the API before SessionTokenUtilization took its place
	if !out.Credentials.Expiration.Equal(servicetest.Start.Truncate(time.Second).Add(time.Hour)) || out.PackedPolicySize != nil || out.SourceIdentity != nil {
		t.Errorf("answered %+v, which ends %s", out, out.Credentials.Expiration)
	}
	me, err := w.sts(issued(out.Credentials)).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"arn:aws:sts::123456789012:assumed-role/app/s1", *out.AssumedRoleUser.Arn, *out.AssumedRoleUser.AssumedRoleId},
		[]string{*me.Arn, *me.Arn, *me.UserId}); diff != "" {
		t.Errorf("the session is another than the answer says (-answer +session):\n%s", diff)
	}
	w.Clock.Advance(time.Hour - time.Second)
	if _, err := w.sts(issued(out.Credentials)).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	w.Clock.Advance(time.Second)
	_, err = w.sts(issued(out.Credentials)).GetCallerIdentity(t.Context(), nil)
	wants(t, "at its end", err, "ExpiredToken", "The security token included in the request is expired")
}

// TestRolesThatAreNotThere holds that a stranger is told the same of a role that is not
// there, of one without a trust policy, of one that doesn't trust it, of one that denies
// it, and of what is no role.
func TestRolesThatAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "sts:*"))
	w.User("eve")
	w.role(identity.Principal{Name: "untrusting"}, "")
	w.role(identity.Principal{Name: "others"}, trusting(userARN("eve")))
	w.role(identity.Principal{Name: "denying"}, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":"*","Action":"sts:*"}]}`)
	w.role(identity.Principal{Name: "app", Path: "/team/"}, trusting("*"))
	for _, resource := range []string{"role/none", "role/untrusting", "role/others", "role/denying", "role/app", "role/team/", "user/eve", "root"} {
		name := "arn:aws:iam::" + servicetest.Account + ":" + resource
		_, err := w.sts(ada).AssumeRole(t.Context(), assume(name))
		wants(t, resource, err, "AccessDenied", "User: "+userARN("ada")+" is not authorized to perform: sts:AssumeRole on resource: "+name)
	}
	for _, name := range []string{"nothing-valid-in-here", "arn::b:::something/test-role", "arn:a::::something/test-role", "arn:a:::something/test-role", "arn:aws:iam::123456789012:"} {
		_, err := w.sts(ada).AssumeRole(t.Context(), assume(name))
		wants(t, name, err, "ValidationError", name+" is invalid")
	}
	denied := w.User("dan", servicetest.Allow("*", "sts:*"), servicetest.Deny("*", "sts:AssumeRole"))
	app := "arn:aws:iam::" + servicetest.Account + ":role/team/app"
	_, err := w.sts(denied).AssumeRole(t.Context(), assume(app))
	wants(t, "who denies itself", err, "AccessDenied",
		"User: "+userARN("dan")+" is not authorized to perform: sts:AssumeRole on resource: "+app+" with an explicit deny in an identity-based policy")
	_, err = w.sts(w.Root).AssumeRole(t.Context(), assume(app))
	wants(t, "the root", err, "AccessDenied", "Roles may not be assumed by root accounts.")
}

func TestDurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "sts:*"))
	app := w.role(identity.Principal{Name: "app", Policies: map[string]string{"p": servicetest.Allow("*", "sts:*")}}, trusting(servicetest.Account))
	long := w.role(identity.Principal{Name: "long", MaxSessionSeconds: 4 * 3600}, trusting(servicetest.Account))
	chained := w.session(ada, assume(app))
	own, err := w.sts(ada).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const (
		overRole  = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
		overChain = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
	)
	for _, c := range []struct {
		name          string
		as            servicetest.Credentials
		role          string
		seconds       int32
		code, message string
	}{
		{"the least", ada, app, 900, "", ""},
		{"less", ada, app, 899, "ValidationError", "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"an hour", ada, app, 3600, "", ""},
		{"more than an hour", ada, app, 3601, "ValidationError", overRole},
		{"as long as the role may", ada, long, 4 * 3600, "", ""},
		{"longer", ada, long, 4*3600 + 1, "ValidationError", overRole},
		{"by a role, an hour", chained, long, 3600, "", ""},
		{"by a role, longer", chained, long, 3601, "ValidationError", overChain},
		{"by a session of a user's, longer", issued(own.Credentials), long, 3601, "ValidationError", overChain},
	} {
		in := assume(c.role)
		in.DurationSeconds = &c.seconds
		out, err := w.sts(c.as).AssumeRole(t.Context(), in)
		wants(t, c.name, err, c.code, c.message)
		if err == nil && !out.Credentials.Expiration.Equal(servicetest.Start.Add(time.Duration(c.seconds)*time.Second).Truncate(time.Second)) {
			t.Errorf("%s: ends %s", c.name, out.Credentials.Expiration)
		}
	}
}

func TestSecondFactors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada")
	role := w.role(identity.Principal{Name: "app"}, trusting(userARN("ada")))
	const (
		invalid = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
		both    = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
	)
	serial, code := new("arn:aws:iam::123456789012:mfa/ada"), new("123456")
	for message, c := range map[string]struct{ serial, code *string }{invalid: {serial, code}, both: {nil, code}} {
		in := assume(role)
		in.SerialNumber, in.TokenCode = c.serial, c.code
		_, err := w.sts(ada).AssumeRole(t.Context(), in)
		wants(t, "AssumeRole", err, "AccessDenied", message)
		_, err = w.sts(ada).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: c.serial, TokenCode: c.code})
		wants(t, "GetSessionToken", err, "AccessDenied", message)
	}
	present := w.role(identity.Principal{Name: "guarded"}, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`)
	_, err := w.sts(ada).AssumeRole(t.Context(), assume(present))
	wants(t, "a role that wants a second factor", err, "AccessDenied", "")
}

// TestWithdrawn holds that what lets a session be is looked at by every call.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada")
	role := w.role(identity.Principal{Name: "app"}, trusting(userARN("ada")))
	session := w.session(ada, assume(role))
	w.User("eve")
	w.role(identity.Principal{Name: "app"}, trusting(userARN("eve")))
	_, err := w.sts(ada).AssumeRole(t.Context(), assume(role))
	wants(t, "after the trust was withdrawn", err, "AccessDenied", "")
	_, err = w.sts(session).GetCallerIdentity(t.Context(), nil)
	wants(t, "a session that there was already", err, "", "")

	config := w.Config(session)
	config.HTTPClient = nil // which keeps its connections
	open := sts.NewFromConfig(config)
	_, err = open.GetCallerIdentity(t.Context(), nil)
	wants(t, "on a new connection", err, "", "")
	w.change(func(d *identity.Directory, tx kv.Tx) error {
		return d.DeletePrincipal(tx, servicetest.Account, identity.Role, "app")
	})
	_, err = open.GetCallerIdentity(t.Context(), nil)
	wants(t, "on the same connection after the role is gone", err, "InvalidClientTokenId", "")
	w.role(identity.Principal{Name: "app"}, trusting(userARN("ada")))
	_, err = open.GetCallerIdentity(t.Context(), nil)
	wants(t, "after another role got its name", err, "InvalidClientTokenId", "")
	w.change(func(d *identity.Directory, tx kv.Tx) error {
		return d.DeletePrincipal(tx, servicetest.Account, identity.User, "ada")
	})
	again := w.User("ada")
	_, err = w.sts(again).AssumeRole(t.Context(), assume(role))
	wants(t, "another user of the trusted one's name", err, "AccessDenied", "")
}

// TestClockSkew holds that a client whose clock is off by less than a quarter of an hour
// is served, and that what it gets ends by the server's clock.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada")
	role := w.role(identity.Principal{Name: "app"}, trusting("*"))
	for _, c := range []struct {
		off  time.Duration
		code string
	}{
		{-14 * time.Minute, ""},
		{14 * time.Minute, ""},
		{-16 * time.Minute, "SignatureDoesNotMatch"},
		{16 * time.Minute, "SignatureDoesNotMatch"},
	} {
		config := w.Config(ada)
		config.ServiceOptions = nil // so that it signs by the time that this test says
		client := sts.NewFromConfig(config, func(o *sts.Options) {
			o.HTTPSignerV4 = skewed{v4.NewSigner(), func() time.Time { return w.Clock.Now().Add(c.off) }}
		})
		out, err := client.AssumeRole(t.Context(), assume(role))
		wants(t, c.off.String(), err, c.code, "")
		if err == nil && !out.Credentials.Expiration.Equal(servicetest.Start.Add(time.Hour).Truncate(time.Second)) {
			t.Errorf("off by %s: ends %s", c.off, out.Credentials.Expiration)
		}
	}
}

// skewed signs by another clock.
type skewed struct {
	*v4.Signer
	now func() time.Time
}

// SignHTTP implements sts.HTTPSignerV4.
func (s skewed) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, options ...func(*v4.SignerOptions)) error {
	return s.Signer.SignHTTP(ctx, c, r, hash, service, region, s.now(), options...)
}

// TestForgedSessions holds that nothing but the whole token with its key and secret is a
// session.
func TestForgedSessions(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	role := w.role(identity.Principal{Name: "app"}, trusting("*"))
	other.role(identity.Principal{Name: "app"}, trusting("*"))
	good, second := w.session(w.User("ada"), assume(role)), w.session(w.User("eve"), assume(role))
	foreign := other.session(other.User("ada"), assume(role))
	flip := func(s string, at int) string {
		c := byte('A')
		if s[at] == c {
			c = 'B'
		}
		return s[:at] + string(c) + s[at+1:]
	}
	for name, forge := range map[string]func(c *servicetest.Credentials){
		"without a token":        func(c *servicetest.Credentials) { c.SessionToken = "" },
		"cut":                    func(c *servicetest.Credentials) { c.SessionToken = c.SessionToken[:len(c.SessionToken)-4] },
		"edited":                 func(c *servicetest.Credentials) { c.SessionToken = flip(c.SessionToken, 40) },
		"longer":                 func(c *servicetest.Credentials) { c.SessionToken += "AAAA" },
		"with another's token":   func(c *servicetest.Credentials) { c.SessionToken = second.SessionToken },
		"with another's key":     func(c *servicetest.Credentials) { c.AccessKeyID = second.AccessKeyID },
		"of another server":      func(c *servicetest.Credentials) { *c = foreign },
		"a user's key, no token": func(c *servicetest.Credentials) { c.SessionToken, c.AccessKeyID = "", w.Root.AccessKeyID },
	} {
		c := good
		forge(&c)
		_, err := w.sts(c).GetCallerIdentity(t.Context(), nil)
		code := "InvalidClientTokenId"
		if name == "a user's key, no token" {
			code = "SignatureDoesNotMatch"
		}
		wants(t, name, err, code, "")
	}
	wrong := good
	wrong.SecretAccessKey = second.SecretAccessKey
	_, err := w.sts(wrong).GetCallerIdentity(t.Context(), nil)
	wants(t, "with another's secret", err, "SignatureDoesNotMatch", "")
	_, err = w.sts(good).GetCallerIdentity(t.Context(), nil)
	wants(t, "as it was made", err, "", "")
}
