// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// diff compares answers of the SDK without what it adds.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.Parameter{}, types.ParameterHistory{}, types.ParameterMetadata{},
		types.ParameterInlinePolicy{}))
}

const (
	arnPrefix = "arn:aws:ssm:" + servicetest.Region + ":" + servicetest.Account + ":parameter"
	rootARN   = "arn:aws:iam::" + servicetest.Account + ":root"
)

func TestAParameterIsReadAsItWasPut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	put := f.put(&awsssm.PutParameterInput{
		Name: aws.String("/prod/api/key"), Value: aws.String("a,b"), Type: types.ParameterTypeStringList,
		Description: aws.String("what it is"), AllowedPattern: aws.String("[a-z]"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}},
	})
	if put.Version != 1 || put.Tier != types.ParameterTierStandard {
		t.Errorf("put answered version %d, tier %s", put.Version, put.Tier)
	}
	want := &types.Parameter{
		Name: aws.String("/prod/api/key"), ARN: aws.String(arnPrefix + "/prod/api/key"), Type: types.ParameterTypeStringList,
		Value: aws.String("a,b"), Version: 1, LastModifiedDate: aws.Time(servicetest.Start), DataType: aws.String("text"),
	}
	if d := diff(want, f.get("/prod/api/key")); d != "" {
		t.Errorf("by name (-want +got):\n%s", d)
	}
	if d := diff(want, f.get(*want.ARN)); d != "" {
		t.Errorf("by ARN (-want +got):\n%s", d)
	}
	want.Selector = aws.String(":1")
	if d := diff(want, f.get("/prod/api/key:1")); d != "" {
		t.Errorf("by version (-want +got):\n%s", d)
	}
	described, err := f.ssm.DescribeParameters(t.Context(), &awsssm.DescribeParametersInput{})
	if err != nil {
		t.Fatal(err)
	}
	if d := diff([]types.ParameterMetadata{{
		Name: aws.String("/prod/api/key"), ARN: aws.String(arnPrefix + "/prod/api/key"), Type: types.ParameterTypeStringList, Version: 1,
		Description: aws.String("what it is"), AllowedPattern: aws.String("[a-z]"), DataType: aws.String("text"),
		LastModifiedDate: aws.Time(servicetest.Start), LastModifiedUser: aws.String(rootARN),
		Tier: types.ParameterTierStandard, Policies: []types.ParameterInlinePolicy{},
	}}, described.Parameters); d != "" {
		t.Errorf("described (-want +got):\n%s", d)
	}
}

func TestANameOfOneLevelHasTwoForms(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("plain", "1")
	f.set("/slashed", "2")
	for _, c := range []struct{ asked, value, arn string }{
		{"plain", "1", "/plain"}, {"/plain", "1", "/plain"}, {"slashed", "2", "/slashed"}, {"/slashed", "2", "/slashed"}, {" plain ", "1", "/plain"},
	} {
		got := f.get(c.asked)
		if *got.Value != c.value || *got.ARN != arnPrefix+c.arn || *got.Name != strings.TrimSpace(c.asked) {
			t.Errorf("%q: got %s = %s, %s", c.asked, *got.Name, *got.Value, *got.ARN)
		}
	}
	if got := f.get(arnPrefix + "/plain"); *got.Name != "plain" {
		t.Errorf("by ARN, the name is %s", *got.Name)
	}
	_, err := f.ssm.PutParameter(t.Context(), &awsssm.PutParameterInput{Name: aws.String("/plain"), Value: aws.String("3"), Type: types.ParameterTypeString})
	if code(err) != "ParameterAlreadyExists" {
		t.Errorf("the other form of the name could be created: %v", err)
	}
}

func TestOverwritingKeepsWhatIsNotSaid(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(&awsssm.PutParameterInput{
		Name: aws.String("/a/b"), Value: aws.String("1"), Type: types.ParameterTypeSecureString, KeyId: aws.String("alias/aws/ssm"),
		Description: aws.String("d"), AllowedPattern: aws.String("[0-9]+"), Tier: types.ParameterTierAdvanced,
		Policies: aws.String(`[ {"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}} ]`),
	})
	if got := f.put(&awsssm.PutParameterInput{Name: aws.String("/a/b"), Value: aws.String("2"), Overwrite: aws.Bool(true)}); got.Version != 2 || got.Tier != types.ParameterTierAdvanced {
		t.Errorf("put answered %+v", got)
	}
	history, err := f.ssm.GetParameterHistory(t.Context(), &awsssm.GetParameterHistoryInput{Name: aws.String("/a/b"), WithDecryption: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	entry := func(version int64, value string) types.ParameterHistory {
		return types.ParameterHistory{
			Name: aws.String("/a/b"), Type: types.ParameterTypeSecureString, KeyId: aws.String("alias/aws/ssm"), Version: version, Value: &value,
			Description: aws.String("d"), AllowedPattern: aws.String("[0-9]+"), DataType: aws.String("text"), Labels: []string{},
			LastModifiedDate: aws.Time(servicetest.Start), LastModifiedUser: aws.String(rootARN), Tier: types.ParameterTierAdvanced,
			Policies: []types.ParameterInlinePolicy{{
				PolicyText: aws.String(`{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}`),
				PolicyType: aws.String("NoChangeNotification"), PolicyStatus: aws.String("Pending"),
			}},
		}
	}
	if d := diff([]types.ParameterHistory{entry(1, "1"), entry(2, "2")}, history.Parameters); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
	f.put(&awsssm.PutParameterInput{
		Name: aws.String("/a/b"), Value: aws.String("x"), Overwrite: aws.Bool(true), AllowedPattern: aws.String(""),
		Description: aws.String(""), Policies: aws.String("[{}]"),
	})
	described, err := f.ssm.DescribeParameters(t.Context(), &awsssm.DescribeParametersInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got := described.Parameters[0]; got.Description != nil || got.AllowedPattern != nil || len(got.Policies) != 0 {
		t.Errorf("what was emptied stayed: %+v", got)
	}
}

func TestGetParametersTellsInvalidNamesApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("a", "1")
	f.set("/b/c", "2")
	f.label("a", 1, "live")
	got, err := f.ssm.GetParameters(t.Context(), &awsssm.GetParametersInput{Names: []string{
		"/b/c", "a", "a", "a:live", "a:1", arnPrefix + "/b/c", "missing", "a:2", "a:other", "a:b:c",
	}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range got.Parameters {
		names = append(names, *p.Name+aws.ToString(p.Selector)+"="+*p.Value)
	}
	if d := cmp.Diff([]string{"/b/c=2", "a=1", "a:live=1", "a:1=1", "/b/c=2"}, names); d != "" {
		t.Errorf("found (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"missing", "a:2", "a:other", "a:b:c"}, got.InvalidParameters); d != "" {
		t.Errorf("invalid (-want +got):\n%s", d)
	}
	got, err = f.ssm.GetParameters(t.Context(), &awsssm.GetParametersInput{Names: []string{"b/c", "not allowed", "/b//c"}})
	if err != nil || len(got.Parameters) != 0 || len(got.InvalidParameters) != 3 {
		t.Errorf("malformed names: %+v, %v", got, err)
	}
}

func TestDeletedParametersLeaveNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3 {
		f.set("/a/x", "1")
		f.set("y", "1")
	}
	f.set("z", "1")
	got, err := f.ssm.DeleteParameters(t.Context(), &awsssm.DeleteParametersInput{Names: []string{"/a/x", "missing", "/y", "y", "bad name"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"/a/x", "/y"}, got.DeletedParameters); d != "" {
		t.Errorf("deleted (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"missing", "y", "bad name"}, got.InvalidParameters); d != "" {
		t.Errorf("invalid (-want +got):\n%s", d)
	}
	if _, err := f.ssm.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/z")}); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(48 * time.Hour) // the events of it go, too
	f.Settle()
	if keys := append(append(f.Keys("ssm/"), f.Keys("jobs/")...), f.Keys("events/")...); len(keys) != 0 {
		t.Errorf("left in the store: %v", keys)
	}
}

// What is created again before the old versions are gone keeps its own.
func TestAParameterNeverMeetsItsPredecessor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, value := range []string{"old 1", "old 2", "old 3"} {
		f.set("y", value)
	}
	if _, err := f.ssm.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("y")}); err != nil {
		t.Fatal(err)
	}
	if got := f.set("y", "new 1"); got.Version != 1 {
		t.Errorf("created again, its version is %d", got.Version)
	}
	f.set("y", "new 2")
	f.Settle()
	if d := cmp.Diff([]string{"1=new 1", "2=new 2"}, f.versions("y", 50)); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
	if keys := f.Keys("ssm/version/"); len(keys) != 1 {
		t.Errorf("versions in the store: %v", keys)
	}
}
