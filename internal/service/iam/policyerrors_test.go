// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

func TestCreatePolicyRefuses(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	managed(t, c, "/x/", "Taken", allowing("a:b"))
	must(t, second(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: new("large"), PolicyDocument: new(sized(6144))})))
	for name, in := range map[string]struct {
		in            iam.CreatePolicyInput
		code, message string
	}{
		"a name that is taken, in another case": {
			iam.CreatePolicyInput{PolicyName: new("tAKEN"), PolicyDocument: new(allowing("a:b"))},
			"EntityAlreadyExists", "A policy called tAKEN already exists. Duplicate names are not allowed.",
		},
		"no JSON": {iam.CreatePolicyInput{PolicyDocument: new("{")}, "MalformedPolicyDocument", "Syntax errors in policy."},
		"no vendor": {
			iam.CreatePolicyInput{PolicyDocument: new(allowing("GetObject"))},
			"MalformedPolicyDocument", "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
		},
		"a principal": {
			iam.CreatePolicyInput{PolicyDocument: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"a:b","Resource":"*"}}`)},
			"MalformedPolicyDocument", "Policy document should not specify a principal.",
		},
		"the old version": {
			iam.CreatePolicyInput{PolicyDocument: new(strings.Replace(allowing("a:b"), "2012", "2008", 1))},
			"MalformedPolicyDocument", "Policy document must be version 2012-10-17 or greater.",
		},
		"no version": {
			iam.CreatePolicyInput{PolicyDocument: new(strings.Replace(allowing("a:b"), `"Version":"2012-10-17",`, "", 1))},
			"MalformedPolicyDocument", "Policy document must be version 2012-10-17 or greater.",
		},
		"too large": {iam.CreatePolicyInput{PolicyDocument: new(sized(6145))}, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		"a tag twice": {
			iam.CreatePolicyInput{PolicyDocument: new(allowing("a:b")), Tags: []types.Tag{{Key: new("a"), Value: new("")}, {Key: new("a"), Value: new("")}}},
			"InvalidInput", "Duplicate tag keys found.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if in.in.PolicyName == nil {
				in.in.PolicyName = new("new")
			}
			refused(t, second(c.CreatePolicy(t.Context(), &in.in)), in.code, in.message)
		})
	}
}

// TestPoliciesThatAreNotThere asks all operations for policies that can't be what they
// need.
func TestPoliciesThatAreNotThere(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ctx := t.Context()
	user := withHolders(t, s, c)[0]
	arn := managed(t, c, "/x/", "p", allowing("a:b"))
	document := new(allowing("a:b"))
	const (
		ofAWS  = "arn:aws:iam::aws:policy/AdministratorAccess"
		denied = "User: " + accountARN + "root is not authorized to perform: iam:"
	)
	reads := map[string]func(arn string) error{
		"GetPolicy": func(arn string) error { return second(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})) },
		"GetPolicyVersion": func(arn string) error {
			return second(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: new("v1")}))
		},
		"ListPolicyVersions": func(arn string) error {
			return second(c.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn}))
		},
		"ListEntitiesForPolicy": func(arn string) error {
			return second(c.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: &arn}))
		},
	}
	writes := map[string]func(arn string) error{
		"DeletePolicy": func(arn string) error { return second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arn})) },
		"CreatePolicyVersion": func(arn string) error {
			return second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: document}))
		},
		"DeletePolicyVersion": func(arn string) error {
			return second(c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: new("v1")}))
		},
		"SetDefaultPolicyVersion": func(arn string) error {
			return second(c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: new("v1")}))
		},
	}
	attachments := map[string]func(arn string) error{
		"AttachUserPolicy":           func(arn string) error { return user.attach(ctx, user.name, arn) },
		"DetachUserPolicy":           func(arn string) error { return user.detach(ctx, user.name, arn) },
		"PutUserPermissionsBoundary": func(arn string) error { return user.boundary(ctx, user.name, arn) },
	}
	for operation, call := range reads {
		must(t, call(ofAWS))
		_ = operation
	}
	for operation, call := range writes {
		refused(t, call(ofAWS), "AccessDenied", denied+operation+" on resource: policy "+ofAWS)
	}
	for _, calls := range []map[string]func(string) error{reads, writes} {
		for operation, call := range calls {
			for _, missing := range []string{accountARN + "policy/p", accountARN + "policy/x/q", accountARN + "policy/X/p", "arn:aws:iam::aws:policy/x/AdministratorAccess"} {
				refused(t, call(missing), "NoSuchEntity", "Policy "+missing+" was not found.")
			}
			foreign := "arn:aws:iam::999999999999:policy/x/p"
			refused(t, call(foreign), "AccessDenied", denied+operation+" on resource: policy "+foreign+" because no resource-based policy allows the iam:"+operation+" action")
		}
	}
	for _, calls := range []map[string]func(string) error{reads, writes, attachments} {
		for _, call := range calls {
			for _, invalid := range []string{"arn:aws:iam:aws:policy/AdministratorAccess", "x" + arn, accountARN + "user/ada/and/on", "arn:aws:iam:eu-west-1:" + servicetest.Account + ":policy/x/p", "AdministratorAccess-and-on"} {
				refused(t, call(invalid), "InvalidInput", "ARN "+invalid+" is not valid.")
			}
			refused(t, call(strings.Replace(arn, "aws", "aws-cn", 1)), "ValidationError", "Invalid ARN partition")
		}
	}
	for operation, call := range map[string]func(id string) error{
		"GetPolicyVersion": func(id string) error {
			return second(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: &id}))
		},
		"DeletePolicyVersion": func(id string) error {
			return second(c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: &id}))
		},
		"SetDefaultPolicyVersion": func(id string) error {
			return second(c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: &id}))
		},
	} {
		t.Log(operation)
		refused(t, call("v2"), "NoSuchEntity", "Policy "+arn+" version v2 does not exist or is not attachable.")
	}
	refused(t, user.boundary(ctx, user.name, accountARN+"policy/p"), "NoSuchEntity", "Scope ARN: "+accountARN+"policy/p does not exist or is not attachable.")
}

// TestDenialsAboutPolicies holds the words in which AWS refuses.
func TestDenialsAboutPolicies(t *testing.T) {
	t.Parallel()
	s, root := newClient(t)
	withHolders(t, s, root)
	arn := managed(t, root, "/x/", "p", allowing("a:b"))
	c := iam.NewFromConfig(s.Config(s.User("eve")))
	all := []holders{userHolders(c), groupHolders(c), roleHolders(c)}
	ctx := t.Context()
	denied := func(err error, action, resource string) {
		t.Helper()
		refused(t, err, "AccessDenied", "User: "+accountARN+"user/eve is not authorized to perform: iam:"+action+" on resource: "+resource+
			" because no identity-based policy allows the iam:"+action+" action")
	}
	denied(second(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("q"), Path: new("/y/"), PolicyDocument: new(allowing("a:b"))})), "CreatePolicy", "policy q")
	denied(second(c.ListPolicies(ctx, nil)), "ListPolicies", "policy path /")
	for _, name := range []string{arn, accountARN + "policy/none", "arn:aws:iam::aws:policy/AdministratorAccess"} {
		denied(second(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &name})), "GetPolicy", "policy "+name)
	}
	title := map[string]string{"user": "User", "group": "Group", "role": "Role"}
	for _, h := range all {
		for action, call := range map[string]func(name string) error{
			"Put%sPolicy":    func(name string) error { return h.put(ctx, name, "p", allowing("a:b")) },
			"Get%sPolicy":    func(name string) error { return second(h.get(ctx, name, "p")) },
			"Delete%sPolicy": func(name string) error { return h.delete(ctx, name, "p") },
			"List%sPolicies": func(name string) error { _, _, err := h.list(ctx, name, nil, nil); return err },
			"Attach%sPolicy": func(name string) error { return h.attach(ctx, name, arn) },
			"Detach%sPolicy": func(name string) error { return h.detach(ctx, name, arn) },
			"ListAttached%sPolicies": func(name string) error {
				_, _, err := h.attached(ctx, name, nil, nil, nil)
				return err
			},
			"Put%sPermissionsBoundary":    func(name string) error { return h.boundary(ctx, name, arn) },
			"Delete%sPermissionsBoundary": func(name string) error { return h.noBoundary(ctx, name) },
		} {
			if strings.Contains(action, "Boundary") && h.boundary == nil {
				continue
			}
			for _, name := range []string{h.name, "nobody"} { // a stranger learns nothing from the difference
				denied(call(name), fmt.Sprintf(action, title[h.kind]), h.kind+" "+name)
			}
		}
	}
}
