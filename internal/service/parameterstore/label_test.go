// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"
)

// labels reads the labels of all versions, as number=labels.
func (f *fixture) labels(name string) (all []string) {
	f.tb.Helper()
	got, err := f.ssm.GetParameterHistory(f.tb.Context(), &awsssm.GetParameterHistoryInput{Name: &name})
	if err != nil {
		f.tb.Fatal(err)
	}
	for _, v := range got.Parameters {
		all = append(all, fmt.Sprintf("%d=%v", v.Version, v.Labels))
	}
	return all
}

func TestALabelIsOnOneVersion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 3 {
		f.set("/a/b", fmt.Sprint(i+1))
	}
	before := f.get("/a/b")
	f.label("/a/b", 1, "live", "old")
	f.label(" /a/b ", 2, "live", "live")
	latest, err := f.ssm.LabelParameterVersion(t.Context(), &awsssm.LabelParameterVersionInput{
		Name: aws.String("/a/b"), Labels: []string{"next", "2nd", "AWS-x", "ssmx", "a b", "a:b", "2nd"},
	})
	if err != nil || latest.ParameterVersion != 3 {
		t.Fatalf("the latest version: %+v, %v", latest, err)
	}
	if d := cmp.Diff([]string{"2nd", "AWS-x", "ssmx", "a b", "a:b"}, latest.InvalidLabels); d != "" {
		t.Errorf("invalid labels (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"1=[old]", "2=[live]", "3=[next]"}, f.labels("/a/b")); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	if got := f.get("/a/b:live"); *got.Value != "2" || *got.Selector != ":live" {
		t.Errorf("by label: %+v", got)
	}
	removed, err := f.ssm.UnlabelParameterVersion(t.Context(), &awsssm.UnlabelParameterVersionInput{
		Name: aws.String("/a/b"), ParameterVersion: aws.Int64(1), Labels: []string{"old", "live", "none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]string{{"old"}, {"live", "none"}}, [][]string{removed.RemovedLabels, removed.InvalidLabels}); d != "" {
		t.Errorf("removed and invalid (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"1=[]", "2=[live]", "3=[next]"}, f.labels("/a/b")); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	if after := f.get("/a/b"); !after.LastModifiedDate.Equal(*before.LastModifiedDate) || after.Version != before.Version {
		t.Errorf("labels changed the parameter: %+v", after)
	}
	f.Restart()
	if got := f.get("/a/b:live"); *got.Value != "2" {
		t.Errorf("after a restart: %+v", got)
	}
}

// A name's leading slash says nothing where there is one level.
func TestLabelsOfAFlatName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("flat", "v")
	f.label("/flat", 1, "x")
	if got := f.get("flat:x"); *got.Value != "v" {
		t.Errorf("got %+v", got)
	}
}

// Labels go with the parameter, and one of the same name begins without.
func TestLabelsEndWithTheParameter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set("/a", "v")
	f.label("/a", 1, "x")
	if _, err := f.ssm.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/a")}); err != nil {
		t.Fatal(err)
	}
	f.set("/a", "v")
	if d := cmp.Diff([]string{"1=[]"}, f.labels("/a")); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
}
