// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// events returns what was published so far, oldest first, and erased since it was looked
// at last.
func (f *fixture) events() []events.Event {
	f.tb.Helper()
	if _, err := f.Store.View(f.tb.Context(), func(r kv.Reader) error {
		for entry, err := range events.Read(r, servicetest.Account, servicetest.Region, f.looked) {
			if err != nil {
				return err
			}
			f.published, f.looked = append(f.published, entry.Event), entry.Cursor
		}
		return nil
	}); err != nil {
		f.tb.Fatal(err)
	}
	return f.published
}

// details are the details of all events so far.
func (f *fixture) details() (all []string) {
	f.tb.Helper()
	for _, e := range f.events() {
		all = append(all, string(e.Detail))
	}
	return all
}

func TestEachChangeOfAParameterIsAnEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	label := func(version int64, labels ...string) {
		t.Helper()
		if _, err := f.ssm.LabelParameterVersion(t.Context(), &awsssm.LabelParameterVersionInput{Name: aws.String("/a"), ParameterVersion: &version, Labels: labels}); err != nil {
			t.Fatal(err)
		}
	}
	f.put(&awsssm.PutParameterInput{
		Name: aws.String("/a"), Value: aws.String("never told"), Type: types.ParameterTypeSecureString, Description: aws.String("Sample Parameter"),
	})
	f.put(&awsssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("never told"), Overwrite: aws.Bool(true)})
	label(1, "y", "x", "1")
	label(2, "x")
	label(2, "x") // where it is
	if _, err := f.ssm.UnlabelParameterVersion(t.Context(), &awsssm.UnlabelParameterVersionInput{Name: aws.String("/a"), ParameterVersion: aws.Int64(2), Labels: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ssm.AddTagsToResource(t.Context(), &awsssm.AddTagsToResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/a"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}); err != nil {
		t.Fatal(err)
	}
	// None of these changes anything.
	if _, err := f.ssm.PutParameter(t.Context(), &awsssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("x"), Type: types.ParameterTypeString}); err == nil {
		t.Error("put twice")
	}
	if _, err := f.ssm.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/none")}); err == nil {
		t.Error("deleted what is not there")
	}
	f.get("/a")
	f.set("b", "x")
	if _, err := f.ssm.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/a")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ssm.DeleteParameters(t.Context(), &awsssm.DeleteParametersInput{Names: []string{"/none", "/b"}}); err != nil {
		t.Fatal(err)
	}
	of := func(operation, more string) string {
		return `{"operation":"` + operation + `","name":"/a","type":"SecureString","description":"Sample Parameter"` + more + `}`
	}
	want := []string{
		of("Create", ""),
		of("Update", ""),
		of("LabelParameterVersion", `,"label":"x","toVersion":"1"`),
		of("LabelParameterVersion", `,"label":"y","toVersion":"1"`),
		of("LabelParameterVersion", `,"label":"x","fromVersion":"1","toVersion":"2"`),
		`{"operation":"Create","name":"b","type":"String"}`,
		of("Delete", ""),
		`{"operation":"Delete","name":"b","type":"String"}`,
	}
	if d := cmp.Diff(want, f.details()); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	first := f.events()[0]
	if first.DetailType != "Parameter Store Change" || first.Source != "aws.ssm" || !first.Time.Equal(servicetest.Start.Truncate(1e9)) ||
		!cmp.Equal(first.Resources, []string{"arn:aws:ssm:eu-west-1:123456789012:parameter/a"}) {
		t.Errorf("the first is %+v", first)
	}
}
