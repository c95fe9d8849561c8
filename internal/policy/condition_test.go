// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/policy"
)

// keys are the condition keys of a request, by name in lower case.
type keys map[string][]string

// Values implements policy.Context.
func (k keys) Values(key string) ([]string, bool) {
	values, ok := k[key]
	return values, ok
}

// stating is a document of one statement on everything, with a condition.
func stating(effect, condition string) string {
	return doc(fmt.Sprintf(`{"Effect":%q,"Action":"*","Resource":"*","Condition":%s}`, effect, condition))
}

// met reports whether a condition is met in statements of both effects; the two are
// told apart by asymmetric.
func met(t *testing.T, condition string, context keys) (allows, denies bool) {
	t.Helper()
	req := user("x:y", "*")
	req.Context = context
	allow := policy.Evaluate(&policy.Set{Identity: attach(t, stating("Allow", condition))}, req)
	deny := policy.Evaluate(&policy.Set{Identity: attach(t, stating("Deny", condition), allowAll)}, req)
	return allow.Allowed, !deny.Allowed
}

func TestOperators(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		operator, value string // of the policy, as JSON
		request         string
		want            bool
	}{
		{"StringEquals", `"prod"`, "prod", true},
		{"StringEquals", `"prod"`, "Prod", false},
		{"StringEquals", `"pr*"`, "prod", false},
		{"StringEquals", `"pr*"`, "pr*", true},
		{"StringEquals", `["dev","prod"]`, "prod", true},
		{"StringEquals", `7`, "7", true},
		{"StringEquals", `true`, "true", true},
		{"StringEquals", `""`, "", true},
		{"StringNotEquals", `"prod"`, "prod", false},
		{"StringNotEquals", `"prod"`, "Prod", true},
		{"StringNotEquals", `["dev","prod"]`, "prod", false},
		{"StringNotEquals", `["dev","prod"]`, "test", true},
		{"StringEqualsIgnoreCase", `"prod"`, "PROD", true},
		{"StringEqualsIgnoreCase", `"\u00e9"`, "\u00c9", true},
		{"StringEqualsIgnoreCase", `"pr*"`, "prod", false},
		{"StringNotEqualsIgnoreCase", `"prod"`, "PROD", false},
		{"StringNotEqualsIgnoreCase", `"prod"`, "dev", true},
		{"StringLike", `"home/*"`, "home/a:b/c", true},
		{"StringLike", `"home/?"`, "home/ab", false},
		{"StringLike", `"Home/*"`, "home/a", false},
		{"StringLike", `"*"`, "", true},
		{"StringLike", `"?"`, "", false},
		{"StringNotLike", `"home/*"`, "home/a", false},
		{"StringNotLike", `["home/*","tmp/*"]`, "etc/a", true},
		{"NumericEquals", `"10"`, "10", true},
		{"NumericEquals", `10`, "10.0", true},
		{"NumericEquals", `"9007199254740993"`, "9007199254740992", false},
		{"NumericEquals", `"10"`, "ten", false},
		{"NumericNotEquals", `"10"`, "10", false},
		{"NumericNotEquals", `"10"`, "11", true},
		{"NumericLessThan", `"10"`, "9.99", true},
		{"NumericLessThan", `"10"`, "10", false},
		{"NumericLessThanEquals", `"10"`, "10", true},
		{"NumericLessThanEquals", `"10"`, "10.01", false},
		{"NumericGreaterThan", `"-1"`, "0", true},
		{"NumericGreaterThan", `"10"`, "10", false},
		{"NumericGreaterThanEquals", `"10"`, "10", true},
		{"NumericGreaterThanEquals", `"10"`, "9", false},
		{"NumericGreaterThan", `"1"`, "1e9", false}, // no number here: nothing is greater
		{"DateEquals", `"2026-03-14T09:26:53Z"`, "2026-03-14T10:26:53+01:00", true},
		{"DateEquals", `"2026-03-14T09:26:53Z"`, "1773480413", true},
		{"DateEquals", `"2026-03-14T09:26:53.5Z"`, "2026-03-14T09:26:53Z", false},
		{"DateEquals", `1773480413`, "2026-03-14T09:26:53Z", true},
		{"DateNotEquals", `"2026-03-14"`, "2026-03-14T00:00:00Z", false},
		{"DateNotEquals", `"2026-03-14"`, "2026-03-14T00:00:01Z", true},
		{"DateLessThan", `"2026-04"`, "2026-03-31T23:59:59Z", true},
		{"DateLessThan", `"2026-04-01T00:00Z"`, "2026-04-01T00:00:00Z", false},
		{"DateLessThanEquals", `"2026-04-01t00:00:00z"`, "2026-04-01T00:00:00Z", true},
		{"DateLessThanEquals", `"2026-04-01T00:00:00"`, "2026-04-01T00:00:01Z", false},
		{"DateGreaterThan", `"2026-01-01T00:00"`, "2026-01-01T00:00:01Z", true},
		{"DateGreaterThan", `"2026-01-01"`, "yesterday", false},
		{"DateGreaterThanEquals", `"2026-01-01"`, "2026-01-01T00:00:00Z", true},
		{"DateGreaterThan", `"2020"`, "1970-01-01T00:34:00Z", true}, // seconds and no year
		{"Bool", `"true"`, "true", true},
		{"Bool", `true`, "true", true},
		{"Bool", `"False"`, "false", true},
		{"Bool", `"true"`, "false", false},
		{"Bool", `"true"`, "1", false},
		{"BinaryEquals", `"QmluYXJ5VmFsdWVJbkJhc2U2NA=="`, "QmluYXJ5VmFsdWVJbkJhc2U2NA==", true},
		{"BinaryEquals", `"QmluYXJ5VmFsdWVJbkJhc2U2NA=="`, "BinaryValueInBase64", false},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.113.200", true},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.114.1", false},
		{"IpAddress", `"203.0.113.9"`, "203.0.113.9", true},
		{"IpAddress", `"203.0.113.9"`, "203.0.113.8", false},
		{"IpAddress", `"203.0.113.77/24"`, "203.0.113.200", true},
		{"IpAddress", `"2001:DB8:1234:5678::/64"`, "2001:db8:1234:5678::1", true},
		{"IpAddress", `"2001:DB8:1234:5678::/64"`, "2001:db8:1234:5679::1", false},
		{"IpAddress", `"2001:db8::1"`, "2001:db8::1", true},
		{"IpAddress", `"0.0.0.0/0"`, "2001:db8::1", false},
		{"IpAddress", `"::/0"`, "203.0.113.9", false},
		{"IpAddress", `"::ffff:203.0.113.0/120"`, "203.0.113.9", true},
		{"IpAddress", `"203.0.113.0/24"`, "::ffff:203.0.113.9", true},
		{"IpAddress", `"203.0.113.0/24"`, "somewhere", false},
		{"IpAddress", `["203.0.113.0/24","2001:db8::/32"]`, "2001:db8::9", true},
		{"NotIpAddress", `"203.0.113.0/24"`, "203.0.113.200", false},
		{"NotIpAddress", `"203.0.113.0/24"`, "203.0.114.1", true},
		{"ArnEquals", `"arn:aws:sns:*:123456789012:topic"`, "arn:aws:sns:eu-west-1:123456789012:topic", true},
		{"ArnEquals", `"arn:aws:sns:*:123456789012:TOPIC"`, "arn:aws:sns:eu-west-1:123456789012:topic", false},
		{"ArnLike", `"arn:aws:s3:::*"`, "arn:aws:s3:::a:b:c", true},
		{"ArnLike", `"arn:aws:s3:::*"`, "arn:aws:s3:eu-west-1::b", false},
		{"ArnLike", `"arn:*:s?:*:*:b"`, "arn:aws:s3:eu:1:b", true},
		// The User Guide's example of what StringLike matches and ArnLike does not.
		{"ArnLike", `"arn:aws:someservice:*:111122223333:finance/*"`, "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", false},
		{"StringLike", `"arn:aws:someservice:*:111122223333:finance/*"`, "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", true},
		{"ArnNotEquals", `"arn:aws:sns:*:123456789012:topic"`, "arn:aws:sns:eu-west-1:123456789012:topic", false},
		{"ArnNotLike", `"arn:aws:sns:*:123456789012:topic"`, "arn:aws:sns:eu-west-1:999999999999:topic", true},
		{"Null", `"false"`, "x", true},
		{"Null", `"true"`, "x", false},
		{"Null", `["true","false"]`, "x", true},
	} {
		for _, operator := range []string{c.operator, "ForAllValues:" + c.operator, "ForAnyValue:" + c.operator} {
			condition := fmt.Sprintf(`{%q:{"X:Key":%s}}`, operator, c.value)
			allows, denies := met(t, condition, keys{"x:key": {c.request}})
			if allows != c.want || denies != c.want {
				t.Errorf("%s on %q: %v in an Allow, %v in a Deny; want %v", condition, c.request, allows, denies, c.want)
			}
		}
	}
}

// TestAbsentKeys holds what the User Guide says of keys that a request does not have,
// or has without a value.
func TestAbsentKeys(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]bool{
		`{"StringEquals":{"x:k":"a"}}`:                                         false,
		`{"StringLike":{"x:k":"*"}}`:                                           false,
		`{"StringNotEquals":{"x:k":"a"}}`:                                      true,
		`{"StringNotLike":{"x:k":"*"}}`:                                        true,
		`{"NumericNotEquals":{"x:k":"1"}}`:                                     true,
		`{"NumericLessThan":{"x:k":"1"}}`:                                      false,
		`{"DateNotEquals":{"x:k":"2026-01-01"}}`:                               true,
		`{"DateLessThan":{"x:k":"2026-01-01"}}`:                                false,
		`{"Bool":{"x:k":"false"}}`:                                             false,
		`{"IpAddress":{"x:k":"0.0.0.0/0"}}`:                                    false,
		`{"NotIpAddress":{"x:k":"0.0.0.0/0"}}`:                                 true,
		`{"ArnNotLike":{"x:k":"arn:*:*:*:*:*"}}`:                               true,
		`{"StringEqualsIfExists":{"x:k":"a"}}`:                                 true,
		`{"BoolIfExists":{"x:k":"true"}}`:                                      true,
		`{"StringNotEqualsIfExists":{"x:k":"a"}}`:                              true,
		`{"Null":{"x:k":"true"}}`:                                              true,
		`{"Null":{"x:k":"false"}}`:                                             false,
		`{"ForAllValues:StringEquals":{"x:k":"a"}}`:                            true,
		`{"ForAllValues:StringNotLike":{"x:k":"key1*"}}`:                       true,
		`{"ForAnyValue:StringEquals":{"x:k":"a"}}`:                             false,
		`{"ForAnyValue:StringNotEquals":{"x:k":"a"}}`:                          false,
		`{"ForAnyValue:StringEqualsIfExists":{"x:k":"a"}}`:                     true,
		`{"Null":{"x:k":"false"},"ForAllValues:StringLike":{"x:k":["key1*"]}}`: false,
	} {
		for name, context := range map[string]keys{"absent": {}, "empty": {"x:k": {}}} {
			allows, denies := met(t, condition, context)
			if allows != want || denies != want {
				t.Errorf("%s on a key that is %s: %v in an Allow, %v in a Deny; want %v", condition, name, allows, denies, want)
			}
		}
	}
	if allows, denies := met(t, `{"StringNotEquals":{"x:k":"a"}}`, nil); !allows || !denies {
		t.Error("a request without a context")
	}
}

// TestSetOperators has the User Guide's tables: "Multivalued context key examples".
func TestSetOperators(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		condition string
		values    string
		want      bool
	}{
		{`{"ForAllValues:StringNotLike":{"aws:TagKeys":"key1*"}}`, "key1:legal", false},
		{`{"ForAllValues:StringNotLike":{"aws:TagKeys":"key1*"}}`, "key1:hr key1:personnel", false},
		{`{"ForAllValues:StringNotLike":{"aws:TagKeys":"key1*"}}`, "key2:audit", true},
		{`{"ForAllValues:StringNotLike":{"aws:TagKeys":"key1*"}}`, "key1:hr key2:audit", false},
		{`{"ForAllValues:StringLike":{"aws:TagKeys":["key1*","key2*"]}}`, "key1:a key2:b", true},
		{`{"ForAllValues:StringLike":{"aws:TagKeys":["key1*","key2*"]}}`, "key1:a key3:b", false},
		{`{"ForAnyValue:StringEquals":{"aws:TagKeys":["environment","webserver"]}}`, "cost-center webserver", true},
		{`{"ForAnyValue:StringEquals":{"aws:TagKeys":["environment","webserver"]}}`, "cost-center", false},
		{`{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["environment","webserver"]}}`, "webserver environment", false},
		{`{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["environment","webserver"]}}`, "webserver cost-center", true},
		{`{"ForAllValues:StringLike":{"dynamodb:requestedAttributes":["PostDateTime","Message","Tags"]}}`, "PostDateTime UserName", false},
		{`{"ForAnyValue:StringLike":{"dynamodb:requestedAttributes":["ID","PostDateTime"]}}`, "UserName Message PostDateTime", true},
	} {
		values := strings.Fields(c.values)
		allows, denies := met(t, c.condition, keys{"aws:tagkeys": values, "dynamodb:requestedattributes": values})
		if allows != c.want || denies != c.want {
			t.Errorf("%s on %s: %v in an Allow, %v in a Deny; want %v", c.condition, c.values, allows, denies, c.want)
		}
	}
}

// TestSeveralValuesWithoutASetOperator holds that what AWS leaves open lets nobody in.
func TestSeveralValuesWithoutASetOperator(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		condition      string
		allows, denies bool
	}{
		{`{"StringEquals":{"x:k":"a"}}`, false, true},
		{`{"StringEquals":{"x:k":["a","b"]}}`, true, true},
		{`{"StringEquals":{"x:k":"c"}}`, false, false},
		{`{"StringNotEquals":{"x:k":"a"}}`, false, true},
		{`{"StringNotEquals":{"x:k":"c"}}`, true, true},
		{`{"StringNotEquals":{"x:k":["a","b"]}}`, false, false},
	} {
		allows, denies := met(t, c.condition, keys{"x:k": {"a", "b"}})
		if allows != c.allows || denies != c.denies {
			t.Errorf("%s: %v in an Allow, %v in a Deny", c.condition, allows, denies)
		}
	}
}

func TestConditionsAreAllNeeded(t *testing.T) {
	t.Parallel()
	both := keys{"x:a": {"1"}, "x:b": {"2"}}
	for condition, want := range map[string]bool{
		`{"StringEquals":{"x:a":"1","x:b":"2"}}`:                     true,
		`{"StringEquals":{"x:a":"1","x:b":"3"}}`:                     false,
		`{"StringEquals":{"x:a":"1"},"NumericEquals":{"x:b":"2.0"}}`: true,
		`{"StringEquals":{"x:a":"1"},"NumericEquals":{"x:b":"3"}}`:   false,
		`{"StringEquals":{"x:a":"1","X:A":"2"}}`:                     false,
		`{}`:                                                         true,
		`{"StringEquals":{},"NoOperator":{}}`:                        true,
	} {
		if allows, denies := met(t, condition, both); allows != want || denies != want {
			t.Errorf("%s: %v in an Allow, %v in a Deny; want %v", condition, allows, denies, want)
		}
	}
}

// TestPrincipalKeys holds the values by the User Guide's table of principals.
func TestPrincipalKeys(t *testing.T) {
	t.Parallel()
	root := policy.Principal{Type: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account}
	ada := policy.Principal{
		Type: policy.User, Account: account, ARN: "arn:aws:iam::123456789012:user/team/ada", UserID: "AIDAEXAMPLE",
		Tags: map[string]string{"Team": "red"},
	}
	app := policy.Principal{
		Type: policy.AssumedRole, Account: account, ARN: "arn:aws:sts::123456789012:assumed-role/app/s",
		Issuer: "arn:aws:iam::123456789012:role/app", UserID: "AROAEXAMPLE:s",
	}
	temp := policy.Principal{Type: policy.FederatedUser, Account: account, ARN: "arn:aws:sts::123456789012:federated-user/t", UserID: "123456789012:t"}
	robot := policy.Principal{Type: policy.Service, ARN: "rotation.amazonaws.com"}
	for _, c := range []struct {
		who  policy.Principal
		key  string
		want string // empty for absent
	}{
		{root, "aws:PrincipalArn", root.ARN},
		{ada, "aws:PrincipalArn", ada.ARN},
		{app, "aws:PrincipalArn", app.Issuer},
		{temp, "aws:PrincipalArn", temp.ARN},
		{robot, "aws:PrincipalArn", ""},
		{ada, "aws:PrincipalAccount", account},
		{robot, "aws:PrincipalAccount", ""},
		{root, "aws:PrincipalType", "Account"},
		{ada, "aws:PrincipalType", "User"},
		{app, "aws:PrincipalType", "AssumedRole"},
		{temp, "aws:PrincipalType", "FederatedUser"},
		{robot, "aws:PrincipalType", ""},
		{ada, "aws:PrincipalIsAWSService", "false"},
		{robot, "aws:PrincipalIsAWSService", "true"},
		{robot, "aws:PrincipalServiceName", "rotation.amazonaws.com"},
		{ada, "aws:PrincipalServiceName", ""},
		{root, "aws:userid", account},
		{ada, "AWS:UserId", "AIDAEXAMPLE"},
		{app, "aws:userid", "AROAEXAMPLE:s"},
		{ada, "aws:username", "ada"},
		{root, "aws:username", ""},
		{app, "aws:username", ""},
		{ada, "aws:PrincipalTag/Team", "red"},
		{ada, "aws:PrincipalTag/team", "red"},
		{app, "aws:PrincipalTag/team", ""},
		{ada, "aws:ResourceAccount", "999999999999"},
	} {
		req := &policy.Request{Principal: c.who, Account: "999999999999", Action: "x:y", Resource: "*"}
		operator, value := "StringEquals", c.want
		if c.want == "" {
			operator, value = "Null", "true"
		}
		condition, err := json.Marshal(map[string]map[string]string{operator: {c.key: value}})
		if err != nil {
			t.Fatal(err)
		}
		denied := policy.Evaluate(&policy.Set{Identity: attach(t, stating("Deny", string(condition)))}, req)
		if denied.Reason != policy.ExplicitDeny {
			t.Errorf("%s of %s is not %q", c.key, c.who.ARN, c.want)
		}
	}
}

func TestTagsThatDifferInCase(t *testing.T) {
	t.Parallel()
	tags := map[string]string{"Team": "red", "team": "blue"}
	if values, ok := policy.Tag(tags, "TEAM"); !ok || fmt.Sprint(values) != "[blue red]" {
		t.Errorf("values %v", values)
	}
	if values, ok := policy.Tag(tags, "x"); ok || values != nil {
		t.Errorf("values %v", values)
	}
}
