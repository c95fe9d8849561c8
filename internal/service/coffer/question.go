// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// question is an action on a resource, about which any number of principals are asked.
type question struct {
	action, resource string
	region, owner    string
	given            given
	operation        gate.Operation // the action's own, if found
	found            bool
	open             bool // to everybody
}

// given are condition keys by their names in lower case.
type given map[string][]string

// Values implements policy.Context.
func (g given) Values(key string) ([]string, bool) {
	values, ok := g[key]
	return values, ok
}

func newQuestion(call *gate.Call, action, resource string, keys []coffer.ContextKey) (*question, error) {
	service, name, ok := strings.Cut(action, ":")
	if !ok || service == "" || name == "" || strings.ContainsAny(action, "*?") {
		return nil, api.ValidationException.Newf("Action: %q is not the name of an action, such as secretsmanager:GetSecretValue.", action)
	}
	q := &question{action: action, resource: resource, region: call.Region, owner: ownerOf(call, resource), given: given{}}
	if a, err := arn.Parse(resource); err == nil && a.Region != "" {
		q.region = a.Region
	}
	for _, k := range keys {
		key := strings.ToLower(*k.Key)
		if _, twice := q.given[key]; twice {
			return nil, errContext
		}
		q.given[key] = k.Values
	}
	if q.operation, q.found = call.Find(action); q.found {
		q.action, q.open = q.operation.Service.Name+":"+q.operation.Name, q.operation.Open
	}
	return q, nil
}

// stands are the operations that find a service's resource for actions whose own operation
// can't be asked with the name of a resource alone.
var stands = map[string]string{
	"secretsmanager": "secretsmanager:DescribeSecret",
	"ssm":            "ssm:GetParameter",
	"kms":            "kms:DescribeKey",
	"iam":            "iam:GetContextKeysForPrincipalPolicy",
}

// ask returns the decisions that a principal's call would come to: by the action's own
// operation or, if that takes more than a name, on the resource that another one finds or,
// if none does, on what the resource is called.
func (q *question) ask(ctx context.Context, r kv.Reader, call *gate.Call, who *gate.Principal) ([]gate.Verdict, error) {
	i := gate.Inquiry{As: who, Region: q.region, Given: q.given, Operation: q.operation, Fill: func(in any) { q.fill(in, who.Account) }}
	if q.found && q.operation.Bound && !q.operation.Unsigned {
		verdicts, err := call.Explain(ctx, r, i)
		if len(verdicts) > 0 || err != nil && !answers(err) {
			return verdicts, err
		}
	}
	i.Action = q.action
	service, _, _ := strings.Cut(q.action, ":")
	if stand, ok := call.Find(stands[strings.ToLower(service)]); ok && q.resource != "*" {
		i.Operation = stand
		verdicts, err := call.Explain(ctx, r, i)
		if len(verdicts) > 0 || err != nil && !answers(err) {
			return verdicts, err
		}
	}
	i.Target = &gate.Target{ARN: q.resource}
	return call.Explain(ctx, r, i)
}

// answers reports whether an error is one that a caller would be told.
func answers(err error) bool {
	_, ok := errors.AsType[*api.Error](err)
	return ok
}

// fill sets the members of an operation's input that name the resource, and asks for the
// values of parameters in plain text, which is what takes permissions of KMS. Account is
// the one whose resources need no ARN.
func (q *question) fill(in any, account string) {
	short := q.resource[strings.LastIndexByte(q.resource, '/')+1:]
	name, whole := q.resource, arn.IsARN(q.resource)
	if a, err := arn.Parse(q.resource); err == nil && a.Account == account {
		name = nameIn(a)
	}
	members := map[string]any{
		"SecretId": q.resource, "KeyId": q.resource, "ResourceArn": q.resource, "ResourceId": name, "ResourceType": "Parameter",
		"Name": name, "Names": []string{name}, "Path": name, "WithDecryption": true,
		"RoleArn": q.resource, "RoleSessionName": anySession, "PolicySourceArn": q.resource, "PolicyArn": q.resource, "OpenIDConnectProviderArn": q.resource,
		"UserName": short, "RoleName": short, "GroupName": short,
	}
	if !whole {
		members["AliasName"] = q.resource
	}
	v := reflect.ValueOf(in).Elem()
	for member, value := range members {
		f := v.FieldByName(member)
		switch text := value.(type) {
		case string:
			if f.IsValid() && f.Type() == reflect.TypeFor[*string]() {
				f.Set(reflect.ValueOf(&text))
			}
		case []string:
			if f.IsValid() && f.Type() == reflect.TypeFor[[]string]() {
				f.Set(reflect.ValueOf(text))
			}
		case bool:
			if f.IsValid() && f.Type() == reflect.TypeFor[*bool]() {
				f.Set(reflect.ValueOf(&text))
			}
		}
	}
}

// secretSuffix is the length of what Secrets Manager adds to a name in an ARN.
const secretSuffix = len("-AbCdEf")

// nameIn is the name that an account itself calls a resource by.
func nameIn(a arn.ARN) string {
	switch a.Service {
	case "ssm":
		name := strings.TrimPrefix(a.Resource, "parameter/")
		if strings.Contains(name, "/") {
			name = "/" + name
		}
		return name
	case "secretsmanager":
		if name := strings.TrimPrefix(a.Resource, "secret:"); len(name) > secretSuffix {
			return name[:len(name)-secretSuffix]
		}
	}
	return a.String()
}
