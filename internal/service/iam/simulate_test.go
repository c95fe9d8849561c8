// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const (
	afterADate = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}`
	userTable  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:us-west-2:123456789012:table/${aws:username}","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2015-08-16T12:00:00Z"}}}}`
	bucket     = "arn:aws:s3:::a"
	alice      = "arn:aws:iam::123456789012:user/alice"
)

func entry(kind types.ContextKeyTypeEnum, key string, values ...string) types.ContextEntry {
	return types.ContextEntry{ContextKeyName: &key, ContextKeyType: kind, ContextKeyValues: values}
}

// TestTheSimulatorsExamples are those of AWS's CLI reference, with their answers.
func TestTheSimulatorsExamples(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	for date, want := range map[string]types.EvaluationResult{
		"2019-04-25T11:00:00Z": {
			EvalDecision: types.PolicyEvaluationDecisionTypeAllowed,
			MatchedStatements: []types.Statement{{
				SourcePolicyId: new("PolicyInputList.1"), SourcePolicyType: "IAM Policy",
				StartPosition: &types.Position{Line: 1, Column: 38}, EndPosition: &types.Position{Line: 1, Column: 167},
			}},
		},
		"2014-04-25T11:00:00Z": {EvalDecision: types.PolicyEvaluationDecisionTypeImplicitDeny, MatchedStatements: []types.Statement{}},
	} {
		want.EvalActionName, want.EvalResourceName, want.MissingContextValues = new("dynamodb:CreateBackup"), new("*"), []string{}
		out, err := c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{
			PolicyInputList: []string{afterADate}, ActionNames: []string{"dynamodb:CreateBackup"},
			ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumDate, "aws:CurrentTime", date)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff([]types.EvaluationResult{want}, out.EvaluationResults, cmpopts.IgnoreUnexported(types.EvaluationResult{}, types.Statement{}, types.Position{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", date, diff)
		}
	}
	keys, err := c.GetContextKeysForCustomPolicy(t.Context(), &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{userTable}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"aws:username", "aws:CurrentTime"}, keys.ContextKeyNames); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// people is a server with a user of a group, a role, and policies of each kind.
func people(t *testing.T) (*servicetest.Server, *iam.Client) {
	t.Helper()
	s, c := newClient(t)
	now, account := s.Clock.Now(), servicetest.Account
	bound := identity.ManagedPolicy{
		Account: account, Name: "bound", Default: "v1",
		Versions: []identity.PolicyVersion{{ID: "v1", Document: servicetest.Allow("*", "s3:*", "kms:*")}},
	}
	if _, err := s.Store.Update(t.Context(), func(tx kv.Tx) error {
		if err := s.Directory.Policies.Put(tx, &bound, account, bound.Name); err != nil {
			return err
		}
		devs := identity.Group{Account: account, Name: "devs", Path: "/eng/", ID: "AGPADEVS", Policies: map[string]string{"put": servicetest.Allow("*", "s3:Put*", "ec2:Run")}}
		if err := s.Directory.Groups.Put(tx, &devs, account, "devs"); err != nil {
			return err
		}
		for _, p := range []identity.Principal{
			{
				Kind: identity.User, Name: "alice", ID: "AIDAALICE", Groups: []string{"AGPADEVS"}, Tags: map[string]string{"team": "blue"}, Boundary: bound.ARN(),
				Policies: map[string]string{"get": servicetest.Allow("*", "s3:Get*"), "never": servicetest.Deny("*", "s3:GetSecret")},
				Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"},
			},
			{Kind: identity.Role, Name: "app", Path: "/svc/", ID: "AROAAPP", Policies: map[string]string{
				"mine": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalArn":"*:role/svc/*"},"StringEquals":{"aws:userid":"x"}}}}`,
			}},
		} {
			p.Account, p.Created = account, now
			if err := s.Directory.Principals.Put(tx, &p, account, string(p.Kind), p.Name); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// told is a result in short: the decision, and the policies that made it.
func told(r *types.EvaluationResult) string {
	text := string(r.EvalDecision)
	var ids []string
	for _, m := range r.MatchedStatements {
		ids = append(ids, *m.SourcePolicyId)
	}
	slices.Sort(ids)
	for _, id := range ids {
		text += " " + id
	}
	if b := r.PermissionsBoundaryDecisionDetail; b != nil && !b.AllowedByPermissionsBoundary {
		text += " outside"
	}
	if len(r.MissingContextValues) > 0 {
		text += " without " + strings.Join(r.MissingContextValues, " ")
	}
	return text
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	_, c := people(t)
	const role, group = "arn:aws:iam::123456789012:role/svc/app", "arn:aws:iam::123456789012:group/eng/devs"
	denying := servicetest.Deny("*", "s3:GetObject")
	teams := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}}`
	for _, x := range []struct {
		name, source, action string
		in                   iam.SimulatePrincipalPolicyInput
		want                 string
	}{
		{"inline and managed", alice, "s3:GetObject", iam.SimulatePrincipalPolicyInput{}, "allowed AdministratorAccess user_alice_get"},
		{"of the group", alice, "s3:PutObject", iam.SimulatePrincipalPolicyInput{}, "allowed AdministratorAccess group_devs_put"},
		{"denied", alice, "s3:GetSecret", iam.SimulatePrincipalPolicyInput{}, "explicitDeny user_alice_never"},
		{"outside of the boundary", alice, "ec2:Run", iam.SimulatePrincipalPolicyInput{}, "implicitDeny outside"},
		{"with another boundary", alice, "ec2:Run", iam.SimulatePrincipalPolicyInput{PermissionsBoundaryPolicyInputList: []string{servicetest.Allow("*", "ec2:*")}}, "allowed AdministratorAccess group_devs_put"},
		{"a boundary that denies", alice, "s3:GetObject", iam.SimulatePrincipalPolicyInput{PermissionsBoundaryPolicyInputList: []string{denying}}, "explicitDeny PermissionsBoundaryPolicyInputList.1 outside"},
		{"with another policy", alice, "s3:GetObject", iam.SimulatePrincipalPolicyInput{PolicyInputList: []string{servicetest.Allow("*", "ec2:*"), denying}}, "explicitDeny PolicyInputList.2"},
		{"with the user's tags", alice, "s3:GetObject", iam.SimulatePrincipalPolicyInput{PolicyInputList: []string{teams}}, "explicitDeny PolicyInputList.1"},
		{"with other tags", alice, "s3:GetObject", iam.SimulatePrincipalPolicyInput{
			PolicyInputList: []string{teams}, ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumString, "aws:principaltag/Team", "red")},
		}, "allowed AdministratorAccess user_alice_get"},
		{"as somebody else", alice, "s3:GetObject", iam.SimulatePrincipalPolicyInput{
			PolicyInputList: []string{teams}, CallerArn: new("arn:aws:iam::123456789012:user/bob"),
		}, "allowed AdministratorAccess user_alice_get without aws:PrincipalTag/team"},
		{"a group", group, "s3:PutObject", iam.SimulatePrincipalPolicyInput{}, "allowed group_devs_put"},
		{"a group's lack", group, "s3:GetObject", iam.SimulatePrincipalPolicyInput{}, "implicitDeny"},
		{"a role", role, "s3:GetObject", iam.SimulatePrincipalPolicyInput{}, "implicitDeny without aws:userid"},
		{"a role's session", role, "s3:GetObject", iam.SimulatePrincipalPolicyInput{
			ContextEntries: []types.ContextEntry{entry(types.ContextKeyTypeEnumStringList, "aws:userid", "x")},
		}, "allowed role_app_mine"},
	} {
		x.in.PolicySourceArn, x.in.ActionNames = &x.source, []string{x.action}
		out, err := c.SimulatePrincipalPolicy(t.Context(), &x.in)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		if got := told(&out.EvaluationResults[0]); got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
	keys, err := c.GetContextKeysForPrincipalPolicy(t.Context(), &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: new(role), PolicyInputList: []string{teams}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"aws:PrincipalArn", "aws:userid", "aws:PrincipalTag/team"}, keys.ContextKeyNames); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestSimulateResourcePolicies(t *testing.T) {
	t.Parallel()
	_, c := people(t)
	to := func(who string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":%q},"Action":["s3:List","kms:Decrypt"],"Resource":"*"}}`, who)
	}
	const other = "210987654321"
	key := "arn:aws:kms:eu-west-1:123456789012:key/1"
	allKMS := servicetest.Allow("*", "kms:*")
	for _, x := range []struct {
		name, action, resource, policy string
		owner, caller                  *string
		identity                       []string
		want                           string
	}{
		{name: "names the caller", action: "s3:List", resource: bucket, policy: to(alice), caller: new(alice), want: "allowed ResourcePolicy"},
		{name: "names somebody else", action: "s3:List", resource: bucket, policy: to(alice), caller: new(alice + "2"), want: "implicitDeny"},
		{name: "from another account, without its own", action: "s3:List", resource: bucket, policy: to(alice), owner: new(other), caller: new(alice), want: "implicitDeny map[IAM Policy:implicitDeny Resource Policy:allowed]"},
		{name: "from another account, with its own", action: "s3:List", resource: bucket, policy: to(alice), owner: new(other), caller: new(alice), identity: []string{servicetest.Allow("*", "s3:*")}, want: "allowed PolicyInputList.1 ResourcePolicy map[IAM Policy:allowed Resource Policy:allowed]"},
		{name: "from another account, by its root's ARN", action: "s3:Get", resource: bucket, policy: to(alice), owner: new("arn:aws:iam::" + other + ":root"), caller: new(alice), identity: []string{servicetest.Allow("*", "s3:*")}, want: "implicitDeny map[IAM Policy:allowed Resource Policy:implicitDeny]"},
		{name: "a key's own account is in by the key policy only", action: "kms:Encrypt", resource: key, policy: to(servicetest.Account), caller: new(alice), identity: []string{allKMS}, want: "implicitDeny"},
		{name: "a key policy that names the account", action: "kms:Decrypt", resource: key, policy: to(servicetest.Account), caller: new(alice), identity: []string{allKMS}, want: "allowed PolicyInputList.1 ResourcePolicy"},
	} {
		if x.identity == nil {
			x.identity = []string{servicetest.Allow("*", "ec2:*")}
		}
		out, err := c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{
			PolicyInputList: x.identity, ActionNames: []string{x.action}, ResourceArns: []string{x.resource},
			ResourcePolicy: &x.policy, ResourceOwner: x.owner, CallerArn: x.caller,
		})
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		got := told(&out.EvaluationResults[0])
		if details := out.EvaluationResults[0].EvalDecisionDetails; len(details) > 0 {
			got += fmt.Sprint(" ", details)
		}
		if got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
}

func TestSimulationsInPages(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	in := &iam.SimulateCustomPolicyInput{PolicyInputList: []string{servicetest.Allow("arn:aws:s3:::b", "s3:Get")}, MaxItems: new(int32(2))}
	for i := range 3 {
		in.ActionNames = append(in.ActionNames, fmt.Sprintf("s3:Get%d", i))
	}
	in.ActionNames[1] = "s3:Get"
	in.ResourceArns = []string{bucket, "arn:aws:s3:::b", "arn:aws:s3:::c"}
	var got, want []string
	for _, action := range in.ActionNames {
		for _, r := range in.ResourceArns {
			want = append(want, fmt.Sprintf("%s %s %v", action, r, action == "s3:Get" && r == "arn:aws:s3:::b"))
		}
	}
	for pages := iam.NewSimulateCustomPolicyPaginator(c, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(page.EvaluationResults) > 2 {
			t.Errorf("a page of %d", len(page.EvaluationResults))
		}
		for _, r := range page.EvaluationResults {
			one := cmp.Or(len(r.ResourceSpecificResults), 99)
			if one != 1 || *r.ResourceSpecificResults[0].EvalResourceName != *r.EvalResourceName || r.ResourceSpecificResults[0].EvalResourceDecision != r.EvalDecision {
				t.Errorf("result %+v", r)
			}
			got = append(got, fmt.Sprintf("%s %s %v", *r.EvalActionName, *r.EvalResourceName, r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed))
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
