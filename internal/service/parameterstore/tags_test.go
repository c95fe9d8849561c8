// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
)

// tag gives a parameter tags: keys and values in turn.
func (f *fixture) tag(name string, pairs ...string) error {
	in := &awsssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name}
	for i := 0; i < len(pairs); i += 2 {
		in.Tags = append(in.Tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	_, err := f.ssm.AddTagsToResource(f.tb.Context(), in)
	return err
}

// tags reads the tags of a parameter, as key=value.
func (f *fixture) tags(name string) (all []string) {
	f.tb.Helper()
	got, err := f.ssm.ListTagsForResource(f.tb.Context(), &awsssm.ListTagsForResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name,
	})
	if err != nil {
		f.tb.Fatal(err)
	}
	for _, t := range got.TagList {
		all = append(all, *t.Key+"="+*t.Value)
	}
	return all
}

func TestTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("/a/b", "v")
	f.set("flat", "v")
	if got := f.Post(f.Root, "AmazonSSM.ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"flat"}`); got.Body != `{"TagList":[]}` {
		t.Errorf("no tags: %s", got.Body)
	}
	for _, step := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"/a/b", []string{"team", "red", "Team", "x", "empty", ""}, []string{"Team=x", "empty=", "team=red"}},
		{"/a/b", []string{"team", "blue", "a", "1"}, []string{"Team=x", "a=1", "empty=", "team=blue"}},
		{"/flat", []string{"k", "v"}, []string{"k=v"}},
		{" flat", []string{"l", "v"}, []string{"k=v", "l=v"}},
	} {
		if err := f.tag(step.name, step.pairs...); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if d := cmp.Diff(step.want, f.tags(step.name)); d != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, d)
		}
	}
	byTag := awsssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("tag:team"), Values: []string{"blue"}}}}
	if d := cmp.Diff([]string{"/a/b"}, f.described(byTag)); d != "" {
		t.Errorf("by tag (-want +got):\n%s", d)
	}
	if _, err := f.ssm.RemoveTagsFromResource(t.Context(), &awsssm.RemoveTagsFromResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/a/b"), TagKeys: []string{"team", "none", "empty"},
	}); err != nil {
		t.Fatal(err)
	}
	f.set("/a/b", "w") // tags are the parameter's, not a version's
	f.Restart()
	if d := cmp.Diff([]string{"Team=x", "a=1"}, f.tags("/a/b")); d != "" {
		t.Errorf("what is left (-want +got):\n%s", d)
	}
	if got := f.get("/a/b"); got.Version != 2 {
		t.Errorf("tags made a version: %+v", got)
	}
}

// The limit is on what there is afterwards, and a refused request adds nothing.
func TestTooManyTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("/a", "v")
	var pairs []string
	for i := range 49 {
		pairs = append(pairs, fmt.Sprintf("k%02d", i), "v")
	}
	if err := f.tag("/a", pairs...); err != nil {
		t.Fatal(err)
	}
	before := f.tags("/a")
	if err := f.tag("/a", "l", "v", "m", "v"); code(err) != "TooManyTagsError" {
		t.Errorf("the 51st: %v", err)
	}
	if d := cmp.Diff(before, f.tags("/a")); d != "" {
		t.Errorf("a refused request changed the tags (-want +got):\n%s", d)
	}
	if err := f.tag("/a", "k00", "w", "l", "v"); err != nil || len(f.tags("/a")) != 50 {
		t.Errorf("the 50th: %v", err)
	}
}

// AWS sends nothing with these two errors but their names.
func TestResourcesThatHaveNoTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("/a/b", "v")
	const more = `,"Tags":[{"Key":"k","Value":"v"}],"TagKeys":["k"]}`
	for _, operation := range []string{"AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"} {
		for _, id := range []string{"/none", "a/b", "/a/b:1", "/a/b:x:y", arnPrefix + "/a/b", "", "\u00fc", "/aws/reference/secretsmanager/x"} {
			got := f.Post(f.Root, "AmazonSSM."+operation, fmt.Sprintf(`{"ResourceType":"Parameter","ResourceId":%q`, id)+more)
			if got.Status != 400 || got.Body != `{"__type":"InvalidResourceId"}` {
				t.Errorf("%s of %q: %s", operation, id, got.Body)
			}
		}
		for _, kind := range []string{"Document", "ManagedInstance", "MaintenanceWindow", "PatchBaseline", "OpsItem", "OpsMetadata", "Automation", "Association"} {
			got := f.Post(f.Root, "AmazonSSM."+operation, fmt.Sprintf(`{"ResourceType":%q,"ResourceId":"/a/b"`, kind)+more)
			if got.Body != `{"__type":"InvalidResourceType"}` {
				t.Errorf("%s of a %s: %s", operation, kind, got.Body)
			}
		}
	}
}
