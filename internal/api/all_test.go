// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// errorsOf are the declared errors of each service's operations.
var errorsOf = map[*api.Service]func(string) []api.ErrorCode{
	iam.Service:            iam.OperationErrors,
	kms.Service:            kms.OperationErrors,
	secretsmanager.Service: secretsmanager.OperationErrors,
	ssm.Service:            ssm.OperationErrors,
	sts.Service:            sts.OperationErrors,
}

// The models are read here once more, without the generator's help.
func TestEveryOperationOfTheModelsIsDeclared(t *testing.T) {
	t.Parallel()
	declared := map[string]operation{}
	for _, op := range operations() {
		declared[op.service.Name+":"+op.name] = op
	}
	count := 0
	for service := range errorsOf {
		data, err := os.ReadFile("../../aws/" + service.Name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var model struct {
			Operations map[string]struct {
				Input, Output string
				Errors        []string
			}
			Shapes map[string]struct {
				Members  map[string]any
				Required []string
			}
		}
		if err := json.Unmarshal(data, &model); err != nil {
			t.Fatal(err)
		}
		for name, want := range model.Operations {
			count++
			op, ok := declared[service.Name+":"+name]
			if !ok {
				t.Errorf("%s:%s is not declared", service.Name, name)
				continue
			}
			if !slices.Contains(service.Operations, name) {
				t.Errorf("%s does not list %s", service.Title, name)
			}
			if got := len(errorsOf[service](name)); got != len(want.Errors) {
				t.Errorf("%s has %d errors, want %d", name, got, len(want.Errors))
			}
			checkMembers(t, op.in, model.Shapes[want.Input].Members)
			checkMembers(t, op.out, model.Shapes[want.Output].Members)
			if wrong := api.Validate(op.in); (wrong != nil) != (len(model.Shapes[want.Input].Required) > 0) {
				t.Errorf("%s: an empty request is answered %v", name, wrong)
			}
		}
	}
	if count != len(declared) {
		t.Errorf("%d operations are declared, the models have %d", len(declared), count)
	}
}

func checkMembers(t *testing.T, message any, want map[string]any) {
	t.Helper()
	typ := reflect.TypeOf(message).Elem()
	if typ.NumField() != len(want) {
		t.Errorf("%s has %d members, want %d", typ, typ.NumField(), len(want))
	}
	for name := range want {
		if api.ShapeOf(typ).Lookup([]byte(name)) == nil {
			t.Errorf("%s lacks %s", typ, name)
		}
	}
}

func TestOperationsAreSorted(t *testing.T) {
	t.Parallel()
	for service := range errorsOf {
		if !slices.IsSorted(service.Operations) {
			t.Errorf("the operations of %s are not in order: look-ups are binary", service.Title)
		}
	}
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	op := secretsmanager.GetSecretValue
	if op.Target() != "secretsmanager.GetSecretValue" || op.Action() != "secretsmanager:GetSecretValue" {
		t.Errorf("target %s, action %s", op.Target(), op.Action())
	}
	if kms.Encrypt.Target() != "TrentService.Encrypt" || ssm.GetParameter.Target() != "AmazonSSM.GetParameter" {
		t.Error("a target has the wrong prefix")
	}
	if sts.Service.Protocol != api.Query || sts.Service.Namespace != "https://sts.amazonaws.com/doc/2011-06-15/" {
		t.Error("STS is not the Query service that it should be")
	}
	if kms.Service.EventSource() != "kms.amazonaws.com" {
		t.Error("the event source of KMS is wrong")
	}
	if e := secretsmanager.InternalServiceError; e.Status != 500 || e.Member != "Message" {
		t.Errorf("InternalServiceError is %+v", e)
	}
	if e := sts.MalformedPolicyDocumentException; e.Code != "MalformedPolicyDocument" || e.Member != "message" {
		t.Errorf("MalformedPolicyDocumentException is %+v", e)
	}
}

// fill sets every member, sensitive ones to text, others to something else.
func fill(v reflect.Value, text string) {
	switch {
	case v.Type() == reflect.TypeFor[secret.Text]():
		v.Set(reflect.ValueOf(secret.NewText(text)))
	case v.Type() == reflect.TypeFor[secret.Blob]():
		v.Set(reflect.ValueOf(secret.NewBlob([]byte(text))))
	case v.Type() == reflect.TypeFor[api.Time]():
		v.Set(reflect.ValueOf(api.NewTime(instant)))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), text)
		fill(v.Index(1), text)
	case v.Kind() == reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem, text)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), elem)
	case v.Kind() == reflect.String:
		v.SetString("plain")
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	}
}
