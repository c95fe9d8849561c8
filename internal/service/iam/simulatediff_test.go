// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// stated is a statement to be written as JSON.
type stated struct {
	Effect            string
	Principal         map[string][]string            `json:",omitempty"`
	Action, NotAction []string                       `json:",omitempty"`
	Resource          []string                       `json:",omitempty"`
	Condition         map[string]map[string][]string `json:",omitempty"`
}

// The alphabets are small, so that what is generated meets.
var (
	genActions   = rapid.SliceOfN(rapid.SampledFrom([]string{"*", "s3:*", "s3:Get", "S3:put", "kms:Decrypt", "*:?e*"}), 1, 2)
	genResources = rapid.SliceOfN(rapid.SampledFrom([]string{"*", "arn:aws:s3:::*", "arn:aws:s3:::a", "arn:aws:s3:::${x:aaa}", "arn:aws:kms:*"}), 1, 2)
	genOperators = rapid.SampledFrom([]string{"StringEquals", "StringNotEquals", "StringLikeIfExists", "ForAnyValue:StringLike", "ForAllValues:StringEquals"})
	genWanted    = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "${x:bbb}"}), 1, 2)
)

func genDocument(named bool) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		statements := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stated {
			s := stated{Effect: rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect"), Resource: genResources.Draw(t, "resource")}
			if a := genActions.Draw(t, "action"); rapid.IntRange(0, 4).Draw(t, "not") == 0 {
				s.NotAction = a
			} else {
				s.Action = a
			}
			if rapid.Bool().Draw(t, "conditional") {
				s.Condition = rapid.MapOfN(genOperators, rapid.MapOfN(rapid.SampledFrom([]string{"x:aaa", "X:BBB", "aws:username"}), genWanted, 1, 2), 1, 2).Draw(t, "condition")
			}
			if named {
				s.Principal = map[string][]string{"AWS": rapid.SliceOfN(rapid.SampledFrom([]string{"*", servicetest.Account, alice, alice + "2"}), 1, 2).Draw(t, "principal")}
			}
			return s
		}), 1, 4).Draw(t, "statements")
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	})
}

// given are condition keys by their name in lower case.
type given map[string][]string

// Values implements policy.Context.
func (g given) Values(key string) ([]string, bool) { v, ok := g[key]; return v, ok }

// TestTheSimulatorDecidesAsTheEngine simulates generated policies over the API, and
// decides by the same policies without it.
func TestTheSimulatorDecidesAsTheEngine(t *testing.T) {
	t.Parallel()
	_, c := newClient(t)
	ctx := t.Context()
	actions, resources := []string{"s3:Get", "s3:Put", "kms:Decrypt"}, []string{"arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:kms:x:123456789012:key/a", "arn:aws:kms:x:210987654321:key/a"}
	rapid.Check(t, func(t *rapid.T) {
		in := &iam.SimulateCustomPolicyInput{ActionNames: actions, ResourceArns: resources, CallerArn: new(alice), PolicyInputList: rapid.SliceOfN(genDocument(false), 1, 3).Draw(t, "policies")}
		set := policy.Set{}
		parse := func(doc string, kind policy.Kind) policy.Attached {
			p, err := policy.Parse([]byte(doc), kind)
			if err != nil {
				t.Fatalf("%s: %v", doc, err)
			}
			return policy.Attached{Policy: p}
		}
		for _, doc := range in.PolicyInputList {
			set.Identity = append(set.Identity, parse(doc, policy.KindIdentity))
		}
		if rapid.Bool().Draw(t, "bounded") {
			in.PermissionsBoundaryPolicyInputList = []string{genDocument(false).Draw(t, "boundary")}
			set.Boundary = new(parse(in.PermissionsBoundaryPolicyInputList[0], policy.KindBoundary))
		}
		if rapid.Bool().Draw(t, "protected") {
			in.ResourcePolicy = new(genDocument(true).Draw(t, "resource policy"))
			set.Resource = new(parse(*in.ResourcePolicy, policy.KindResource))
		}
		keys := given(rapid.MapOfN(rapid.SampledFrom([]string{"x:aaa", "x:bbb"}), rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 1, 2), 0, 2).Draw(t, "keys"))
		for key, values := range keys {
			in.ContextEntries = append(in.ContextEntries, entry(types.ContextKeyTypeEnumStringList, key, values...))
		}
		out, err := c.SimulateCustomPolicy(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range out.EvaluationResults {
			req := &policy.Request{
				Principal: policy.Principal{Type: policy.User, Account: servicetest.Account, ARN: alice},
				Account:   servicetest.Account, Action: *got.EvalActionName, Resource: *got.EvalResourceName, Context: keys,
			}
			if strings.Contains(req.Resource, ":210987654321:") {
				req.Account = "210987654321"
			}
			set.Exclusive = in.ResourcePolicy != nil && strings.HasPrefix(req.Action, "kms:")
			want := map[policy.Reason]types.PolicyEvaluationDecisionType{
				policy.ExplicitAllow: "allowed", policy.ExplicitDeny: "explicitDeny", policy.ImplicitDeny: "implicitDeny",
			}[policy.Evaluate(&set, req).Reason]
			if got.EvalDecision != want {
				t.Errorf("%s on %s: %s, the engine says %s", req.Action, req.Resource, got.EvalDecision, want)
			}
		}
		if len(out.EvaluationResults) != len(actions)*len(resources) {
			t.Errorf("%d results", len(out.EvaluationResults))
		}
	})
}
