// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// versions reads the whole history of a parameter, as number=value.
func (f *fixture) versions(name string, size int32) (all []string) {
	f.tb.Helper()
	in := awsssm.GetParameterHistoryInput{Name: &name, MaxResults: &size}
	for pages := awsssm.NewGetParameterHistoryPaginator(f.ssm, &in); pages.HasMorePages(); {
		page, err := pages.NextPage(f.tb.Context())
		if err != nil {
			f.tb.Fatal(err)
		}
		for _, v := range page.Parameters {
			all = append(all, fmt.Sprintf("%d=%s", v.Version, *v.Value))
		}
	}
	return all
}

func TestAHundredVersionsAreKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var want []string
	for i := 1; i <= 103; i++ {
		f.set("/v/x", strconv.Itoa(i))
		want = append(want, fmt.Sprintf("%d=%d", i, i))
	}
	for _, size := range []int32{1, 7, 50} {
		if d := cmp.Diff(want[3:], f.versions("/v/x", size)); d != "" {
			t.Errorf("%d a page (-want +got):\n%s", size, d)
		}
	}
	_, err := f.ssm.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/v/x:3")})
	if code(err) != "ParameterVersionNotFound" {
		t.Errorf("version 3 is still there: %v", err)
	}
	f.label("/v/x", 4, "keep")
	got := f.Post(f.Root, "AmazonSSM.PutParameter", `{"Name":"/v/x","Value":"v","Overwrite":true}`)
	if want := "You attempted to create a new version of /v/x by calling the PutParameter API with the overwrite flag. Version 4, the oldest version, " +
		"can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again."; got.Type !=
		"ParameterMaxVersionLimitExceeded" || got.Message != want {
		t.Errorf("got %s: %s", got.Type, got.Message)
	}
	f.label("/v/x", 50, "keep")
	if got := f.set("/v/x", "more"); got.Version != 104 {
		t.Errorf("version %d", got.Version)
	}
	if got := f.get("/v/x:keep"); *got.Value != "50" {
		t.Errorf("by label: %s", *got.Value)
	}
}

func TestTheTypeOfAFlatNameMayChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.secure("flat", "", nil)
	f.set("/flat", "open")
	got, err := f.ssm.GetParameterHistory(t.Context(), &awsssm.GetParameterHistoryInput{Name: aws.String("flat"), WithDecryption: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	first, second := got.Parameters[0], got.Parameters[1]
	if first.Type != types.ParameterTypeSecureString || *first.Value != canary || first.KeyId == nil ||
		second.Type != types.ParameterTypeString || *second.Value != "open" || second.KeyId != nil {
		t.Errorf("got %+v and %+v", first, second)
	}
}

func TestAnExpiredParameterIsNotThere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	expiring := &awsssm.PutParameterInput{
		Name: aws.String("/e/x"), Value: aws.String("v"), Type: types.ParameterTypeString, Tier: types.ParameterTierIntelligentTiering, Overwrite: aws.Bool(true),
		Policies: aws.String(fmt.Sprintf(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":%q}}]`, f.Clock.Now().Add(time.Hour).Format(time.RFC3339))),
	}
	f.put(expiring)
	if got := f.put(expiring); got.Version != 2 || got.Tier != types.ParameterTierAdvanced {
		t.Errorf("put answered %+v", got)
	}
	f.Clock.Advance(time.Hour - time.Second)
	f.get("/e/x:1")
	f.Clock.Advance(time.Second)
	for operation, body := range map[string]string{
		"GetParameter": `{"Name":"/e/x"}`, "GetParameterHistory": `{"Name":"/e/x"}`, "DeleteParameter": `{"Name":"/e/x"}`,
	} {
		if got := f.Post(f.Root, "AmazonSSM."+operation, body); got.Type != "ParameterNotFound" {
			t.Errorf("%s: %+v", operation, got)
		}
	}
	if got := append(f.byPath(awsssm.GetParametersByPathInput{Path: aws.String("/e")}), f.described(awsssm.DescribeParametersInput{})...); got != nil {
		t.Errorf("listed: %v", got)
	}
	if got := f.put(&awsssm.PutParameterInput{Name: aws.String("/e/x"), Value: aws.String("new"), Type: types.ParameterTypeString}); got.Version != 1 || got.Tier != types.ParameterTierStandard {
		t.Errorf("created again: %+v", got)
	}
	f.Settle()
	if d := cmp.Diff([]string{"1=new"}, f.versions("/e/x", 50)); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
	if keys := f.Keys("ssm/version/"); len(keys) != 0 {
		t.Errorf("the expired one left %v", keys)
	}
}

func TestARestartKeepsParameters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.secure("/r/s", types.ParameterTierAdvanced, nil)
	f.set("/r/x", "1")
	f.set("/r/x", "2")
	f.set("/r/y", "3")
	first, err := f.ssm.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: aws.String("/r"), MaxResults: aws.Int32(2)})
	if err != nil {
		t.Fatal(err)
	}
	f.Restart()
	if got := *f.get("/r/s").Value; got != canary {
		t.Errorf("the SecureString is %q", got)
	}
	if d := cmp.Diff([]string{"1=1", "2=2"}, f.versions("/r/x", 1)); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
	rest, err := f.ssm.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: aws.String("/r"), NextToken: first.NextToken})
	if err != nil || len(rest.Parameters) != 1 || *rest.Parameters[0].Name != "/r/y" {
		t.Errorf("the page after the restart: %+v, %v", rest, err)
	}
}

// model is a parameter as it should be.
type model struct {
	f      *fixture
	levels []string
	values []string // of versions 1 to n
	labels map[string]int64
}

func (m *model) name() string { return "/" + strings.Join(m.levels, "/") }

func (m *model) put(rt *rapid.T) {
	value := rapid.StringMatching(`[a-z]{1,8}`).Draw(rt, "value")
	got := m.f.set(m.name(), value)
	if m.values = append(m.values, value); got.Version != int64(len(m.values)) {
		rt.Fatalf("version %d, want %d", got.Version, len(m.values))
	}
}

func (m *model) label(rt *rapid.T) {
	if len(m.values) == 0 {
		return
	}
	label := rapid.SampledFrom([]string{"blue", "green"}).Draw(rt, "label")
	m.labels[label] = rapid.Int64Range(1, int64(len(m.values))).Draw(rt, "on")
	m.f.label(m.name(), m.labels[label], label)
}

func (m *model) delete(rt *rapid.T) {
	_, err := m.f.ssm.DeleteParameter(m.f.tb.Context(), &awsssm.DeleteParameterInput{Name: new(m.name())})
	want := "success"
	if len(m.values) == 0 {
		want = "ParameterNotFound"
	}
	if code(err) != want {
		rt.Fatalf("deleting: %v", err)
	}
	m.values, m.labels = nil, map[string]int64{}
}

func (m *model) check(rt *rapid.T) {
	want := map[string]int64{}
	for label, n := range m.labels {
		want[m.name()+":"+label] = n
	}
	if n := len(m.values); n > 0 {
		want[m.name()] = int64(n)
		for i := max(1, n-6); i <= n; i++ {
			want[fmt.Sprint(m.name(), ":", i)] = int64(i)
		}
	}
	if len(want) == 0 {
		return
	}
	got, err := m.f.ssm.GetParameters(m.f.tb.Context(), &awsssm.GetParametersInput{Names: slices.Collect(maps.Keys(want))})
	if err != nil || len(got.Parameters) != len(want) {
		rt.Fatalf("got %+v, %v", got, err)
	}
	for _, p := range got.Parameters {
		asked := *p.Name + aws.ToString(p.Selector)
		if n := want[asked]; p.Version != n || *p.Value != m.values[n-1] {
			rt.Fatalf("%s is version %d, %s", asked, p.Version, *p.Value)
		}
	}
}

// Whatever is put, labelled, deleted and put again: the current version is the last
// one put, numbers grow by one from 1, each kept version has its value, and a label
// means the version that it was put on last.
func TestVersionsAndLabelsHold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &model{f: f, levels: []string{"m", strconv.Itoa(run)}, labels: map[string]int64{}}
		steps := map[string]func(*rapid.T){"put": m.put, "label": m.label, "delete": m.delete}
		for _, step := range rapid.SliceOfN(rapid.SampledFrom([]string{"put", "put", "label", "delete"}), 1, 12).Draw(rt, "steps") {
			steps[step](rt)
			m.check(rt)
		}
	})
}
