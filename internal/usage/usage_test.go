// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package usage_test

import (
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/usage"
)

const (
	account = "123456789012"
	ada     = "arn:aws:iam::123456789012:user/ada"
	app     = "arn:aws:iam::123456789012:role/app"
	secretX = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/x-"
	key     = "arn:aws:kms:eu-west-1:123456789012:key/k"
)

var (
	start   = time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC)
	service = usage.Service{
		Open: map[string]bool{"sts:GetCallerIdentity": true},
		Actions: map[string][]string{
			"secretsmanager:GetSecretValue": {"secretsmanager:GetSecretValue"}, "secretsmanager:CreateSecret": {"secretsmanager:CreateSecret"},
			"secretsmanager:BatchGetSecretValue": {"secretsmanager:BatchGetSecretValue"}, "ssm:GetParametersByPath": {"ssm:GetParametersByPath"},
			"secretsmanager:ValidateResourcePolicy": {"secretsmanager:ValidateResourcePolicy", "secretsmanager:PutResourcePolicy"},
			"ssm:GetParameter":                      {"ssm:GetParameter"}, "ssm:DescribeParameters": {"ssm:DescribeParameters"},
			"kms:Decrypt": {"kms:Decrypt"}, "sts:GetCallerIdentity": {"sts:GetCallerIdentity"},
		},
	}
)

// call is a record of a call of ada's.
func call(source, name, parameters string, resources ...string) audit.Record {
	r := audit.Record{Event: audit.Event{
		UserIdentity: audit.UserIdentity{Type: "IAMUser", ARN: ada}, EventTime: start, EventType: audit.TypeAPICall,
		EventSource: source + ".amazonaws.com", EventName: name, AWSRegion: "eu-west-1", RecipientAccountID: account, RequestParameters: json.RawMessage(parameters),
	}}
	for _, arn := range resources {
		r.Resources = append(r.Resources, audit.Resource{ARN: arn})
	}
	return r
}

// with changes a record.
func with(r audit.Record, change func(*audit.Record)) audit.Record {
	change(&r)
	return r
}

func seq(records ...audit.Record) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestWhatWasUsed(t *testing.T) {
	t.Parallel()
	get := call("secretsmanager", "GetSecretValue", `{"secretId":"app/x"}`, secretX+"AbCdEf")
	got, err := service.Collect(seq(
		get,
		with(get, func(r *audit.Record) {
			r.EventTime = start.Add(time.Hour)
			r.Resources = []audit.Resource{{ARN: secretX + "GhIjKl"}}
		}), // made anew
		with(get, func(r *audit.Record) { r.ErrorCode = "AccessDeniedException" }),
		with(get, func(r *audit.Record) { r.EventType = audit.TypeServiceEvent }),
		with(get, func(r *audit.Record) { r.UserIdentity = audit.UserIdentity{Type: "Unknown", ARN: ada} }),
		with(get, func(r *audit.Record) {
			r.UserIdentity = audit.UserIdentity{Type: "AssumedRole", ARN: "arn:aws:sts::123456789012:assumed-role/app/i-1", SessionContext: &audit.SessionContext{SessionIssuer: &audit.SessionIssuer{ARN: app}}}
		}),
		with(call("kms", "Decrypt", `{}`, key), func(r *audit.Record) { r.UserIdentity.InvokedBy = "secretsmanager.amazonaws.com" }),
		call("secretsmanager", "CreateSecret", `{"name":"new"}`),
		call("secretsmanager", "BatchGetSecretValue", `{}`, secretX+"AbCdEf"),
		call("secretsmanager", "ValidateResourcePolicy", `{}`, secretX+"AbCdEf"),
		call("ssm", "GetParametersByPath", `{"path":"/app/"}`),
		call("ssm", "DescribeParameters", `null`),
		call("sts", "GetCallerIdentity", `null`),
		call("s3", "GetObject", `null`),
	))
	if err != nil {
		t.Fatal(err)
	}
	one := func(action, resource, via string) usage.Use {
		return usage.Use{Action: action, Resource: resource, Via: via, Count: 1, Last: start}
	}
	twice := one("secretsmanager:GetSecretValue", secretX+"??????", "")
	twice.Count, twice.Last = 2, start.Add(time.Hour)
	want := usage.Usage{
		app: {one("secretsmanager:GetSecretValue", secretX+"??????", "")},
		ada: {
			one("kms:Decrypt", key, "secretsmanager.eu-west-1.amazonaws.com"),
			one("secretsmanager:BatchGetSecretValue", "*", ""),
			one("secretsmanager:CreateSecret", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:new-??????", ""),
			twice,
			one("secretsmanager:PutResourcePolicy", secretX+"??????", ""),
			one("secretsmanager:ValidateResourcePolicy", secretX+"??????", ""),
			one("ssm:DescribeParameters", "arn:aws:ssm:eu-west-1:123456789012:*", ""),
			one("ssm:GetParametersByPath", "arn:aws:ssm:eu-west-1:123456789012:parameter/app", ""),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	broken := errors.New("broken")
	if _, err := service.Collect(func(yield func(audit.Record, error) bool) { yield(audit.Record{}, broken) }); !errors.Is(err, broken) {
		t.Errorf("a log that can't be read: %v", err)
	}
}

func TestTheSmallestPolicy(t *testing.T) {
	t.Parallel()
	parameter := "arn:aws:ssm:eu-west-1:123456789012:parameter/"
	uses := []usage.Use{
		{Action: "ssm:GetParameter", Resource: parameter + "a/1"},
		{Action: "ssm:GetParameter", Resource: parameter + "a/2"},
		{Action: "ssm:GetParameter", Resource: parameter + "b/1"},
		{Action: "ssm:PutParameter", Resource: parameter + "a/1"},
		{Action: "ssm:DeleteParameter", Resource: parameter + "a/1"},
		{Action: "kms:Decrypt", Resource: key},
		{Action: "kms:Decrypt", Resource: key, Via: "ssm.eu-west-1.amazonaws.com"},
	}
	via := map[string]map[string]string{"StringEquals": {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}}
	statement := func(condition map[string]map[string]string, actions []string, resources ...string) usage.Statement {
		return usage.Statement{Effect: "Allow", Action: actions, Resource: resources, Condition: condition}
	}
	for generalize, read := range map[int][]string{
		0: {parameter + "a/1", parameter + "a/2", parameter + "b/1"}, 1: {parameter + "a/*", parameter + "b/1"}, 2: {parameter + "a/1", parameter + "a/2", parameter + "b/1"},
	} {
		want := usage.Document{Version: "2012-10-17", Statement: []usage.Statement{
			statement(nil, []string{"kms:Decrypt"}, key), statement(via, []string{"kms:Decrypt"}, key),
			statement(nil, []string{"ssm:DeleteParameter", "ssm:PutParameter"}, parameter+"a/1"),
			statement(nil, []string{"ssm:GetParameter"}, read...),
		}}
		if diff := cmp.Diff(want, usage.Smallest(uses, generalize)); diff != "" {
			t.Errorf("generalize %d (-want +got):\n%s", generalize, diff)
		}
	}
	if got := usage.Smallest(nil, 0); len(got.Statement) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestWhatIsGrantedBeside(t *testing.T) {
	t.Parallel()
	served := []string{"kms:Decrypt", "ssm:GetParameter", "ssm:PutParameter"}
	uses := []usage.Use{{Action: "ssm:GetParameter", Resource: "arn:aws:ssm:eu-west-1:123456789012:parameter/ada/x"}}
	got, err := usage.Granted(ada, []usage.Policy{{Name: "p", Holder: ada, Document: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ssm:Get*","ssm:*"],"Resource":"arn:aws:ssm:*:*:parameter/${aws:username}/*"},
		{"Effect":"Deny","Action":"*","Resource":"*"},
		{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:*:*:parameter/other"},
		{"Effect":"Allow","NotAction":"ssm:PutParameter","Resource":"*"}]}`}}, uses, served)
	if err != nil {
		t.Fatal(err)
	}
	grant := func(number int, action string, used []string, unused ...string) usage.Grant {
		if unused == nil {
			unused = []string{}
		}
		return usage.Grant{Policy: "p", Holder: ada, Number: number, Action: action, Used: used, Unused: unused}
	}
	get := []string{"ssm:GetParameter"}
	want := []usage.Grant{
		grant(1, "ssm:Get*", get), grant(1, "ssm:*", get, "ssm:PutParameter"),
		grant(3, "ssm:GetParameter", []string{}, "ssm:GetParameter"), grant(4, "all but ssm:PutParameter", get, "kms:Decrypt"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := usage.Granted(ada, []usage.Policy{{Document: "{"}}, uses, served); err == nil {
		t.Error("a policy that is none was read")
	}
}
