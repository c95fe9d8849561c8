// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
)

// byPath reads all pages of a path.
func (f *fixture) byPath(in awsssm.GetParametersByPathInput) (names []string) {
	f.tb.Helper()
	for pages := awsssm.NewGetParametersByPathPaginator(f.ssm, &in); pages.HasMorePages(); {
		page, err := pages.NextPage(f.tb.Context())
		if err != nil {
			f.tb.Fatal(err)
		}
		for _, p := range page.Parameters {
			names = append(names, *p.Name)
		}
	}
	return names
}

// described reads all pages of DescribeParameters.
func (f *fixture) described(in awsssm.DescribeParametersInput) (names []string) {
	f.tb.Helper()
	for pages := awsssm.NewDescribeParametersPaginator(f.ssm, &in); pages.HasMorePages(); {
		page, err := pages.NextPage(f.tb.Context())
		if err != nil {
			f.tb.Fatal(err)
		}
		for _, p := range page.Parameters {
			names = append(names, *p.Name)
		}
	}
	return names
}

func TestPathsAreHierarchies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"/a", "b", "/a/x", "/a-b/x", "/a.b", "/a/x/1", "/a/x/2/3", "/a/x-y", "/a/y", "/a0", "/ab/z"} {
		f.set(name, "v")
	}
	for _, c := range []struct {
		path      string
		recursive bool
		want      []string
	}{
		{"/", false, []string{"/a", "/a.b", "/a0", "b"}},
		{"/", true, []string{"/a", "/a-b/x", "/a.b", "/a/x", "/a/x-y", "/a/x/1", "/a/x/2/3", "/a/y", "/a0", "/ab/z", "b"}},
		{"/a", false, []string{"/a/x", "/a/x-y", "/a/y"}},
		{"/a/", true, []string{"/a/x", "/a/x-y", "/a/x/1", "/a/x/2/3", "/a/y"}},
		{"/a/x", false, []string{"/a/x/1"}},
		{"/a/x/2", true, []string{"/a/x/2/3"}},
		{"/a/none", true, nil},
		{"/aws/service", true, nil},
	} {
		for size := range int32(4) {
			in := awsssm.GetParametersByPathInput{Path: &c.path, Recursive: &c.recursive}
			if size > 0 {
				in.MaxResults = &size
			}
			if d := cmp.Diff(c.want, f.byPath(in)); d != "" {
				t.Errorf("%s, recursive %t, %d a page (-want +got):\n%s", c.path, c.recursive, size, d)
			}
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(&awsssm.PutParameterInput{
		Name: aws.String("param"), Value: aws.String("v"), Type: types.ParameterTypeString,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}, {Key: aws.String("x"), Value: aws.String("1")}},
	})
	f.put(&awsssm.PutParameterInput{
		Name: aws.String("/param-2"), Value: aws.String("v"), Type: types.ParameterTypeStringList, Tier: types.ParameterTierAdvanced,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("reddish")}},
	})
	f.put(&awsssm.PutParameterInput{Name: aws.String("/tan/gent"), Value: aws.String("v"), Type: types.ParameterTypeSecureString})
	f.put(&awsssm.PutParameterInput{
		Name: aws.String("/tan/gent/deep"), Value: aws.String("v"), Type: types.ParameterTypeSecureString, KeyId: aws.String(f.key("alias/mine")),
	})
	f.put(&awsssm.PutParameterInput{
		Name: aws.String("tangram"), Value: aws.String("ami-12345678"), Type: types.ParameterTypeString, DataType: aws.String("aws:ec2:image"),
	})
	filter := func(key, option string, values ...string) types.ParameterStringFilter {
		out := types.ParameterStringFilter{Key: &key, Values: values}
		if option != "" {
			out.Option = &option
		}
		return out
	}
	for _, c := range []struct {
		filters []types.ParameterStringFilter
		want    []string
	}{
		{[]types.ParameterStringFilter{filter("Name", "", "/param", "tangram", "none")}, []string{"param", "tangram"}},
		{[]types.ParameterStringFilter{filter("Name", "Equals", "param-2")}, []string{"/param-2"}},
		{[]types.ParameterStringFilter{filter("Name", "BeginsWith", "param", "/par")}, []string{"param", "/param-2"}},
		{[]types.ParameterStringFilter{filter("Name", "Contains", "ram")}, []string{"param", "/param-2", "tangram"}},
		{[]types.ParameterStringFilter{filter("Name", "Contains", "/tan")}, []string{"/tan/gent", "/tan/gent/deep", "tangram"}},
		{[]types.ParameterStringFilter{filter("Path", "", "/tan")}, []string{"/tan/gent"}},
		{[]types.ParameterStringFilter{filter("Path", "OneLevel", "/", "/tan/gent")}, []string{"param", "/param-2", "/tan/gent/deep", "tangram"}},
		{[]types.ParameterStringFilter{filter("Path", "Recursive", "/tan/")}, []string{"/tan/gent", "/tan/gent/deep"}},
		{[]types.ParameterStringFilter{filter("Path", "Recursive", "/tan", "/tan/gent")}, []string{"/tan/gent", "/tan/gent/deep"}},
		{[]types.ParameterStringFilter{filter("Type", "", "SecureString", "StringList")}, []string{"/param-2", "/tan/gent", "/tan/gent/deep"}},
		{[]types.ParameterStringFilter{filter("Type", "BeginsWith", "String")}, []string{"param", "/param-2", "tangram"}},
		{[]types.ParameterStringFilter{filter("KeyId", "", "alias/aws/ssm")}, []string{"/tan/gent"}},
		{[]types.ParameterStringFilter{filter("KeyId", "BeginsWith", "arn:aws:kms:")}, []string{"/tan/gent/deep"}},
		{[]types.ParameterStringFilter{filter("Tier", "", "Advanced")}, []string{"/param-2"}},
		{[]types.ParameterStringFilter{filter("DataType", "", "aws:ec2:image")}, []string{"tangram"}},
		{[]types.ParameterStringFilter{filter("tag:team", "", "red")}, []string{"param"}},
		{[]types.ParameterStringFilter{filter("tag:team", "BeginsWith", "red")}, []string{"param", "/param-2"}},
		{[]types.ParameterStringFilter{filter("tag:team", "")}, []string{"param", "/param-2"}},
		{[]types.ParameterStringFilter{filter("tag:team", "", "red", "reddish"), filter("tag:x", "", "1")}, []string{"param"}},
		{[]types.ParameterStringFilter{filter("Path", "Recursive", "/tan"), filter("KeyId", "", "alias/aws/ssm")}, []string{"/tan/gent"}},
	} {
		if d := cmp.Diff(c.want, f.described(awsssm.DescribeParametersInput{ParameterFilters: c.filters, MaxResults: aws.Int32(1)})); d != "" {
			t.Errorf("%s (-want +got):\n%s", show(c.filters), d)
		}
	}
	old := []types.ParametersFilter{{Key: types.ParametersFilterKeyName, Values: []string{"tan"}}}
	if d := cmp.Diff([]string{"/tan/gent", "/tan/gent/deep", "tangram"}, f.described(awsssm.DescribeParametersInput{Filters: old})); d != "" {
		t.Errorf("the deprecated Filters (-want +got):\n%s", d)
	}
	if got := f.described(awsssm.DescribeParametersInput{Shared: aws.Bool(true)}); got != nil {
		t.Errorf("shared: %v", got)
	}
	secure := awsssm.GetParametersByPathInput{
		Path: aws.String("/"), Recursive: aws.Bool(true), ParameterFilters: []types.ParameterStringFilter{filter("Type", "", "SecureString")},
	}
	if d := cmp.Diff([]string{"/tan/gent", "/tan/gent/deep"}, f.byPath(secure)); d != "" {
		t.Errorf("by path and type (-want +got):\n%s", d)
	}
}

func show(filters []types.ParameterStringFilter) (s string) {
	for _, f := range filters {
		s += fmt.Sprintf("%s %s %q ", *f.Key, aws.ToString(f.Option), f.Values)
	}
	return s
}

func TestByPathAndLabel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("/a/x", "one")
	f.set("/a/x", "two")
	f.set("/a/y", "three")
	f.label("/a/x", 1, "live")
	got, err := f.ssm.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{
		Path: aws.String("/a"), ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Label"), Values: []string{"live", "other"}}},
	})
	if err != nil || len(got.Parameters) != 1 || *got.Parameters[0].Value != "one" || got.Parameters[0].Version != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What is there all the while is listed once, whatever comes and goes.
func TestPagingWhileParametersComeAndGo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var stays []string
	for i := range 20 {
		name := fmt.Sprintf("/p/%02d", i)
		f.set(name, "v")
		if i%2 == 0 {
			stays = append(stays, name)
		}
	}
	var seen []string
	in := &awsssm.GetParametersByPathInput{Path: aws.String("/p"), MaxResults: aws.Int32(3)}
	for i := 0; ; i++ {
		page, err := f.ssm.GetParametersByPath(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parameters {
			seen = append(seen, *p.Name)
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
		gone := fmt.Sprintf("/p/%02d", i*4+1)
		if _, err := f.ssm.DeleteParameters(t.Context(), &awsssm.DeleteParametersInput{Names: []string{gone}}); err != nil {
			t.Fatal(err)
		}
		f.set(fmt.Sprintf("/p/%02d-new", i*4), "v")
	}
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
		t.Errorf("not each once and in order: %v", seen)
	}
	for _, name := range stays {
		if !slices.Contains(seen, name) {
			t.Errorf("%s was there and not listed: %v", name, seen)
		}
	}
}

func TestATokenIsForItsRequestOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"/p/1", "/p/2", "/p/3"} {
		f.set(name, "v")
	}
	first, err := f.ssm.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: aws.String("/p"), MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]*awsssm.GetParametersByPathInput{
		"another path":  {Path: aws.String("/")},
		"all levels":    {Path: aws.String("/p"), Recursive: aws.Bool(true)},
		"with a filter": {Path: aws.String("/p"), ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Type"), Values: []string{"String"}}}},
	} {
		in.NextToken = first.NextToken
		if _, err := f.ssm.GetParametersByPath(t.Context(), in); code(err) != "InvalidNextToken" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.ssm.DescribeParameters(t.Context(), &awsssm.DescribeParametersInput{NextToken: first.NextToken}); code(err) != "InvalidNextToken" {
		t.Errorf("another operation: %v", err)
	}
	last, err := f.ssm.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: aws.String("/p"), MaxResults: aws.Int32(2), NextToken: first.NextToken})
	if err != nil || len(last.Parameters) != 2 || last.NextToken != nil {
		t.Errorf("the rest: %+v, %v", last, err)
	}
}
