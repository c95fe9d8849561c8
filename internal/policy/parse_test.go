// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/policy"
)

const (
	syntax    = "Syntax errors in policy."
	legacy    = "The policy failed legacy parsing"
	noActions = "Policy statement must contain actions."
	noRes     = "Policy statement must contain resources."
	noVendor  = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	oneColon  = "Actions/Condition can contain only one colon."
)

// doc wraps statements in a document of the current version.
func doc(statements string) string {
	return `{"Version":"2012-10-17","Statement":` + statements + `}`
}

// with is a document of one sound statement, with a further element.
func with(element string) string {
	return doc(`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b",` + element + `}`)
}

func action(json string) string {
	return doc(`{"Effect":"Allow","Action":` + json + `,"Resource":"arn:aws:s3:::b"}`)
}

func resource(json string) string {
	return doc(`{"Effect":"Allow","Action":"s3:ListBucket","Resource":` + json + `}`)
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, doc, want string }{
		{"empty", ``, syntax},
		{"not JSON", `This is not a json document`, syntax},
		{"cut off", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow"`, syntax},
		{"null", `null`, syntax},
		{"a list", `[]`, syntax},
		{"empty object", `{}`, syntax},
		{"text after it", doc(`{"Effect":"Allow","Action":"*","Resource":"*"}`) + `{}`, syntax},
		{"invalid UTF-8", with("\"Sid\":\"a\xff\""), syntax},
		{"half a surrogate pair", with(`"Sid":"a\ud800"`), syntax},
		{"too long", with(`"Sid":"` + strings.Repeat("a", policy.MaxDocument) + `"`), syntax},
		{"deep", strings.Repeat("[", 60000), syntax},
		{"deep in a condition", with(`"Condition":` + strings.Repeat(`{"a":`, 20000)), syntax},
		{"unknown version", `{"Version":"2013-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, syntax},
		{"empty version", `{"Version":"","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, syntax},
		{"version is a number", `{"Version":2012,"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, syntax},
		{"version twice", `{"Version":"2012-10-17","Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, syntax},
		{"id is a list", `{"Id":["a"],"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, syntax},
		{"unknown element", `{"Extra":"x","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, syntax},
		{"wrong case of an element", `{"statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, syntax},
		{"no statement", `{"Version":"2012-10-17"}`, syntax},
		{"null statement", doc(`null`), syntax},
		{"statement is a string", doc(`"hello"`), syntax},
		{"no statements", doc(`[]`), syntax},
		{"statements are strings", doc(`["afd"]`), syntax},
		{"lists of statements", doc(`[[]]`), syntax},

		{"unknown element of a statement", with(`"Extra field":"value"`), syntax},
		{"element twice", with(`"Effect":"Deny"`), syntax},
		{"element twice, escaped", with(`"Eff\u0065ct":"Deny"`), syntax},
		{"sid is an object", with(`"Sid":{}`), syntax},
		{"sid is null", with(`"Sid":null`), syntax},
		{"sid with a space", with(`"Sid":"a b"`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{"the same sid", doc(`[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow"}]`), "Statement IDs (SID) in a single policy must be unique."},
		{"no effect", doc(`{"Action":"*","Resource":"*"}`), syntax},
		{"unknown effect", doc(`{"Effect":"Maybe","Action":"*","Resource":"*"}`), syntax},
		{"wrong case of the effect", doc(`{"Effect":"allow","Action":"*","Resource":"*"}`), legacy},
		{"both actions", with(`"NotAction":"iam:x"`), syntax},
		{"both actions, one empty", with(`"NotAction":[]`), syntax},
		{"both resources", with(`"NotResource":"*"`), syntax},
		{"both resources, one empty", with(`"NotResource":[]`), syntax},

		{"no action", doc(`{"Effect":"Allow","Resource":"*"}`), noActions},
		{"no action in the first of two", doc(`[{"Effect":"Deny"},{"Effect":"Allow","Action":"*","Resource":"*"}]`), noActions},
		{"empty actions", action(`[]`), noActions},
		{"nothing but an effect", doc(`{"Effect":"Allow"}`), noActions},
		{"action is a number", action(`123`), syntax},
		{"action is an object", action(`{}`), syntax},
		{"action is null", action(`null`), syntax},
		{"action in a list in a list", action(`[["s3:Get"]]`), syntax},
		{"action without a vendor", action(`"GetObject"`), noVendor},
		{"empty action", action(`""`), noVendor},
		{"second action without a vendor", action(`["s3:Get","Get"]`), noVendor},
		{"not action without a vendor", doc(`{"Effect":"Allow","NotAction":"","Resource":"*"}`), noVendor},
		{"action with two colons", action(`"s3:List:Bucket"`), oneColon},
		{"vendor with a space", action(`"a a:ListBucket"`), "Vendor a a is not valid"},
		{"vendor with a star", action(`"s*:ListBucket"`), "Vendor s* is not valid"},
		{"empty vendor", action(`":GetObject"`), "Vendor  is not valid"},
		{"a long action", action(`"s3:` + strings.Repeat("a", 126) + `"`), syntax},
		{"vendor and no action", action(`"s3:"`), syntax},

		{"no resource", doc(`{"Effect":"Allow","Action":"s3:ListBucket"}`), noRes},
		{"no resource comes before the action", doc(`{"Effect":"Allow","Action":"invalid"}`), noRes},
		{"empty resources", resource(`[]`), noRes},
		{"resource is an object", resource(`{"a":"arn:aws:s3:::b"}`), syntax},
		{"an object among resources", resource(`["adfdf",{}]`), syntax},
		{"a long resource", resource(`"arn:aws:s3:::` + strings.Repeat("a", 2036) + `"`), syntax},
		{"resource is no ARN", resource(`"invalid resource"`), `Resource invalid resource must be in ARN format or "*".`},
		{"empty resource", resource(`""`), `Resource  must be in ARN format or "*".`},
		{"two stars", resource(`"**"`), `Resource ** must be in ARN format or "*".`},
		{"resource before the action", doc(`{"Effect":"Allow","Action":"s:3:x","Resource":"sdfsadf"}`), `Resource sdfsadf must be in ARN format or "*".`},
		{"not resource is no ARN", doc(`{"Effect":"Allow","Action":"s3:*","NotResource":"invalid"}`), `Resource invalid must be in ARN format or "*".`},
		{"partition, two parts", resource(`"a:bsdfdsafsad"`), `Partition "bsdfdsafsad" is not valid for resource "arn:bsdfdsafsad:*:*:*:*".`},
		{"partition, three parts", resource(`"a:b:cadfsdf"`), `Partition "b" is not valid for resource "arn:b:cadfsdf:*:*:*".`},
		{"partition, many parts", resource(`"a:b:c:d:e:f:g:h"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
		{"the prefix is missing", resource(`"aws:s3:::example_bucket"`), `Partition "s3" is not valid for resource "arn:s3:::example_bucket:*".`},
		{"an empty partition", resource(`"s3::example-bucket/*"`), `Partition "" is not valid for resource "arn::example-bucket/*:*:*:*".`},
		{"the first of two partitions", resource(`["arn:error:s3:::b","arn:error:s3::b"]`), `Partition "error" is not valid for resource "arn:error:s3:::b".`},
		{"wrong prefix", resource(`"ARN:aws:s3:::b"`), `Resource ARN:aws:s3:::b must be in ARN format or "*".`},
		{"no vendor part", resource(`"arn:aws"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"vendor is a star", resource(`"arn:aws:*:::b"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"vendor has a wildcard", resource(`"arn:aws:s?:::b"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"a colon short", resource(`"arn:aws:s3::example_bucket"`), legacy},
		{"a colon short, no action", doc(`{"Effect":"Allow","Resource":"arn:aws:s3::example_bucket"}`), legacy},
		{"a colon short, not resource", doc(`{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3::b"}`), legacy},
		{"empty vendor part", resource(`"arn:aws::::example_bucket"`), legacy},
		{"empty vendor part, short", resource(`"arn:aws::fdsasf"`), legacy},

		{"principal", with(`"Principal":"*"`), "Policy document should not specify a principal."},
		{"principals", with(`"Principal":{"AWS":["123456789012"],"Service":"x"}`), "Policy document should not specify a principal."},
		{"not principal", with(`"NotPrincipal":{"AWS":"123456789012"}`), "Policy document should not specify a principal."},
		{"both principals", with(`"Principal":"*","NotPrincipal":"*"`), syntax},
		{"principal is a name", with(`"Principal":"me"`), syntax},
		{"unknown kind of principal", with(`"Principal":{"GCP":"x"}`), syntax},
		{"condition is a list", with(`"Condition":[]`), syntax},
		{"condition is a string", with(`"Condition":"a"`), syntax},
		{"operator is a string", with(`"Condition":{"DateGreaterThan":"b"}`), syntax},
		{"operator is a list", with(`"Condition":{"DateGreaterThan":[]}`), syntax},
		{"value is an object", with(`"Condition":{"DateGreaterThan":{"a":{}}}`), syntax},
		{"value is null", with(`"Condition":{"StringEquals":{"a":null}}`), syntax},
		{"operator twice", with(`"Condition":{"Bool":{"a":"1"},"Bool":{"b":"1"}}`), syntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := policy.Parse([]byte(c.doc), policy.KindIdentity)
			bad, ok := errors.AsType[*policy.MalformedError](err)
			if !ok || p != nil {
				t.Fatalf("Parse(%.200s) = %v, %v", c.doc, p, err)
			}
			if bad.Message != c.want {
				t.Errorf("Parse(%.200s):\n got %s\nwant %s", c.doc, bad.Message, c.want)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"a single statement":         action(`"s3:ListBucket"`),
		"a list of one":              doc(`[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]`),
		"lists":                      doc(`{"Effect":"Deny","Action":["s3:*","*"],"Resource":["arn:aws:s3:::b","*"]}`),
		"complements":                doc(`{"Effect":"Allow","NotAction":"s3:ListBucket","NotResource":"*"}`),
		"an id":                      `{"Version":"2012-10-17","Id":"any text","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		"the older version":          `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}}`,
		"version after statement":    `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${*}"},"Version":"2012-10-17"}`,
		"an empty condition":         with(`"Condition":{}`),
		"operators without a key":    with(`"Condition":{"DateGreaterThan":{},"a":{}}`),
		"empty sids":                 doc(`[{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}]`),
		"an action with spaces":      action(`"iam: asdf safdsf af "`),
		"vendors with . and -":       action(`["s3-s:x","s3.s:x","aaaaaadsfdsafsadfsadfaaaaa:x"]`),
		"all of all vendors":         action(`"*:*"`),
		"a short ARN":                resource(`"arn:aws:fdsasf"`),
		"an unknown service":         resource(`"arn:aws:invalid-service:us-east-1::b"`),
		"the longest action":         action(`"s3:` + strings.Repeat("a", 125) + `"`),
		"the longest resource":       resource(`"arn:aws:s3:::` + strings.Repeat("a", 2035) + `"`),
		"any partition":              resource(`"arn:*:s3:::b"`),
		"a partition other than aws": resource(`"arn:aws-us-gov:s3:::b"`),
		"white space":                " \n\t" + action(`"s3:x"`) + "\r\n ",
	} {
		for _, kind := range []policy.Kind{policy.KindIdentity, policy.KindBoundary, policy.KindSession, policy.KindServiceControl} {
			p, err := policy.Parse([]byte(doc), kind)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if p.Kind() != kind {
				t.Errorf("%s: kind %v, want %v", name, p.Kind(), kind)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	const statement = `"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	for doc, want := range map[string]string{
		`{` + statement:                        policy.Version2008,
		`{"Version":"2008-10-17",` + statement: policy.Version2008,
		`{"Version":"2012-10-17",` + statement: policy.Version2012,
	} {
		if got := mustParse(t, doc).Version(); got != want {
			t.Errorf("%s: version %s", doc, got)
		}
	}
}

func TestMalformedErrorNamesTheElement(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		doc(`[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":1}]`): "policy: Statement[1].Effect: Syntax errors in policy. (not a string)",
		with(`"Efect":"Deny"`): `policy: Statement: Syntax errors in policy. (unknown element "Efect")`,
		`{}`:                   "policy: Syntax errors in policy. (no Statement)",
		doc(`{"Effect":"allow","Action":"*","Resource":"*"}`):      "policy: Statement.Effect: " + legacy,
		with(`"Condition":{"` + strings.Repeat("x", 99) + `":[]}`): "policy: Statement.Condition." + strings.Repeat("x", 64) + ": Syntax errors in policy. (not an object)",
		action(`"x"`): "policy: Statement.Action: " + noVendor,
	} {
		if _, err := policy.Parse([]byte(doc), policy.KindIdentity); err == nil || err.Error() != want {
			t.Errorf("Parse(%s):\n got %v\nwant %s", doc, err, want)
		}
	}
}

func mustParse(tb testing.TB, doc string) *policy.Policy {
	tb.Helper()
	p, err := policy.Parse([]byte(doc), policy.KindIdentity)
	if err != nil {
		tb.Fatalf("Parse(%s): %v", doc, err)
	}
	return p
}
