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

func TestParseResourcePolicies(t *testing.T) {
	t.Parallel()
	for principal, message := range map[string]string{
		`"*"`: "", `{"AWS":"*"}`: "", `{"AWS":"123456789012"}`: "",
		`{"AWS":"arn:aws:iam::123456789012:root"}`:                                         "",
		`{"AWS":"arn:aws-cn:iam::123456789012:user/path/ada"}`:                             "",
		`{"AWS":["arn:aws:iam::123456789012:role/app","123456789012"]}`:                    "",
		`{"AWS":"arn:aws:sts::123456789012:assumed-role/app/s1"}`:                          "",
		`{"AWS":"arn:aws:sts::123456789012:federated-user/ada"}`:                           "",
		`{"Service":["rotation.amazonaws.com","logs.eu-west-1.amazonaws.com"]}`:            "",
		`{"Federated":"cognito-identity.amazonaws.com"}`:                                   "",
		`{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.example.com"}`:        "",
		`{"AWS":"123456789012","Service":"s3.amazonaws.com","Federated":"www.amazon.com"}`: "",

		`"123456789012"`:          syntax,
		`[]`:                      syntax,
		`{"GCP":"x"}`:             syntax,
		`{"AWS":null}`:            syntax,
		`{"AWS":[1]}`:             syntax,
		`{"AWS":"1","AWS":"2"}`:   syntax,
		`{}`:                      "Missing required field Principal",
		`{"AWS":[]}`:              "Missing required field Principal",
		`{"AWS":""}`:              `Invalid principal in policy: "AWS":""`,
		`{"AWS":"12345678901"}`:   `Invalid principal in policy: "AWS":"12345678901"`,
		`{"AWS":"ada"}`:           `Invalid principal in policy: "AWS":"ada"`,
		`{"AWS":"AIDAEXAMPLE"}`:   `Invalid principal in policy: "AWS":"AIDAEXAMPLE"`,
		`{"CanonicalUser":"79a"}`: `Invalid principal in policy: "CanonicalUser":"79a"`,
		`{"Service":"*"}`:         `Invalid principal in policy: "Service":"*"`,
		`{"Service":"s3"}`:        `Invalid principal in policy: "Service":"s3"`,
		`{"Federated":"*"}`:       `Invalid principal in policy: "Federated":"*"`,
		`{"AWS":"arn:aws:iam::123456789012:user/*"}`:                          `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*"`,
		`{"AWS":"arn:aws:iam::123456789012:user/"}`:                           `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/"`,
		`{"AWS":"arn:aws:iam::123456789012:group/g"}`:                         `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:group/g"`,
		`{"AWS":"arn:aws:iam::*:root"}`:                                       `Invalid principal in policy: "AWS":"arn:aws:iam::*:root"`,
		`{"AWS":"arn:xyz:iam::123456789012:root"}`:                            `Invalid principal in policy: "AWS":"arn:xyz:iam::123456789012:root"`,
		`{"AWS":"arn:aws:iam:eu-west-1:123456789012:root"}`:                   `Invalid principal in policy: "AWS":"arn:aws:iam:eu-west-1:123456789012:root"`,
		`{"AWS":"arn:aws:sts::123456789012:root"}`:                            `Invalid principal in policy: "AWS":"arn:aws:sts::123456789012:root"`,
		`{"AWS":"arn:aws:sts::123456789012:assumed-role/app"}`:                `Invalid principal in policy: "AWS":"arn:aws:sts::123456789012:assumed-role/app"`,
		`{"AWS":"arn:aws:sts::123456789012:assumed-role/app/*"}`:              `Invalid principal in policy: "AWS":"arn:aws:sts::123456789012:assumed-role/app/*"`,
		`{"AWS":["123456789012","arn:aws:iam::123456789012:user/${aws:x}?"]}`: `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/${aws:x}?"`,
	} {
		for _, element := range []string{"Principal", "NotPrincipal"} {
			document := doc(fmt.Sprintf(`{"Sid":"With spaces","Effect":"Allow",%q:%s,"Action":"*","Resource":"*"}`, element, principal))
			p, err := policy.Parse([]byte(document), policy.KindResource)
			bad, _ := errors.AsType[*policy.MalformedError](err)
			switch {
			case message == "" && (err != nil || p.Kind() != policy.KindResource):
				t.Errorf("%s %s: %v", element, principal, err)
			case message != "" && (p != nil || bad == nil || bad.Message != message):
				t.Errorf("%s %s:\n got %v\nwant %s", element, principal, err, message)
			case message != "" && bad.Part() != "Principal" && bad.Part() != "NotPrincipal":
				t.Errorf("%s %s: at fault is %q", element, principal, bad.Part())
			}
		}
	}
	if _, err := policy.Parse([]byte(allowAll), policy.KindResource); err == nil || err.Error() != "policy: Statement.Principal: Missing required field Principal" {
		t.Errorf("without a principal: %v", err)
	}
}

// TestParseRefusesWhatItCannotCompare holds that no condition is taken that could not
// be decided by, and that all of them are looked at.
func TestParseRefusesWhatItCannotCompare(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]string{
		`{"StringIs":{"a":"b"}}`:                                    syntax,
		`{"stringEquals":{"a":"b"}}`:                                syntax,
		`{"NullIfExists":{"a":"true"}}`:                             syntax,
		`{"IfExists":{"a":"b"}}`:                                    syntax,
		`{"StringEqualsIfExistsIfExists":{"a":"b"}}`:                syntax,
		`{"ForAllValues:ForAnyValue:Bool":{"a":"true"}}`:            syntax,
		`{"ForSomeValues:StringEquals":{"a":"b"}}`:                  syntax,
		`{"StringEquals":{"a":[]}}`:                                 syntax,
		`{"StringEquals":{"":"b"}}`:                                 syntax,
		`{"StringEquals":{"` + strings.Repeat("a", 257) + `":"b"}}`: syntax,
		`{"NumericEquals":{"a":"ten"}}`:                             syntax,
		`{"NumericEquals":{"a":["1","1e3"]}}`:                       syntax,
		`{"NumericEquals":{"a":1e3}}`:                               syntax,
		`{"NumericEquals":{"a":".5"}}`:                              syntax,
		`{"NumericEquals":{"a":"1.2.3"}}`:                           syntax,
		`{"NumericEquals":{"a":"` + strings.Repeat("1", 65) + `"}}`: syntax,
		`{"Bool":{"a":"yes"}}`:                                      syntax,
		`{"Null":{"a":"yes"}}`:                                      syntax,
		`{"BinaryEquals":{"a":"?"}}`:                                syntax,
		`{"IpAddress":{"a":"203.0.113"}}`:                           syntax,
		`{"IpAddress":{"a":"203.0.113.0/33"}}`:                      syntax,
		`{"IpAddress":{"a":"fe80::1%eth0"}}`:                        syntax,
		`{"IpAddress":{"a":"${aws:SourceIp}"}}`:                     syntax,
		`{"ArnLike":{"a":"*"}}`:                                     syntax,
		`{"ArnLike":{"a":"arn:aws:s3::b"}}`:                         syntax,
		`{"StringLike":{"a":"` + strings.Repeat("a", 2049) + `"}}`:  syntax,
		`{"StringEquals":{"a":"${aws:username"}}`:                   syntax,
		`{"StringEquals":{"a":"${}"}}`:                              syntax,
		`{"StringEquals":{"a":"${a, b}"}}`:                          syntax,
		`{"StringEquals":{"a":"${a, 'b}"}}`:                         syntax,
		`{"StringEquals":{"a":"${a${b}}"}}`:                         syntax,
		`{"DateEquals":{"a":"2026-13-01"}}`:                         legacy,
		`{"DateEquals":{"a":"tomorrow"}}`:                           legacy,
		`{"DateEquals":{"a":""}}`:                                   legacy,
		`{"DateEquals":{"a":["2026-01-01","-1"]}}`:                  legacy,
		`{"DateEquals":{"a":"x"},"Bool":{"a":"x"}}`:                 syntax,
	} {
		_, err := policy.Parse([]byte(with(`"Condition":`+condition)), policy.KindIdentity)
		bad, ok := errors.AsType[*policy.MalformedError](err)
		if !ok || bad.Message != want || bad.Part() != "Condition" {
			t.Errorf("%.100s:\n got %v\nwant %s", condition, err, want)
		}
	}
	for resource, want := range map[string]string{
		"arn:aws:s3:::${aws:username":                 syntax,
		"arn:aws:s3:::${a, b}":                        syntax,
		"arn:aws:iam::${aws:PrincipalAccount}:role/x": legacy,
		"arn:aws:${aws:x}":                            legacy,
		"arn:aws:s3:${*}::b":                          legacy,
	} {
		_, err := policy.Parse([]byte(doc(fmt.Sprintf(`{"Effect":"Allow","Action":"*","Resource":%q}`, resource))), policy.KindIdentity)
		if bad, ok := errors.AsType[*policy.MalformedError](err); !ok || bad.Message != want || bad.Part() != "Resource" {
			t.Errorf("%s:\n got %v\nwant %s", resource, err, want)
		}
	}
}

func TestParseAcceptsConditions(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		`{"StringEquals":{"aws:PrincipalTag/team":["a",1,true]}}`,
		`{"ForAnyValue:NumericLessThanEqualsIfExists":{"a":[1,"2",-3.5]}}`,
		`{"ForAllValues:Null":{"a":["TRUE"]}}`,
		`{"DateEquals":{"a":["2026","2026-01","2026-01-01","2026-01-01T00:00Z","2026-01-01T00:00:00.123+01:00","2026-01-01t00:00:00z"]}}`,
		`{"Bool":{"a":["True",false,"${x:y}"]}}`,
		`{"NotIpAddress":{"a":["203.0.113.0/24","::1","2001:db8::/32"]}}`,
		`{"ArnLike":{"a":["arn:aws:s3:::*","${x:y}","arn:*:*:*:${x:y}:*"]}}`,
	} {
		if _, err := policy.Parse([]byte(with(`"Condition":`+condition)), policy.KindIdentity); err != nil {
			t.Errorf("%s: %v", condition, err)
		}
	}
}

func TestPartNamesTheElement(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`[]`: "",
		`{"Version":"2013-10-17","Statement":[]}`: "Version",
		`{"Statement":[]}`:                        "Statement",
		doc(`[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Perhaps"}]`): "Effect",
		doc(`[{"Efect":"Allow"}]`):                   "Statement",
		doc(`{"Effect":"Allow","Resource":"*"}`):     "Action",
		doc(`{"Effect":"Allow","Action":"*"}`):       "Resource",
		with(`"Sid":"a b"`):                          "Sid",
		with(`"Condition":{"Bool":{"a.b":"maybe"}}`): "Condition",
	} {
		_, err := policy.Parse([]byte(document), policy.KindIdentity)
		if bad, ok := errors.AsType[*policy.MalformedError](err); !ok || bad.Part() != want {
			t.Errorf("%s: %v is at %q; want %q", document, err, bad.Part(), want)
		}
	}
}
