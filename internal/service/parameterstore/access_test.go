// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// calls are the operations on /a/b, each with the action and the resource that it
// needs a permission for.
var calls = []struct{ operation, body, resource string }{
	{"PutParameter", `{"Name":"%s","Value":"v","Type":"String","Overwrite":true}`, arnPrefix + "%s"},
	{"GetParameter", `{"Name":"%s"}`, arnPrefix + "%s"},
	{"GetParameters", `{"Names":["/mine","%s"]}`, arnPrefix + "%s"},
	{"GetParametersByPath", `{"Path":"%s"}`, arnPrefix + "%s"},
	{"GetParameterHistory", `{"Name":"%s"}`, arnPrefix + "%s"},
	{"DescribeParameters", `{}`, "arn:aws:ssm:" + servicetest.Region + ":" + servicetest.Account + ":*"},
	{"LabelParameterVersion", `{"Name":"%s","Labels":["x"]}`, arnPrefix + "%s"},
	{"UnlabelParameterVersion", `{"Name":"%s","ParameterVersion":1,"Labels":["x"]}`, arnPrefix + "%s"},
	{"AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"%s","Tags":[{"Key":"k","Value":"v"}]}`, arnPrefix + "%s"},
	{"RemoveTagsFromResource", `{"ResourceType":"Parameter","ResourceId":"%s","TagKeys":["k"]}`, arnPrefix + "%s"},
	{"ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"%s"}`, arnPrefix + "%s"},
	{"PutResourcePolicy", `{"ResourceArn":"` + arnPrefix + `%s","Policy":` + strconv.Quote(share(servicetest.Account, "ssm:GetParameter")) + `}`, arnPrefix + "%s"},
	{"GetResourcePolicies", `{"ResourceArn":"` + arnPrefix + `%s"}`, arnPrefix + "%s"},
	{"DeleteResourcePolicy", `{"ResourceArn":"` + arnPrefix + `%s","PolicyId":"x","PolicyHash":"y"}`, arnPrefix + "%s"},
	{"DeleteParameter", `{"Name":"%s"}`, arnPrefix + "%s"},
	{"DeleteParameters", `{"Names":["/mine","%s"]}`, arnPrefix + "%s"},
}

func fill(form, name string) string { return strings.ReplaceAll(form, "%s", name) }

// A stranger is told the same of a parameter that exists and of one that does not,
// and changes nothing.
func TestStrangersAreDenied(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("/a/b", "v")
	f.set("/mine", "v")
	eve := f.User("eve", servicetest.Allow(arnPrefix+"/mine", "ssm:*"))
	before := f.Keys("ssm/")
	for _, c := range calls {
		for _, name := range []string{"/a/b", "/no/such"} {
			got := f.Post(eve, "AmazonSSM."+c.operation, fill(c.body, name))
			want := fmt.Sprintf("User: arn:aws:iam::%s:user/eve is not authorized to perform: ssm:%s on resource: %s "+
				"because no identity-based policy allows the ssm:%s action", servicetest.Account, c.operation, fill(c.resource, name), c.operation)
			if got.Status != 400 || got.Type != "AccessDeniedException" || got.Message != want {
				t.Errorf("%s of %s: %d %s: %s", c.operation, name, got.Status, got.Type, got.Message)
			}
		}
	}
	if d := cmp.Diff(before, f.Keys("ssm/")); d != "" {
		t.Errorf("a denied call changed the store (-before +after):\n%s", d)
	}
	if got := f.get("/a/b"); got.Version != 1 {
		t.Errorf("a denied call left version %d", got.Version)
	}
	if got := append(f.tags("/a/b"), f.labels("/a/b")...); !slices.Equal(got, []string{"1=[]"}) {
		t.Errorf("a denied call left %v", got)
	}
}

func TestOnePermissionIsEnough(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range calls {
		f.advanced("/a/b", "v")
		user := f.User("u-"+c.operation, servicetest.Allow(fill(c.resource, "/a/b"), "ssm:"+c.operation), servicetest.Allow(arnPrefix+"/mine", "ssm:*"))
		if got := f.Post(user, "AmazonSSM."+c.operation, fill(c.body, "/a/b")); got.Status != 200 && got.Type != "ResourcePolicyNotFoundException" {
			t.Errorf("%s: %s: %s", c.operation, got.Type, got.Message)
		}
	}
}

func TestTagsNeedAPermissionOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	body := `{"Name":"tagged","Value":"w","Type":"String","Tags":[{"Key":"k","Value":"v"}]}`
	got := f.Post(f.User("eve", servicetest.Allow("*", "ssm:PutParameter")), "AmazonSSM.PutParameter", body)
	if got.Type != "AccessDeniedException" || !strings.Contains(got.Message, "ssm:AddTagsToResource") {
		t.Errorf("without it: %+v", got)
	}
	got = f.Post(f.User("ada", servicetest.Allow("*", "ssm:PutParameter", "ssm:AddTagsToResource")), "AmazonSSM.PutParameter", body)
	if got.Status != 200 {
		t.Errorf("with it: %+v", got)
	}
}

func TestRecordsTellTheStory(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.secure("/a/b", "", nil)
	f.get("/a/b")
	var got []string
	for _, r := range f.Records() {
		got = append(got, r.EventName)
		if r.EventName == "PutParameter" && !strings.Contains(string(r.Line), arnPrefix+"/a/b") {
			t.Errorf("the record does not name the parameter: %s", r.Line)
		}
	}
	if want := []string{"Encrypt", "PutParameter", "Decrypt", "GetParameter"}; !slices.Equal(got, want) {
		t.Errorf("recorded: %v, want %v", got, want)
	}
}
