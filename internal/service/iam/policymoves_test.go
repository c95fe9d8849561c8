// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"
)

// is compares the answer of a call with the code that the model expects, which is empty
// for success.
func (m *policyMachine) is(t *rapid.T, err error, want string) bool {
	got := ""
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		got = answer.ErrorCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("answered %v, want %q", err, want)
	}
	return want == ""
}

// arn draws the ARN of a policy, which may not be there.
func (m *policyMachine) arn(t *rapid.T) string {
	return "arn:aws:iam::" + m.account + ":policy/" + rapid.SampledFrom([]string{"p", "q/p2", "r"}).Draw(t, "policy")
}

func (m *policyMachine) holder(t *rapid.T, most int) (*holders, *modelHolder) {
	i := rapid.IntRange(0, most-1).Draw(t, "holder")
	return &m.holders[i], &m.has[i]
}

func (m *policyMachine) create(t *rapid.T) {
	arn, n := m.arn(t), rapid.IntRange(0, machineActions-1).Draw(t, "action")
	path, name := "/", arn[strings.LastIndexByte(arn, '/')+1:]
	if name == "p2" {
		path = "/q/"
	}
	_, err := m.client.CreatePolicy(m.t.Context(), &iam.CreatePolicyInput{PolicyName: &name, Path: &path, PolicyDocument: new(allowing(action(n)))})
	want := ""
	if m.policies[arn] != nil {
		want = "EntityAlreadyExists"
	}
	if m.is(t, err, want) {
		m.policies[arn] = &modelManaged{map[int]int{1: n}, 1, 1}
	}
}

func (m *policyMachine) remove(t *rapid.T) {
	arn := m.arn(t)
	_, err := m.client.DeletePolicy(m.t.Context(), &iam.DeletePolicyInput{PolicyArn: &arn})
	attached, bounds := m.uses(arn)
	want := ""
	switch p := m.policies[arn]; {
	case p == nil:
		want = "NoSuchEntity"
	case attached+bounds > 0, len(p.versions) > 1:
		want = "DeleteConflict"
	}
	if m.is(t, err, want) {
		delete(m.policies, arn)
	}
}

func (m *policyMachine) version(t *rapid.T) {
	arn, n, def := m.arn(t), rapid.IntRange(0, machineActions-1).Draw(t, "action"), rapid.Bool().Draw(t, "default")
	_, err := m.client.CreatePolicyVersion(m.t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: new(allowing(action(n))), SetAsDefault: def})
	p, want := m.policies[arn], ""
	switch {
	case p == nil:
		want = "NoSuchEntity"
	case len(p.versions) == 5:
		want = "LimitExceeded"
	}
	if m.is(t, err, want) {
		p.last++
		p.versions[p.last] = n
		if def {
			p.def = p.last
		}
	}
}

// pick draws a version, which may not be there.
func (m *policyMachine) pick(t *rapid.T) (arn string, p *modelManaged, number int, there bool) {
	arn, number = m.arn(t), rapid.IntRange(1, 8).Draw(t, "version")
	p = m.policies[arn]
	if p != nil {
		_, there = p.versions[number]
	}
	return arn, p, number, there
}

func (m *policyMachine) setDefault(t *rapid.T) {
	arn, p, number, there := m.pick(t)
	_, err := m.client.SetDefaultPolicyVersion(m.t.Context(), &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: new(fmt.Sprintf("v%d", number))})
	if m.is(t, err, map[bool]string{false: "NoSuchEntity"}[there]) {
		p.def = number
	}
}

func (m *policyMachine) removeVersion(t *rapid.T) {
	arn, p, number, there := m.pick(t)
	_, err := m.client.DeletePolicyVersion(m.t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: new(fmt.Sprintf("v%d", number))})
	want := ""
	switch {
	case !there:
		want = "NoSuchEntity"
	case p.def == number:
		want = "DeleteConflict"
	}
	if m.is(t, err, want) {
		delete(p.versions, number)
	}
}

func (m *policyMachine) attach(t *rapid.T) {
	h, has := m.holder(t, 3)
	arn := m.arn(t)
	if m.is(t, h.attach(m.t.Context(), h.name, arn), map[bool]string{true: "NoSuchEntity"}[m.policies[arn] == nil]) {
		has.attached[arn] = true
	}
}

func (m *policyMachine) detach(t *rapid.T) {
	h, has := m.holder(t, 3)
	arn := m.arn(t)
	if m.is(t, h.detach(m.t.Context(), h.name, arn), map[bool]string{false: "NoSuchEntity"}[has.attached[arn]]) {
		delete(has.attached, arn)
	}
}

func (m *policyMachine) put(t *rapid.T) {
	h, has := m.holder(t, 3)
	name, n := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), rapid.IntRange(0, machineActions-1).Draw(t, "action")
	if m.is(t, h.put(m.t.Context(), h.name, name, allowing(action(n))), "") {
		has.inline[name] = n
	}
}

func (m *policyMachine) removeInline(t *rapid.T) {
	h, has := m.holder(t, 3)
	name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
	_, there := has.inline[name]
	if m.is(t, h.delete(m.t.Context(), h.name, name), map[bool]string{false: "NoSuchEntity"}[there]) {
		delete(has.inline, name)
	}
}

func (m *policyMachine) bound(t *rapid.T) {
	i := rapid.SampledFrom([]int{0, 2}).Draw(t, "holder") // a group has no boundary
	h, arn := m.holders[i], m.arn(t)
	if rapid.Bool().Draw(t, "none") {
		m.is(t, h.noBoundary(m.t.Context(), h.name), "")
		m.has[i].boundary = ""
		return
	}
	if m.is(t, h.boundary(m.t.Context(), h.name, arn), map[bool]string{true: "NoSuchEntity"}[m.policies[arn] == nil]) {
		m.has[i].boundary = arn
	}
}
