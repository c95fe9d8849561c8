// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package aws_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source/aws"
)

// caller answers one call.
type caller struct {
	answer string
	err    error
	got    string
}

func (c *caller) Call(_ context.Context, s *api.Service, operation string, body []byte) ([]byte, error) {
	c.got = s.Name + ":" + operation + " " + string(body)
	return []byte(c.answer), c.err
}

func TestFetch(t *testing.T) {
	t.Parallel()
	created := time.Date(2022, 11, 16, 8, 22, 40, 499e6, time.UTC)
	for name, c := range map[string]struct {
		ref          cache.Ref
		call, answer string
		want         cache.Value
	}{
		"a secret": {
			cache.Ref{ID: "db", Stage: "AWSCURRENT"},
			`secretsmanager:GetSecretValue {"SecretId":"db","VersionStage":"AWSCURRENT"}`,
			`{"ARN":"arn:x","Name":"db","VersionId":"v1","SecretString":"s","VersionStages":["AWSCURRENT"],"CreatedDate":1668586960.499}`,
			cache.Value{ARN: "arn:x", Name: "db", VersionID: "v1", Stages: []string{"AWSCURRENT"}, Text: secret.FromString("s"), Created: created},
		},
		"a version of a binary secret": {
			cache.Ref{ID: "db", VersionID: "v1"},
			`secretsmanager:GetSecretValue {"SecretId":"db","VersionId":"v1"}`,
			`{"ARN":"arn:x","Name":"db","VersionId":"v1","SecretBinary":"AAE="}`,
			cache.Value{ARN: "arn:x", Name: "db", VersionID: "v1", Binary: secret.New([]byte{0, 1})},
		},
		"a parameter's label": {
			cache.Ref{Kind: cache.Parameter, ID: "/p", Stage: "Dev", Decrypt: true},
			`ssm:GetParameter {"Name":"/p:Dev","WithDecryption":true}`,
			`{"Parameter":{"ARN":"arn:p","DataType":"text","LastModifiedDate":1668586960.499,"Name":"/p","Selector":":Dev","Type":"String","Value":"v","Version":3}}`,
			cache.Value{ARN: "arn:p", Name: "/p", VersionID: "3", Text: secret.FromString("v"), Created: created, Parameter: &cache.ParameterInfo{
				Type: new("String"), DataType: new("text"), Selector: new(":Dev"), Version: 3,
			}},
		},
		"a reference to a secret": {
			cache.Ref{Kind: cache.Parameter, ID: "/aws/reference/secretsmanager/db", Decrypt: true},
			`ssm:GetParameter {"Name":"/aws/reference/secretsmanager/db","WithDecryption":true}`,
			`{"Parameter":{"ARN":"arn:s","Name":"/aws/reference/secretsmanager/db","SourceResult":"{}","Type":"SecureString","Value":"v","Version":0}}`,
			cache.Value{ARN: "arn:s", Name: "/aws/reference/secretsmanager/db", VersionID: "0", Text: secret.FromString("v"), Parameter: &cache.ParameterInfo{
				Type: new("SecureString"), SourceResult: secret.FromString("{}"),
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := &caller{answer: c.answer}
			got, err := aws.New(call).Fetch(t.Context(), c.ref)
			if err != nil {
				t.Fatal(err)
			}
			if call.got != c.call {
				t.Errorf("called %s, want %s", call.got, c.call)
			}
			if diff := cmp.Diff(c.want, got, cmp.Comparer(secret.Value.Equal)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsSayWhetherAStaleValueMayStandIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call caller
		soft bool
	}{
		"denied":         {caller{err: api.AccessDeniedException.New("no")}, false},
		"throttled":      {caller{err: api.ThrottlingException.New("no")}, true},
		"a server fault": {caller{err: api.InternalFailure.New("no")}, true},
		"no answer":      {caller{err: &client.TransportError{Err: context.DeadlineExceeded}}, true},
		"no value":       {caller{answer: `{}`}, false},
		"not JSON":       {caller{answer: `{"SecretString":"hunter2`}, false},
	} {
		for _, kind := range []cache.Kind{cache.Secret, cache.Parameter} {
			_, err := aws.New(&c.call).Fetch(t.Context(), cache.Ref{Kind: kind, ID: "x"})
			_, soft := err.(*cache.Unavailable)
			if err == nil || soft != c.soft {
				t.Errorf("%s: %v, soft %t", name, err, soft)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: the error has the value in it", name)
			}
		}
	}
}

// actor is a caller that can be somebody else.
type actor struct {
	caller
	roles map[string]*caller
}

func (a *actor) As(role string) awsjson.Caller { return a.roles[role] }

func TestARefsRoleIsWhoCalls(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/reader"
	value := `{"ARN":"arn:x","Name":"db","VersionId":"v1","SecretString":"s"}`
	a := &actor{caller{answer: value}, map[string]*caller{role: {answer: value}}}
	for _, ref := range []cache.Ref{{ID: "mine"}, {ID: "theirs", Role: role}} {
		if _, err := aws.New(a).Fetch(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := a.got+"\n"+a.roles[role].got, `secretsmanager:GetSecretValue {"SecretId":"mine"}`+"\n"+
		`secretsmanager:GetSecretValue {"SecretId":"theirs"}`; got != want {
		t.Errorf("called\n%s\nwant\n%s", got, want)
	}
	alone := &caller{answer: value}
	if _, err := aws.New(alone).Fetch(t.Context(), cache.Ref{ID: "theirs", Role: role}); err == nil || alone.got != "" {
		t.Errorf("a caller that can't be another called %q: %v", alone.got, err)
	}
}
