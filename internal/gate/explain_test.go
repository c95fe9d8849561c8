// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

type describeIn = secretsmanager.DescribeSecretInput

// bindOpening binds a read that has KMS decrypt, which opens notes.
func bindOpening(w *world, opens *int) {
	gate.Read(w.Gate, kms.Decrypt, gate.Row[kms.DecryptInput]{Access: gate.AccessWrite, PerItem: true},
		func(_ context.Context, _ kv.Reader, call *gate.Call, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
			if err := call.Authorize(kms.Decrypt.Action(), gate.Target{ARN: call.ARN("kms", "key/"+string(in.CiphertextBlob)), Type: "AWS::KMS::Key"}); err != nil {
				return nil, err
			}
			*opens++
			return &kms.DecryptOutput{}, nil
		})
	gate.Read(w.Gate, secretsmanager.GetSecretValue, gate.Row[getIn]{Access: gate.AccessRead, Targets: gate.One(
		func(_ context.Context, _ kv.Reader, call *gate.Call, in *getIn) (gate.Target, error) {
			if *in.SecretId == "unknown" {
				return gate.Target{}, secretsmanager.ResourceNotFoundException.New("No.")
			}
			return gate.Target{ARN: call.ARN("secretsmanager", "secret:"+*in.SecretId), Type: "AWS::SecretsManager::Secret"}, nil
		})}, func(ctx context.Context, r kv.Reader, call *gate.Call, in *getIn) (*getOut, error) {
		var first error
		for _, key := range []string{"k1", "k2"} { // as a secret under two keys does
			_, err := gate.Invoke(ctx, call, r, kms.Decrypt, &kms.DecryptInput{CiphertextBlob: []byte(key)})
			if err == nil {
				return &getOut{}, nil
			}
			first = err
		}
		if *in.SecretId == "breaks" {
			return nil, errors.New("broken")
		}
		return nil, first
	})
}

// bindAsking binds an operation that explains GetSecretValue for the caller.
func bindAsking(w *world, i gate.Inquiry, verdicts *[]gate.Verdict, failed *error) {
	gate.Read(w.Gate, secretsmanager.DescribeSecret, gate.Row[describeIn]{Access: gate.AccessRead, Open: true},
		func(ctx context.Context, r kv.Reader, call *gate.Call, in *describeIn) (*secretsmanager.DescribeSecretOutput, error) {
			i := i
			i.As, i.Region = call.Principal, "eu-north-1"
			i.Operation, _ = call.Find("SecretsManager:getsecretvalue")
			i.Fill = func(to any) { to.(*getIn).SecretId = in.SecretId }
			*verdicts, *failed = call.Explain(ctx, r, i)
			return &secretsmanager.DescribeSecretOutput{}, nil
		})
}

const describe = "secretsmanager.DescribeSecret"

// short is a verdict in a line.
func short(v gate.Verdict) string {
	return strings.Join([]string{v.Request.Action, v.Request.Resource, v.Via, v.Decision.Reason.String(), v.Decision.PolicyType.String()}, " ")
}

func TestExplainTellsWhatACallWouldComeTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	opens := 0
	var verdicts []gate.Verdict
	var failed error
	bindOpening(w, &opens)
	bindAsking(w, gate.Inquiry{}, &verdicts, &failed)
	w.directory.as(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/k2"},{"Effect":"Deny","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/k1"}]}`)
	for secret, want := range map[string][]string{
		"a": {
			"secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-north-1:123456789012:secret:a  implicit deny identity-based policy",
			"kms:Decrypt arn:aws:kms:eu-north-1:123456789012:key/k1 secretsmanager.eu-north-1.amazonaws.com explicit deny identity-based policy",
			"kms:Decrypt arn:aws:kms:eu-north-1:123456789012:key/k2 secretsmanager.eu-north-1.amazonaws.com allow no policy",
		},
		"unknown": nil, "breaks": nil, "": nil,
	} {
		if got := w.call(describe, `{"SecretId":"`+secret+`"}`); got.Status != 200 && secret != "" {
			t.Errorf("%q: answered %+v", secret, got)
		}
		var got []string
		for _, v := range verdicts {
			got = append(got, short(v))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", secret, diff)
		}
		if _, answer := errors.AsType[*api.Error](failed); (failed != nil) != (secret == "unknown" || secret == "breaks") || answer != (secret == "unknown") {
			t.Errorf("%q: %v", secret, failed)
		}
		verdicts, failed = nil, nil
	}
	if opens != 0 {
		t.Errorf("an explanation decrypted %d times", opens)
	}
	for _, r := range w.records() {
		if r.EventName != "DescribeSecret" {
			t.Errorf("recorded as if it had been made: %s", r.Line)
		}
	}
}

// supposed are condition keys by name in lower case.
type supposed map[string][]string

// Values implements policy.Context.
func (s supposed) Values(key string) ([]string, bool) { v, ok := s[key]; return v, ok }

func TestExplainSupposes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	opens := 0
	var verdicts []gate.Verdict
	var failed error
	bindOpening(w, &opens)
	bindAsking(w, gate.Inquiry{Action: "secretsmanager:Other", Given: supposed{"aws:useragent": {"curl"}}}, &verdicts, &failed)
	w.directory.as(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:Other","Resource":"*","Condition":{"StringEquals":{"aws:UserAgent":"curl"},"Null":{"aws:SourceIp":"true"}}}}`)
	if got := w.call(describe, `{"SecretId":"a"}`); got.Status != 200 || failed != nil {
		t.Fatalf("answered %+v, %v", got, failed)
	}
	if len(verdicts) != 1 || !verdicts[0].Decision.Allowed || verdicts[0].Request.Action != "secretsmanager:Other" {
		t.Errorf("%+v", verdicts)
	}
}

// TestADenialsRecordSaysWhy holds that the record of a denial has the statements at fault,
// of which the caller is told nothing, and that others have none.
func TestADenialsRecordSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	opens := 0
	bindOpening(w, &opens)
	w.directory.as(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Reads","Effect":"Allow","Action":"secretsmanager:*","Resource":"*"},
		{"Sid":"NotOurs","Effect":"Deny","Action":"secretsmanager:*","Resource":"arn:aws:secretsmanager:*:*:secret:theirs"},
		{"Sid":"Ours","Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}]}`)
	get := "secretsmanager.GetSecretValue"
	theirs := w.call(get, `{"SecretId":"theirs"}`)
	if theirs.Code != "AccessDeniedException" || strings.Contains(theirs.Body, "NotOurs") {
		t.Errorf("answered %+v", theirs)
	}
	if got := w.call(get, `{"SecretId":"ours"}`); got.Code != "AccessDeniedException" {
		t.Errorf("answered %+v", got)
	}
	if got := w.call(get, `{"SecretId":"unknown"}`); got.Code != "ResourceNotFoundException" {
		t.Errorf("answered %+v", got)
	}
	var got []string
	for _, r := range w.records() {
		var flat any
		if err := json.Unmarshal(r.AdditionalEventData, &flat); len(r.AdditionalEventData) > 0 && err != nil {
			t.Error(err)
		}
		text, _ := json.Marshal(flat)
		got = append(got, r.EventName+" "+string(text))
	}
	reads := `{"effect":"Allow","policy":"p","policyType":"identity-based policy","sid":"Reads","statement":0}`
	keys := func(key string) string {
		return `Decrypt {"accessDenied":{"action":"kms:Decrypt","lacking":["identity-based policy"],"policyType":"identity-based policy","reason":"implicit deny","resource":"arn:aws:kms:eu-west-1:123456789012:key/` + key + `","unmet":[` +
			`{"conditions":[{"has":null,"key":"aws:PrincipalTag/team","operator":"StringEquals","wanted":["blue"]}],"effect":"Allow","policy":"p","policyType":"identity-based policy","sid":"Ours","statement":2}]}}`
	}
	want := []string{
		`GetSecretValue {"accessDenied":{"action":"secretsmanager:GetSecretValue","policyType":"identity-based policy","reason":"explicit deny","resource":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:theirs","statements":[` +
			`{"effect":"Deny","policy":"p","policyType":"identity-based policy","sid":"NotOurs","statement":1},` + reads + `]}}`,
		keys("k1"), keys("k2"), "GetSecretValue null", "GetSecretValue null",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if opens != 0 {
		t.Error("decrypted")
	}
}
