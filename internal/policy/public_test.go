// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"testing"

	"github.com/coffer-secrets/coffer/internal/policy"
)

func isPublic(t *testing.T, document string) bool {
	t.Helper()
	p, err := policy.Parse([]byte(document), policy.KindResource)
	if err != nil {
		t.Fatalf("Parse(%s): %v", document, err)
	}
	return p.Public()
}

func TestPublicPrincipals(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]bool{
		to("Allow", `"*"`):                                          true,
		to("Allow", `{"AWS":"*"}`):                                  true,
		to("Allow", `{"AWS":["123456789012","*"]}`):                 true,
		to("Allow", `{"AWS":"123456789012"}`):                       false,
		to("Allow", `{"AWS":"arn:aws:iam::999999999999:user/ada"}`): false,
		to("Allow", `{"Service":"s3.amazonaws.com"}`):               false,
		to("Deny", `"*"`):                                           false,
		doc(`{"Effect":"Allow","NotPrincipal":{"AWS":"123456789012"},"Action":"*","Resource":"*"}`): true,
		doc(`{"Effect":"Allow","NotPrincipal":"*","Action":"*","Resource":"*"}`):                    false,
		doc(`{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"*","Resource":"*"}`):  false,
		// A Deny beside it is not counted.
		doc(`[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]`): true,
		// One of two statements.
		doc(`[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"*","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"x:y","Resource":"*"}]`): true,
	} {
		if got := isPublic(t, document); got != want {
			t.Errorf("%s: %v", document, got)
		}
	}
}

func TestPublicUnderConditions(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]bool{
		`{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`:                                       false,
		`{"StringEquals":{"AWS:principalORGid":["o-a1b2c3d4e5","o-b1b2c3d4e5"]}}`:                      false,
		`{"StringLike":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`:                                         false,
		`{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`:                                                  true,
		`{"StringLike":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","*"]}}`:                                   true,
		`{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`:                                    true,
		`{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`:                               true,
		`{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`:                          true,
		`{"ForAnyValue:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`:                           false,
		`{"Null":{"aws:PrincipalOrgID":"false"}}`:                                                      true,
		`{"StringEquals":{"aws:PrincipalOrgID":"${aws:PrincipalOrgID}"}}`:                              true,
		`{"StringEquals":{"aws:PrincipalOrgID":""}}`:                                                   true,
		`{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/*"}}`:                 false,
		`{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-*/r-ab12/*"}}`:                          true,
		`{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}`:                                     false,
		`{"StringLike":{"aws:PrincipalAccount":"12345678901?"}}`:                                       true,
		`{"StringEquals":{"kms:CallerAccount":"123456789012"}}`:                                        false,
		`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/*"}}`:                          false,
		`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/app"}}`:                      false,
		`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app"}}`:                                   true,
		`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:role/app"}}`:             true,
		`{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/*"}}`:                       true,
		`{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/app"}}`:                   false,
		`{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/*"}}`:                       true,
		`{"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::bucket"}}`:                                        false,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::*"}}`:                                               true,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:123456789012:*"}}`:                                 false,
		`{"StringEquals":{"aws:SourceAccount":"123456789012"}}`:                                        false,
		`{"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}}`:                                          false,
		`{"StringLike":{"aws:SourceVpce":"vpce-*"}}`:                                                   true,
		`{"StringEquals":{"aws:SourceVpc":"vpc-1a2b3c4d"}}`:                                            false,
		`{"StringLike":{"aws:userid":"AROAEXAMPLE:*"}}`:                                                false,
		`{"StringLike":{"aws:userid":"AROA*"}}`:                                                        true,
		`{"StringEquals":{"aws:userid":"AIDAEXAMPLE"}}`:                                                false,
		`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`:                                              false,
		`{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]}}`:                            false,
		`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`:                                                  false,
		`{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`:                                                   true,
		`{"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}}`:                                   true,
		`{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","::/0"]}}`:                                     true,
		`{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`:                                           true,
		`{"StringLike":{"aws:SourceIp":"203.0.113.*"}}`:                                                true,
		`{"Bool":{"aws:SecureTransport":"true"}}`:                                                      true,
		`{"StringEquals":{"aws:PrincipalTag/team":"red"}}`:                                             true,
		`{"StringLike":{"aws:UserAgent":"me"}}`:                                                        true,
		`{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`: false,
		`{"DateLessThan":{"aws:CurrentTime":"2026-01-01"}}`:                                            true,
		`{}`: true,
	} {
		document := doc(fmt.Sprintf(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":%s}`, condition))
		if got := isPublic(t, document); got != want {
			t.Errorf("%s: %v", condition, got)
		}
	}
}
