// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/policy"
)

func TestParseTrustPolicies(t *testing.T) {
	t.Parallel()
	const who = `"Principal":{"AWS":"123456789012"}`
	for statement, message := range map[string]string{
		`"Effect":"Allow",` + who + `,"Action":"sts:AssumeRole"`:                                                                                    "",
		`"Sid":"","Effect":"Allow",` + who + `,"Action":["sts:AssumeRole","sts:TagSession"]`:                                                        "",
		`"Effect":"Deny",` + who + `,"Action":"STS:*"`:                                                                                              "",
		`"Effect":"Allow",` + who + `,"NotAction":"sts:TagSession"`:                                                                                 "",
		`"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"`:                                                                                "",
		`"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"`:                                                 "",
		`"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/a.example/b"},"Action":"sts:AssumeRoleWithWebIdentity"`: "",

		`"Effect":"Allow",` + who + `,"Action":"*"`:                                        "AssumeRole policy may only specify STS AssumeRole actions.",
		`"Effect":"Allow",` + who + `,"Action":["sts:AssumeRole","s3:GetObject"]`:          "AssumeRole policy may only specify STS AssumeRole actions.",
		`"Effect":"Allow",` + who + `,"NotAction":"s3:*"`:                                  "AssumeRole policy may only specify STS AssumeRole actions.",
		`"Effect":"Allow",` + who + `,"Action":"sts:"`:                                     syntax,
		`"Effect":"Allow",` + who + ``:                                                     "Missing required field Action",
		`"Effect":"Allow",` + who + `,"Action":"sts:AssumeRole","Resource":"*"`:            "Has prohibited field Resource",
		`"Effect":"Allow",` + who + `,"Action":"sts:AssumeRole","Resource":[]`:             "Has prohibited field Resource",
		`"Effect":"Allow",` + who + `,"Action":"sts:AssumeRole","NotResource":"*"`:         "AssumeRole policy must not contain resources.",
		`"Effect":"Allow","Action":"sts:AssumeRole"`:                                       "Missing required field Principal",
		`"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"`:                        "Missing required field Principal cannot be empty!",
		`"Effect":"Allow","NotPrincipal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"`: "Allow with NotPrincipal is not allowed.",
		`"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"`:  "AssumeRole policy must not contain NotPrincipal field.",
		`"Effect":"Allow","Principal":{"Federated":"x"},"Action":"sts:AssumeRole"`:         "Federated principals must be valid domain names or SAML metadata ARNs",
		`"Effect":"Allow","Principal":{"AWS":"ada"},"Action":"sts:AssumeRole"`:             `Invalid principal in policy: "AWS":"ada"`,
	} {
		_, err := policy.Parse([]byte(doc("{"+statement+"}")), policy.KindTrust)
		bad, _ := errors.AsType[*policy.MalformedError](err)
		switch {
		case message == "" && err != nil:
			t.Errorf("%s: %v", statement, err)
		case message != "" && (bad == nil || bad.Message != message):
			t.Errorf("%s: got %v, want %s", statement, err, message)
		}
	}
	if _, err := policy.Parse([]byte("{"), policy.KindTrust); err == nil || !strings.Contains(err.Error(), "This policy contains invalid Json") {
		t.Errorf("half a document: %v", err)
	}
	one := `{"Sid":"a","Effect":"Allow",` + who + `,"Action":"sts:AssumeRole"}`
	if _, err := policy.Parse([]byte(doc("["+one+","+one+"]")), policy.KindTrust); err == nil || !strings.Contains(err.Error(), "The Statement Ids in the policy are not unique") {
		t.Errorf("two of one name: %v", err)
	}
}

// TestTrust decides who may assume a role of account: whom its trust policy lets in, and
// no one else of whatever account, its root user included.
func TestTrust(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/app"
	may := policy.Set{Identity: attach(t, allowAll)}
	stranger := ada
	stranger.Account, stranger.ARN = elsewhere, "arn:aws:iam::999999999999:user/ada"
	const (
		byUser    = `{"AWS":"arn:aws:iam::123456789012:user/ada"}`
		byAccount = `{"AWS":"123456789012"}`
		foreign   = `{"AWS":"arn:aws:iam::999999999999:user/ada"}`
		provider  = `{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.example.com"}`
		because   = " is not authorized to perform: sts:AssumeRole on resource: " + role + " because no "
		action    = " allows the sts:AssumeRole action"
	)
	for _, c := range []struct {
		who       policy.Principal
		set       policy.Set
		principal string
		want      string // the message of a denial
	}{
		{ada, policy.Set{}, byUser, ""},
		{ada, may, byAccount, ""},
		{ada, policy.Set{}, byAccount, "User: " + ada.ARN + because + "identity-based policy" + action},
		{ada, may, `{"AWS":"arn:aws:iam::123456789012:user/eve"}`, "User: " + ada.ARN + because + "role trust policy" + action},
		{root, policy.Set{}, byAccount, ""},
		{root, policy.Set{}, byUser, "User: " + root.ARN + because + "role trust policy" + action},
		{stranger, may, foreign, ""},
		{stranger, policy.Set{}, foreign, "User: " + stranger.ARN + because + "identity-based policy" + action},
		{web, policy.Set{}, provider, ""},
		{robot, policy.Set{}, `{"Service":"rotation.amazonaws.com"}`, ""},
	} {
		trust, err := policy.Parse([]byte(doc(fmt.Sprintf(`{"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"}`, c.principal))), policy.KindTrust)
		if err != nil {
			t.Fatal(err)
		}
		c.set.Resource, c.set.Exclusive = &policy.Attached{Name: role, Policy: trust}, true
		req := &policy.Request{Principal: c.who, Account: account, Action: "sts:AssumeRole", Resource: role}
		d := policy.Explain(&c.set, req)
		if got := d.Message(req); got != c.want {
			t.Errorf("%s as %s: %q, want %q", c.principal, c.who.ARN, got, c.want)
		}
		if d.Allowed && d.Matches[0].PolicyType != policy.KindTrust {
			t.Errorf("%s: matched %+v", c.principal, d.Matches)
		}
		gone := *c.set.Resource
		gone.Policy = trust.Renamed(func(string) string { return "AIDAGONE" })
		c.set.Resource = &gone
		if still := policy.Evaluate(&c.set, req); still.Allowed && (c.principal == byUser || c.principal == foreign) {
			t.Errorf("%s lets another in of that name", c.principal)
		}
	}
}

func TestTrustDenies(t *testing.T) {
	t.Parallel()
	trust, err := policy.Parse([]byte(doc(`{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}`)), policy.KindTrust)
	if err != nil {
		t.Fatal(err)
	}
	req := &policy.Request{Principal: ada, Account: account, Action: "sts:AssumeRole"}
	d := policy.Evaluate(&policy.Set{Resource: &policy.Attached{Policy: trust}, Exclusive: true}, req)
	want := "User: " + ada.ARN + " is not authorized to perform: sts:AssumeRole with an explicit deny in the role trust policy"
	if got := d.Message(req); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
