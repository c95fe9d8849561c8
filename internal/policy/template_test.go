// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/coffer-secrets/coffer/internal/policy"
)

func TestVariablesInResources(t *testing.T) {
	t.Parallel()
	context := keys{"x:star": {"*"}, "x:two": {"a", "b"}, "x:colon": {"a:b/c"}, "x:empty": {""}, "x:none": {}}
	for _, c := range []struct {
		pattern, name string // of a bucket
		want          bool
	}{
		{"home/${aws:username}/*", "home/x/a", true},
		{"home/${aws:username}/*", "home/y/a", false},
		{"home/${AWS:UserName}", "home/x", true},
		{"home/${ aws:username }", "home/x", true},
		{"${aws:username}", "x", true},
		{"*${aws:username}*", "a/x/b", true},
		{"${aws:username}${aws:username}", "xx", true},
		// A value is text, whatever is in it.
		{"${x:star}", "anything", false},
		{"${x:star}", "*", true},
		{"${x:colon}", "a:b/c", true},
		{"${x:empty}", "", true},
		// What has no single value is equal to nothing.
		{"${x:absent}", "", false},
		{"${x:absent}", "${x:absent}", false},
		{"${x:none}", "", false},
		{"${x:two}", "a", false},
		// Defaults.
		{"${x:absent, 'all'}", "all", true},
		{"${x:absent,'all'}", "all", true},
		{"${x:none, 'all'}", "all", true},
		{"${x:absent, ''}", "", true},
		{"${x:absent, '*'}", "anything", false},
		{"${aws:username, 'all'}", "x", true},
		{"${aws:username, 'all'}", "all", false},
		{"${x:two, 'all'}", "all", false},
		{"${x:empty, 'all'}", "all", false},
		// Escapes.
		{"${*}${?}${$}", "*?$", true},
		{"${*}", "x", false},
		{"$${$}{", "$${", true},
	} {
		for _, element := range []string{"Resource", "NotResource"} {
			document := doc(fmt.Sprintf(`{"Effect":"Allow","Action":"*",%q:%q}`, element, "arn:aws:s3:::"+c.pattern))
			req := user("s3:GetObject", "arn:aws:s3:::"+c.name)
			req.Context = context
			got := policy.Evaluate(&policy.Set{Identity: attach(t, document)}, req).Allowed
			if want := c.want == (element == "Resource"); got != want {
				t.Errorf("%s %s on %q: %v", element, c.pattern, c.name, got)
			}
		}
	}
}

// TestVariablesInConditions holds, too, what AWS documents of variables without a
// value: they are like nothing, so that a negated operator is met.
func TestVariablesInConditions(t *testing.T) {
	t.Parallel()
	context := keys{"x:k": {"blue"}, "x:same": {"BLUE"}, "x:arn": {"arn:aws:iam::123456789012:role/app"}, "x:path": {"blue*/b"}, "x:yes": {"true"}, "x:account": {account}}
	for _, c := range []struct {
		operator, key, value string
		want                 bool
	}{
		{"StringEquals", "x:k", "${x:k}", true},
		{"StringEquals", "x:k", "${x:same}", false},
		{"StringEquals", "x:path", "${x:k}${*}/b", true},
		{"StringEqualsIgnoreCase", "x:k", "${x:same}", true},
		{"StringNotEquals", "x:k", "${x:k}", false},
		{"StringLike", "x:path", "${x:k}*", true},
		{"StringLike", "x:path", "${x:k}${*}*", true},
		{"StringLike", "x:path", "${x:k}${?}*", false},
		{"Bool", "x:yes", "${x:yes}", true},
		{"Bool", "x:k", "${x:k}", false},
		{"ArnLike", "x:arn", "arn:aws:iam::${x:account}:role/*", true},
		{"ArnLike", "x:arn", "${x:arn}", true},
		{"ArnLike", "x:arn", "${x:k}", false},
		{"ArnNotLike", "x:arn", "${x:arn}", false},
		{"StringEquals", "x:k", "${x:absent}", false},
		{"StringEquals", "x:k", "${x:absent, 'blue'}", true},
		{"StringLike", "x:k", "*${x:absent}", false},
		{"StringNotEquals", "x:k", "${x:absent}", true},
		{"StringNotLike", "x:k", "${x:absent}", true},
		{"ArnNotEquals", "x:arn", "arn:aws:iam::${x:absent}:role/app", true},
	} {
		condition, err := json.Marshal(map[string]map[string]string{c.operator: {c.key: c.value}})
		if err != nil {
			t.Fatal(err)
		}
		if allows, denies := met(t, string(condition), context); allows != c.want || denies != c.want {
			t.Errorf("%s: %v in an Allow, %v in a Deny; want %v", condition, allows, denies, c.want)
		}
	}
}

func TestTheOlderLanguageHasNoVariables(t *testing.T) {
	t.Parallel()
	for _, version := range []string{`"Version":"2008-10-17",`, ""} {
		document := `{` + version + `"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}","Condition":{"StringEquals":{"x:k":"${x:k}"},"StringLike":{"x:k":"$?x:k}"}}}}`
		for resource, want := range map[string]bool{"arn:aws:s3:::x": false, "arn:aws:s3:::${aws:username}": true} {
			req := user("s3:GetObject", resource)
			req.Context = keys{"x:k": {"${x:k}"}}
			if got := policy.Evaluate(&policy.Set{Identity: attach(t, document)}, req).Allowed; got != want {
				t.Errorf("%s on %s: %v", document, resource, got)
			}
		}
	}
}
