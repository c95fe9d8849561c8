// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// consumer is an account that parameters are shared with.
const consumer = "999999999999"

// share is a policy that lets a principal do something with everything.
func share(principal, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":%q,"Resource":"*"}]}`, principal, action)
}

// advanced puts a String in the advanced tier, and returns its ARN.
func (f *fixture) advanced(name, value string) (arn string) {
	f.tb.Helper()
	f.put(&awsssm.PutParameterInput{
		Name: &name, Value: &value, Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced, Overwrite: aws.Bool(true),
	})
	return arnPrefix + "/" + strings.TrimPrefix(name, "/")
}

// attach attaches a policy, or stores the next version of one, which have names.
func (f *fixture) attach(arn, document string, have *types.GetResourcePoliciesResponseEntry) (*types.GetResourcePoliciesResponseEntry, error) {
	in := &awsssm.PutResourcePolicyInput{ResourceArn: &arn, Policy: &document}
	if have != nil {
		in.PolicyId, in.PolicyHash = have.PolicyId, have.PolicyHash
	}
	out, err := f.ssm.PutResourcePolicy(f.tb.Context(), in)
	if err != nil {
		return nil, err
	}
	return &types.GetResourcePoliciesResponseEntry{PolicyId: out.PolicyId, PolicyHash: out.PolicyHash, Policy: &document}, nil
}

// attached attaches a policy that must be taken.
func (f *fixture) attached(arn, document string, have *types.GetResourcePoliciesResponseEntry) *types.GetResourcePoliciesResponseEntry {
	f.tb.Helper()
	got, err := f.attach(arn, document, have)
	if err != nil {
		f.tb.Fatalf("attaching %s to %s: %v", document, arn, err)
	}
	return got
}

func (f *fixture) detach(arn string, have *types.GetResourcePoliciesResponseEntry) error {
	_, err := f.ssm.DeleteResourcePolicy(f.tb.Context(), &awsssm.DeleteResourcePolicyInput{ResourceArn: &arn, PolicyId: have.PolicyId, PolicyHash: have.PolicyHash})
	return err
}

// shares reads all pages of a parameter's policies.
func (f *fixture) shares(arn string, size int32) (all []types.GetResourcePoliciesResponseEntry) {
	f.tb.Helper()
	in := &awsssm.GetResourcePoliciesInput{ResourceArn: &arn}
	if size > 0 {
		in.MaxResults = &size
	}
	for pages := awsssm.NewGetResourcePoliciesPaginator(f.ssm, in); pages.HasMorePages(); {
		page, err := pages.NextPage(f.tb.Context())
		if err != nil {
			f.tb.Fatal(err)
		}
		all = append(all, page.Policies...)
	}
	return all
}

var entries = cmp.AllowUnexported(types.GetResourcePoliciesResponseEntry{})

func TestPoliciesHaveVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.advanced("/a/b", "v")
	if got := f.Post(f.Root, "AmazonSSM.GetResourcePolicies", `{"ResourceArn":"`+arn+`"}`); got.Body != `{"Policies":[]}` {
		t.Errorf("no policies: %s", got.Body)
	}
	first := f.attached(arn, share(consumer, "ssm:GetParameter"), nil)
	other := f.attached(arn, share(consumer, "ssm:GetParameters"), nil)
	second := f.attached(arn, share(consumer, "ssm:Get*"), first)
	if *second.PolicyId != *first.PolicyId || *second.PolicyHash == *first.PolicyHash || *other.PolicyId == *first.PolicyId {
		t.Errorf("the policies are %v, then %v, and %v", *first.PolicyHash, *second.PolicyHash, *other.PolicyHash)
	}
	want := []types.GetResourcePoliciesResponseEntry{*second, *other}
	for _, size := range []int32{0, 1, 2} {
		if d := cmp.Diff(want, f.shares(arn, size), entries); d != "" {
			t.Errorf("%d a page (-want +got):\n%s", size, d)
		}
	}
	_, err := f.attach(arn, *first.Policy, first)
	if _, ok := errors.AsType[*types.ResourcePolicyConflictException](err); !ok {
		t.Errorf("a version on an old one: %v", err)
	}
	if err := f.detach(arn, first); code(err) != "ResourcePolicyConflictException" {
		t.Errorf("deleting an old version: %v", err)
	}
	// The same text again is another version: a hash never comes back.
	third := f.attached(arn, *first.Policy, second)
	if *third.PolicyHash == *first.PolicyHash {
		t.Error("an old hash holds again")
	}
	f.Restart()
	if err := f.detach(arn, third); err != nil {
		t.Fatal(err)
	}
	if err := f.detach(arn, third); code(err) != "ResourcePolicyNotFoundException" {
		t.Errorf("deleting it twice: %v", err)
	}
	if d := cmp.Diff(want[1:], f.shares(arn, 0), entries); d != "" {
		t.Errorf("what is left (-want +got):\n%s", d)
	}
	if err := f.detach(arn, other); err != nil || len(f.Keys("ssm/policy/")) > 0 {
		t.Errorf("deleting the last: %v, left %v", err, f.Keys("ssm/policy/"))
	}
	if got := f.get("/a/b"); got.Version != 1 {
		t.Errorf("policies made a version: %+v", got)
	}
}

// A page begins after the last policy of the page before, whatever comes and goes.
func TestPagesOfPoliciesThatComeAndGo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.advanced("/a", "v")
	var all []*types.GetResourcePoliciesResponseEntry
	for range 4 {
		all = append(all, f.attached(arn, share(consumer, "ssm:GetParameter"), nil))
	}
	page, err := f.ssm.GetResourcePolicies(t.Context(), &awsssm.GetResourcePoliciesInput{ResourceArn: &arn, MaxResults: aws.Int32(2)})
	if err != nil || len(page.Policies) != 2 {
		t.Fatalf("the first page: %+v, %v", page, err)
	}
	for _, gone := range all[:2] {
		if err := f.detach(arn, gone); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := f.ssm.GetResourcePolicies(t.Context(), &awsssm.GetResourcePoliciesInput{ResourceArn: &arn, NextToken: page.NextToken})
	if err != nil || len(rest.Policies) != 2 || *rest.Policies[0].PolicyId != *all[2].PolicyId || rest.NextToken != nil {
		t.Errorf("the rest: %+v, %v", rest, err)
	}
	other := f.advanced("/b", "v")
	for name, in := range map[string]*awsssm.GetResourcePoliciesInput{
		"another parameter's": {ResourceArn: &other, NextToken: page.NextToken},
		"none":                {ResourceArn: &arn, NextToken: aws.String("x")},
	} {
		_, err := f.ssm.GetResourcePolicies(t.Context(), in)
		if got, ok := errors.AsType[*types.ResourcePolicyInvalidParameterException](err); !ok || !cmp.Equal(got.ParameterNames, []string{"NextToken"}) {
			t.Errorf("a token that is %s: %v", name, err)
		}
	}
}

func TestPoliciesEndWithTheParameter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, end := range map[string]func(){
		"deleted": func() {
			if _, err := f.ssm.DeleteParameters(t.Context(), &awsssm.DeleteParametersInput{Names: []string{"/a"}}); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func() {
			expires := fmt.Sprintf(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":%q}}]`, f.Clock.Now().Add(time.Hour).Format(time.RFC3339))
			f.put(&awsssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("w"), Overwrite: aws.Bool(true), Policies: &expires})
			f.Clock.Advance(time.Hour)
		},
	} {
		arn := f.advanced("/a", "v")
		f.attached(arn, share(consumer, "ssm:GetParameter"), nil)
		f.advanced("/a", "next") // policies are the parameter's, not a version's
		if got := f.shares(arn, 0); len(got) != 1 {
			t.Errorf("%s: a new version has %d policies", name, len(got))
		}
		end()
		if _, err := f.ssm.GetResourcePolicies(t.Context(), &awsssm.GetResourcePoliciesInput{ResourceArn: &arn}); code(err) != "ResourceNotFoundException" {
			t.Errorf("%s: %v", name, err)
		}
		f.set("/a", "new")
		if got := append(f.Keys("ssm/policy/"), fmt.Sprint(f.shares(arn, 0))); len(got) != 1 || got[0] != "[]" {
			t.Errorf("%s: left %v", name, got)
		}
	}
}

// Another account reads a shared parameter by its ARN, as far as the policy lets it and
// its own policies allow it, and changes nothing.
func TestASharedParameter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.advanced("/a/b", "one")
	f.advanced("/a/b", "two")
	f.label("/a/b", 1, "old")
	missing := arnPrefix + "/none"
	eve := f.UserIn(consumer, "eve", servicetest.Allow("*", "ssm:*"))
	call := func(who servicetest.Credentials, operation, body string) string {
		t.Helper()
		got := f.Post(who, "AmazonSSM."+operation, body)
		return strings.TrimSpace(got.Type + " " + got.Message)
	}
	denied := func(who, operation, on, kind string) string {
		return fmt.Sprintf("AccessDeniedException User: arn:aws:iam::%s:user/%s is not authorized to perform: ssm:%s on resource: %s because no %s policy allows the ssm:%s action",
			consumer, who, operation, on, kind, operation)
	}
	look := func(step, want string) {
		t.Helper()
		if got := call(eve, "GetParameter", `{"Name":"`+arn+`"}`); got != want {
			t.Errorf("%s: %s", step, got)
		}
		if got := call(eve, "GetParameter", `{"Name":"`+missing+`"}`); got != denied("eve", "GetParameter", missing, "resource-based") {
			t.Errorf("%s, what is not there: %s", step, got)
		}
	}
	look("without a policy", denied("eve", "GetParameter", arn, "resource-based"))
	first := f.attached(arn, share(consumer, "ssm:GetParameter"), nil)
	look("shared", "")
	f.attached(arn, share(consumer, "ssm:GetParameters"), nil)
	look("by two policies", "")
	third := f.attached(arn, share(consumer, "ssm:GetParameterHistory"), nil)
	client := awsssm.NewFromConfig(f.Config(eve))
	one, err := client.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String(arn + ":old")})
	if err != nil || *one.Parameter.Value != "one" || *one.Parameter.ARN != arn || *one.Parameter.Name != "/a/b" {
		t.Errorf("a version: %+v, %v", one, err)
	}
	some, err := client.GetParameters(t.Context(), &awsssm.GetParametersInput{Names: []string{arn}})
	if err != nil || len(some.Parameters) != 1 || *some.Parameters[0].Value != "two" || *some.Parameters[0].ARN != arn {
		t.Errorf("among several: %+v, %v", some, err)
	}
	history, err := client.GetParameterHistory(t.Context(), &awsssm.GetParameterHistoryInput{Name: &arn})
	if err != nil || len(history.Parameters) != 2 || *history.Parameters[0].Value != "one" {
		t.Errorf("the history: %+v, %v", history, err)
	}
	bob := f.UserIn(consumer, "bob")
	if got := call(bob, "GetParameter", `{"Name":"`+arn+`"}`); got != denied("bob", "GetParameter", arn, "identity-based") {
		t.Errorf("without a policy of the user's own: %s", got)
	}
	if got := call(eve, "GetParameter", `{"Name":"/a/b"}`); got != "ParameterNotFound Parameter /a/b not found." {
		t.Errorf("by its name: %s", got)
	}
	if err := f.detach(arn, third); err != nil {
		t.Fatal(err)
	}
	if got := call(eve, "GetParameterHistory", `{"Name":"`+arn+`"}`); got != denied("eve", "GetParameterHistory", arn, "resource-based") {
		t.Errorf("the history, which is not shared any more: %s", got)
	}
	f.Restart()
	look("after a restart", "")
	f.attached(arn, share(consumer, "ssm:*"), first)
	for operation, body := range map[string]string{
		"GetResourcePolicies": `{"ResourceArn":"` + arn + `"}`, "PutResourcePolicy": `{"ResourceArn":"` + arn + `","Policy":"{}"}`,
		"DeleteResourcePolicy": `{"ResourceArn":"` + arn + `","PolicyId":"x","PolicyHash":"x"}`, "AddTagsToResource": `{"ResourceType":"Parameter","ResourceId":"` + arn + `","Tags":[]}`,
		"DeleteParameter": `{"Name":"` + arn + `"}`, "LabelParameterVersion": `{"Name":"` + arn + `","Labels":["x"]}`,
	} {
		if got := call(eve, operation, body); got != denied("eve", operation, arn, "resource-based") {
			t.Errorf("%s by the other account: %s", operation, got)
		}
	}
}

// Errors tell more than their message.
func TestTooManyPolicies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.advanced("/a", "v")
	long := share(consumer, "ssm:GetParameter")
	long += strings.Repeat(" ", 1024-len(long))
	for range 50 {
		f.attached(arn, long, nil)
	}
	for document, want := range map[string]struct {
		limit int32
		kind  string
	}{long: {50, "PolicyCount"}, long + " ": {1024, "PolicySize"}} {
		_, err := f.attach(arn, document, nil)
		if got, ok := errors.AsType[*types.ResourcePolicyLimitExceededException](err); !ok || got.Limit != want.limit || *got.LimitType != want.kind {
			t.Errorf("got %+v, want %+v", err, want)
		}
	}
	if got := f.shares(arn, 0); len(got) != 50 {
		t.Errorf("there are %d", len(got))
	}
}

// What a SecureString is encrypted under is not shared with it.
func TestASharedSecureString(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.secure("/s", types.ParameterTierAdvanced, nil)
	arn := arnPrefix + "/s"
	f.attached(arn, share(consumer, "ssm:GetParameter"), nil)
	client := f.as(f.UserIn(consumer, "eve", servicetest.Allow("*", "*")))
	sealed, err := client.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: &arn})
	if err != nil || strings.Contains(*sealed.Parameter.Value, canary) {
		t.Errorf("without decryption: %+v, %v", sealed, err)
	}
	if _, err := client.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: &arn, WithDecryption: aws.Bool(true)}); code(err) != "AccessDeniedException" {
		t.Errorf("with decryption: %v", err)
	}
}

// Within the account a policy allows as one of the user does, and denies the root.
func TestAPolicyHoldsWithinTheAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.advanced("/a", "v")
	ada := f.as(f.User("ada"))
	get := func(c *awsssm.Client) string {
		_, err := c.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/a")})
		return code(err)
	}
	if got := get(ada); got != "AccessDeniedException" {
		t.Errorf("without a policy: %s", got)
	}
	f.attached(arn, share("arn:aws:iam::"+servicetest.Account+":user/ada", "ssm:GetParameter"), nil)
	if got := get(ada); got != "success" {
		t.Errorf("with one: %s", got)
	}
	f.attached(arn, strings.Replace(share("*", "ssm:GetParameter"), "Allow", "Deny", 1), nil)
	if got := get(ada) + " " + get(f.ssm); got != "AccessDeniedException AccessDeniedException" {
		t.Errorf("with a denial beside it, ada and the root get %s", got)
	}
}
