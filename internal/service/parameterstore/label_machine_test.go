// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/record"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// machine is a parameter and its model: which versions are kept, and which label is
// on which of them.
type machine struct {
	service *service
	store   kv.Store
	call    *gate.Call

	oldest, newest int64
	labels         map[string]int64
}

func newMachine() *machine {
	return &machine{
		service: &service{heads: record.New[Parameter]("ssm/parameter"), versions: record.New[Version]("ssm/version")},
		store:   memkv.New(),
		call: &gate.Call{
			Account: "123456789012", Region: "eu-west-1", Time: time.Unix(1e9, 0),
			Principal: &gate.Principal{Principal: policy.Principal{ARN: "arn:aws:iam::123456789012:root"}},
		},
		oldest: 1, labels: map[string]int64{},
	}
}

// do runs a handler in a transaction, and returns the code of its error, if any.
func (m *machine) do(rt *rapid.T, handler func(tx kv.Tx) error) string {
	_, err := m.store.Update(rt.Context(), handler)
	if answer, ok := errors.AsType[*api.Error](err); ok {
		return answer.Code
	}
	if err != nil {
		rt.Fatal(err)
	}
	return ""
}

func (m *machine) put(rt *rapid.T) {
	code := m.do(rt, func(tx kv.Tx) error {
		_, err := m.service.put(rt.Context(), tx, m.call, &ssm.PutParameterInput{
			Name: new("/a"), Type: new(ssm.ParameterTypeString), Overwrite: new(true),
			Value: secret.NewText(strconv.FormatInt(m.newest+1, 10)),
		})
		return err
	})
	full := m.newest-m.oldest+1 == maxVersions
	if full && slices.Contains(slices.Collect(maps.Values(m.labels)), m.oldest) {
		if code != ssm.ParameterMaxVersionLimitExceeded.Code {
			rt.Fatalf("a version beyond the limit, with a label on the oldest: %q", code)
		}
		return
	}
	if code != "" {
		rt.Fatalf("putting version %d: %s", m.newest+1, code)
	}
	if m.newest++; full {
		m.oldest++
	}
}

// version draws a version: mostly the oldest or the newest ones, and some that are not
// kept.
func (m *machine) version(rt *rapid.T) int64 {
	return rapid.SampledFrom([]int64{m.oldest - 1, m.oldest, m.oldest + 1, m.newest - 1, m.newest, m.newest + 1}).Draw(rt, "version")
}

func (m *machine) kept(version int64) bool { return m.oldest <= version && version <= m.newest }

// someLabels draws labels of which more than a version takes are valid, and some are
// not.
func someLabels(rt *rapid.T) []string {
	all := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i.-_", "A", "B", "awe", "1st", "awsome", "SSM", "a b"}
	return rapid.SliceOfN(rapid.SampledFrom(all), 1, 10).Draw(rt, "labels")
}

func (m *machine) label(rt *rapid.T) {
	version, asked := m.version(rt), someLabels(rt)
	in := &ssm.LabelParameterVersionInput{Name: new("/a"), ParameterVersion: &version, Labels: asked}
	if rapid.Bool().Draw(rt, "latest") {
		version, in.ParameterVersion = m.newest, nil
	}
	var out *ssm.LabelParameterVersionOutput
	code := m.do(rt, func(tx kv.Tx) (err error) {
		out, err = m.service.label(rt.Context(), tx, m.call, in)
		return err
	})
	if !m.kept(version) {
		if code != ssm.ParameterVersionNotFound.Code {
			rt.Fatalf("labels for version %d: %q", version, code)
		}
		return
	}
	next, invalid := maps.Clone(m.labels), []string{}
	for _, label := range asked {
		if slices.Contains([]string{"1st", "awsome", "SSM", "a b"}, label) {
			if !slices.Contains(invalid, label) {
				invalid = append(invalid, label)
			}
			continue
		}
		next[label] = version
	}
	if labelsOn(next, version) > maxLabels {
		if code != ssm.ParameterVersionLabelLimitExceeded.Code {
			rt.Fatalf("%d labels on version %d: %q", labelsOn(next, version), version, code)
		}
		return
	}
	if d := cmp.Diff(&ssm.LabelParameterVersionOutput{InvalidLabels: invalid, ParameterVersion: &version}, out); d != "" || code != "" {
		rt.Fatalf("%q (-want +got):\n%s", code, d)
	}
	m.labels = next
}

func (m *machine) unlabel(rt *rapid.T) {
	version, asked := m.version(rt), someLabels(rt)
	var out *ssm.UnlabelParameterVersionOutput
	code := m.do(rt, func(tx kv.Tx) (err error) {
		out, err = m.service.unlabel(rt.Context(), tx, m.call, &ssm.UnlabelParameterVersionInput{Name: new("/a"), ParameterVersion: &version, Labels: asked})
		return err
	})
	if !m.kept(version) {
		if code != ssm.ParameterVersionNotFound.Code {
			rt.Fatalf("no labels for version %d: %q", version, code)
		}
		return
	}
	want := &ssm.UnlabelParameterVersionOutput{RemovedLabels: []string{}, InvalidLabels: []string{}}
	for i, label := range asked {
		switch {
		case slices.Contains(asked[:i], label):
		case m.labels[label] == version:
			delete(m.labels, label)
			want.RemovedLabels = append(want.RemovedLabels, label)
		default:
			want.InvalidLabels = append(want.InvalidLabels, label)
		}
	}
	if d := cmp.Diff(want, out); d != "" || code != "" {
		rt.Fatalf("%q (-want +got):\n%s", code, d)
	}
}

// labelsOn is how many labels a version has.
func labelsOn(labels map[string]int64, version int64) (n int) {
	for _, v := range labels {
		if v == version {
			n++
		}
	}
	return n
}

// check holds the store to the model.
func (m *machine) check(rt *rapid.T) {
	if _, err := m.store.View(rt.Context(), func(r kv.Reader) error {
		p, err := m.service.find(r, m.call, "a")
		if err != nil {
			return err
		}
		if p.Oldest != m.oldest || p.Current.Number != m.newest || m.newest-m.oldest >= maxVersions {
			rt.Fatalf("versions %d to %d are kept, want %d to %d", p.Oldest, p.Current.Number, m.oldest, m.newest)
		}
		if !maps.Equal(p.Labels, m.labels) {
			rt.Fatalf("labels (-want +got):\n%s", cmp.Diff(m.labels, p.Labels))
		}
		for n := m.oldest - 1; n <= m.newest+1; n++ {
			v, err := m.service.version(r, m.call, p, n)
			if err != nil {
				return err
			}
			if (v != nil) != m.kept(n) || v != nil && (v.Number != n || string(v.Value) != strconv.FormatInt(n, 10)) {
				rt.Fatalf("version %d is %v", n, v)
			}
			if labelsOn(p.Labels, n) > maxLabels || !m.kept(n) && labelsOn(p.Labels, n) > 0 {
				rt.Fatalf("version %d has the labels %v", n, p.labelsOf(n))
			}
		}
		left := 0
		for _, err := range r.Scan(kv.Range{Prefix: "ssm/version/"}) {
			if err != nil {
				return err
			}
			left++
		}
		if want := int(m.newest - m.oldest); left != want {
			rt.Fatalf("%d older versions are stored, want %d", left, want)
		}
		return nil
	}); err != nil {
		rt.Fatal(err)
	}
}

// A label is on one version at most, and a version has ten at most; labels and
// versions get lost only where AWS says so: the oldest version beyond a hundred, which
// goes only without a label.
func TestTheLabelMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine()
		defer m.store.Close()
		for range rapid.SampledFrom([]int{1, 3, maxVersions - 1, maxVersions}).Draw(rt, "versions") {
			m.put(rt)
		}
		rt.Repeat(map[string]func(*rapid.T){"put": m.put, "label": m.label, "unlabel": m.unlabel, "": m.check})
	})
}
