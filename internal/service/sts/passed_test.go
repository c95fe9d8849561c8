// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func descriptors(arns ...string) (all []types.PolicyDescriptorType) {
	for _, arn := range arns {
		all = append(all, types.PolicyDescriptorType{Arn: &arn})
	}
	return all
}

// tags makes tags of pairs: "Team=orders".
func tags(pairs ...string) (all []types.Tag) {
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		all = append(all, types.Tag{Key: &key, Value: &value})
	}
	return all
}

// tagsOf are the tags that the server knows a session by, and those that it passes on.
func (w *world) tagsOf(c servicetest.Credentials) (all map[string]string, transitive []string) {
	w.t.Helper()
	if _, err := w.Store.View(w.t.Context(), func(r kv.Reader) error {
		got, err := w.Directory.Credential(r, c.AccessKeyID, c.SessionToken)
		if err == nil {
			all, transitive = got.Principal.Tags, got.Principal.Session.Transitive
		}
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return all, slices.Sorted(slices.Values(transitive))
}

// TestTagsThroughAChain is the example of AWS's guide (IAM User Guide, "Chaining roles
// with session tags").
func TestTagsThroughAChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	trust := trusting("*", "sts:TagSession")
	may := map[string]string{"p": servicetest.Allow("*", "sts:*")}
	var roles []string
	for i, tag := range []string{"Heart=1", "Sun=2", "Lightning=3"} {
		key, value, _ := strings.Cut(tag, "=")
		held := map[string]string{key: value}
		if i == 2 {
			held["Star"] = "3"
		}
		roles = append(roles, w.role(identity.Principal{Name: fmt.Sprintf("Role%d", i+1), Policies: may, Tags: held}, trust))
	}
	first := assume(roles[0])
	first.Tags, first.TransitiveTagKeys = tags("Star=1", "Heart=1"), []string{"star", "Heart"}
	session := w.session(w.User("ada"), first)
	for i, want := range []map[string]string{
		{"Star": "1", "Heart": "1"}, {"Star": "1", "Heart": "1", "Sun": "2"}, {"Star": "1", "Heart": "1", "Lightning": "3"},
	} {
		if i > 0 {
			in := assume(roles[i])
			in.Tags = tags("heart=3")
			_, err := w.sts(session).AssumeRole(t.Context(), in)
			wants(t, "overriding an inherited tag", err, "InvalidParameterValue",
				"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			session = w.session(session, assume(roles[i]))
		}
		got, transitive := w.tagsOf(session)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("session %d (-want +got):\n%s", i+1, diff)
		}
		if !slices.Equal(transitive, []string{"Heart", "Star"}) {
			t.Errorf("session %d passes on %v", i+1, transitive)
		}
	}
	untagging := w.role(identity.Principal{Name: "untagging"}, trusting("*"))
	_, err := w.sts(session).AssumeRole(t.Context(), assume(untagging))
	wants(t, "a role that takes no tags", err, "AccessDenied",
		"User: arn:aws:sts::123456789012:assumed-role/Role3/s1 is not authorized to perform: sts:TagSession on resource: "+untagging)
	plain := assume(roles[1])
	plain.Tags = tags("Moon=1")
	moon := w.session(w.User("ada"), plain)
	if got, _ := w.tagsOf(w.session(moon, assume(roles[0]))); !maps.Equal(got, map[string]string{"Heart": "1"}) {
		t.Errorf("a tag that is not transitive passed on: %v", got)
	}
}

// TestConditionsOfTrust is the trust policy of AWS's guide (IAM User Guide, "Permissions
// required to add session tags"), with the session's name and the role's tags beside it.
func TestConditionsOfTrust(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada")
	role := w.role(identity.Principal{Name: "app", Tags: map[string]string{"Open": "yes"}}, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"`+userARN("ada")+`"},"Condition":{
			"StringLike":{"aws:RequestTag/Project":"*","aws:RequestTag/CostCenter":"*","aws:RequestTag/Department":"*","sts:RoleSessionName":"${aws:username}-*"},
			"StringEquals":{"sts:ExternalId":"Example987","aws:ResourceTag/Open":"yes","iam:ResourceTag/open":"yes"}}},
		{"Effect":"Allow","Action":"sts:TagSession","Principal":{"AWS":"`+userARN("ada")+`"},"Condition":{
			"StringLike":{"aws:RequestTag/Project":"*","aws:RequestTag/CostCenter":"*"},
			"StringEquals":{"aws:RequestTag/Department":["Engineering","Marketing"]},
			"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["Project","Department"],"aws:TagKeys":["Project","CostCenter","Department"]}}}]}`)
	for name, c := range map[string]struct {
		change func(in *sts.AssumeRoleInput)
		denied string // the action
	}{
		"as it should be":          {func(*sts.AssumeRoleInput) {}, ""},
		"no external id":           {func(in *sts.AssumeRoleInput) { in.ExternalId = nil }, "sts:AssumeRole"},
		"another external id":      {func(in *sts.AssumeRoleInput) { in.ExternalId = new("example987") }, "sts:AssumeRole"},
		"another's name":           {func(in *sts.AssumeRoleInput) { in.RoleSessionName = new("eve-1") }, "sts:AssumeRole"},
		"a tag less":               {func(in *sts.AssumeRoleInput) { in.Tags = in.Tags[1:] }, "sts:AssumeRole"},
		"no tags":                  {func(in *sts.AssumeRoleInput) { in.Tags, in.TransitiveTagKeys = nil, nil }, "sts:AssumeRole"},
		"a tag more":               {func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tags("Other=1")...) }, "sts:TagSession"},
		"another value":            {func(in *sts.AssumeRoleInput) { in.Tags[2].Value = new("Sales") }, "sts:TagSession"},
		"none transitive":          {func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = nil }, ""},
		"another transitive one":   {func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"CostCenter"} }, "sts:TagSession"},
		"a key in the other case":  {func(in *sts.AssumeRoleInput) { in.Tags[0].Key = new("project") }, "sts:TagSession"}, // values have case
		"session tags come before": {func(in *sts.AssumeRoleInput) { in.Tags[0].Value = new("X") }, ""},
	} {
		in := assume(role)
		in.RoleSessionName, in.ExternalId = new("ada-1"), new("Example987")
		in.Tags = tags("Project=Automation", "CostCenter=12345", "Department=Engineering")
		in.TransitiveTagKeys = []string{"Project", "Department"}
		c.change(in)
		if name == "a tag less" {
			in.TransitiveTagKeys = []string{"Department"}
		}
		if name == "a key in the other case" {
			in.TransitiveTagKeys = nil
		}
		_, err := w.sts(ada).AssumeRole(t.Context(), in)
		code, message := "", ""
		if c.denied != "" {
			code, message = "AccessDenied", "User: "+userARN("ada")+" is not authorized to perform: "+c.denied+" on resource: "+role
		}
		wants(t, name, err, code, message)
	}
}

func TestSourceIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "sts:*"))
	may := map[string]string{"p": servicetest.Allow("*", "sts:AssumeRole", "sts:SetSourceIdentity")}
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:SetSourceIdentity"],
		"Condition":{"StringEquals":{"sts:SourceIdentity":["ada","adam"]}}}}`
	first := w.role(identity.Principal{Name: "first", Policies: may}, trust)
	second := w.role(identity.Principal{Name: "second", Policies: may}, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+first+`"},
		"Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Condition":{"StringEquals":{"aws:SourceIdentity":"ada"}}}}`)
	closed := w.role(identity.Principal{Name: "closed"}, trusting("*"))
	with := func(role, source string) *sts.AssumeRoleInput {
		in := assume(role)
		if source != "" {
			in.SourceIdentity = &source
		}
		return in
	}
	for _, source := range []string{"", "eve"} {
		_, err := w.sts(ada).AssumeRole(t.Context(), with(first, source))
		wants(t, "as "+source, err, "AccessDenied", "")
	}
	_, err := w.sts(ada).AssumeRole(t.Context(), with(closed, "ada"))
	wants(t, "where none may be set", err, "AccessDenied", "User: "+userARN("ada")+" is not authorized to perform: sts:SetSourceIdentity on resource: "+closed)
	session := w.session(ada, with(first, "ada"))
	_, err = w.sts(w.session(ada, with(first, "adam"))).AssumeRole(t.Context(), assume(second))
	wants(t, "another's chain", err, "AccessDenied", "")
	_, err = w.sts(session).AssumeRole(t.Context(), with(second, "adam"))
	wants(t, "another one on the way", err, "AccessDenied",
		"User: arn:aws:sts::123456789012:assumed-role/first/s1 is not authorized to perform: sts:SetSourceIdentity on resource: "+second)
	_, err = w.sts(session).AssumeRole(t.Context(), assume(closed))
	wants(t, "a role that lets nobody set one", err, "AccessDenied", "")
	for _, source := range []string{"", "ada"} {
		out, err := w.sts(session).AssumeRole(t.Context(), with(second, source))
		if err != nil || out.SourceIdentity == nil || *out.SourceIdentity != "ada" {
			t.Errorf("a chain's next session: %+v, %v", out, err)
		}
	}
}

func TestWhatCanNotBePassed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada")
	role := w.role(identity.Principal{Name: "app"}, trusting("*", "sts:*"))
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf("k%d=v", i))
	}
	long := `{"Statement":{"Effect":"Allow","Action":"*","Resource":["*"` + strings.Repeat(`,"arn:aws:s3:::abcdefghijkl"`, 80) + `]}}`
	big := strings.Repeat("v", 256)
	for name, c := range map[string]struct {
		change        func(in *sts.AssumeRoleInput)
		code, message string
	}{
		"51 tags":       {func(in *sts.AssumeRoleInput) { in.Tags = tags(many...) }, "ValidationError", ""},
		"50 tags":       {func(in *sts.AssumeRoleInput) { in.Tags = tags(many[:50]...) }, "", ""},
		"one tag twice": {func(in *sts.AssumeRoleInput) { in.Tags = tags("a=1", "A=2") }, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		"AWS's own tag": {func(in *sts.AssumeRoleInput) { in.Tags = tags("AWS:x=1") }, "InvalidParameterValue", ""},
		"transitive, not passed": {
			func(in *sts.AssumeRoleInput) { in.Tags, in.TransitiveTagKeys = tags("a=1"), []string{"b"} },
			"InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.",
		},
		"large tags": {func(in *sts.AssumeRoleInput) {
			for i := range 17 {
				in.Tags = append(in.Tags, tags(fmt.Sprintf("k%d=%s", i, big))...)
			}
		}, "PackedPolicyTooLarge", "Packed size of session tags consumes 108% of allotted space."},
		"a policy and large tags": {func(in *sts.AssumeRoleInput) {
			in.Policy = new(servicetest.Allow("*", "*"))
			for i := range 16 {
				in.Tags = append(in.Tags, tags(fmt.Sprintf("k%d=%s", i, big))...)
			}
		}, "PackedPolicyTooLarge", "Packed policy consumes 104% of allotted space, please use smaller policy."},
		"no policy":       {func(in *sts.AssumeRoleInput) { in.Policy = new("{}") }, "MalformedPolicyDocument", "Syntax errors in policy."},
		"with principals": {func(in *sts.AssumeRoleInput) { in.Policy = new(trusting("*")) }, "MalformedPolicyDocument", "Policy document should not specify a principal."},
		"a long policy":   {func(in *sts.AssumeRoleInput) { in.Policy = &long }, "ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		"a long policy and ARN": {func(in *sts.AssumeRoleInput) {
			in.Policy = new(servicetest.Allow("*", "*") + strings.Repeat(" ", 1930))
			in.PolicyArns = descriptors("arn:aws:iam::aws:policy/AdministratorAccess")
		}, "ValidationError", "The plain text of the session policy and of the ARNs of managed session policies is longer than 2048 characters."},
		"eleven managed policies": {func(in *sts.AssumeRoleInput) {
			in.PolicyArns = descriptors(slices.Repeat([]string{"arn:aws:iam::aws:policy/AdministratorAccess"}, 11)...)
		}, "ValidationError", "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10"},
		"a policy that is not there": {
			func(in *sts.AssumeRoleInput) { in.PolicyArns = descriptors("arn:aws:iam::123456789012:policy/none") },
			"ValidationError", "Policy arn:aws:iam::123456789012:policy/none does not exist or is not attachable.",
		},
		"another account's policy": {func(in *sts.AssumeRoleInput) { in.PolicyArns = descriptors("arn:aws:iam::999999999999:policy/theirs") }, "ValidationError", ""},
	} {
		w.change(func(d *identity.Directory, tx kv.Tx) error {
			return d.Policies.Put(tx, &identity.ManagedPolicy{
				Account: elsewhere, Name: "theirs", Default: "v1",
				Versions: []identity.PolicyVersion{{ID: "v1", Document: servicetest.Allow("*", "*")}},
			}, elsewhere, "theirs")
		})
		in := assume(role)
		c.change(in)
		_, err := w.sts(ada).AssumeRole(t.Context(), in)
		wants(t, name, err, c.code, c.message)
	}
	in := assume(role)
	in.Policy, in.Tags = new("\n"+servicetest.Allow("*", "*")+"    "), tags("a=b")
	out, err := w.sts(ada).AssumeRole(t.Context(), in)
	//lint:ignore SA1019 this server speaks the API before SessionTokenUtilization took its place
	if err != nil || out.PackedPolicySize == nil || *out.PackedPolicySize != 3 { // 90 and 2 of 4,096 bytes
		t.Errorf("answered %+v, %v", out, err)
	}
}
