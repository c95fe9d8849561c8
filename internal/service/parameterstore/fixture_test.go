// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/limits"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/parameterstore"
	"github.com/coffer-secrets/coffer/internal/service/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	"github.com/coffer-secrets/coffer/internal/service/sts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a server with a client of the account's root.
type fixture struct {
	*servicetest.Server
	tb   testing.TB
	ssm  *awsssm.Client
	gate *gate.Gate // the current one

	published []events.Event
	looked    events.Cursor // up to where they are in published
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	return newLimited(tb, limits.Limits{})
}

// newLimited is newFixture with limits.
func newLimited(tb testing.TB, l limits.Limits) *fixture {
	tb.Helper()
	f := &fixture{tb: tb}
	f.Server = servicetest.NewLimited(tb, l, func(g *gate.Gate, d *identity.Directory) {
		sts.Bind(g, d)
		keys := kmsservice.Bind(g, d)
		secretsmanager.Bind(g, keys, d, nil)
		parameterstore.Bind(g, keys, d)
		f.gate = g
	})
	f.ssm = f.as(f.Root)
	return f
}

// as is a client of another principal.
func (f *fixture) as(c servicetest.Credentials) *awsssm.Client {
	return awsssm.NewFromConfig(f.Config(c))
}

// key makes a customer's KMS key with an alias.
func (f *fixture) key(alias string) (arn string) {
	f.tb.Helper()
	client := kms.NewFromConfig(f.Config(f.Root))
	key, err := client.CreateKey(f.tb.Context(), &kms.CreateKeyInput{})
	if err != nil {
		f.tb.Fatal(err)
	}
	if _, err := client.CreateAlias(f.tb.Context(), &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: key.KeyMetadata.KeyId}); err != nil {
		f.tb.Fatal(err)
	}
	return *key.KeyMetadata.Arn
}

// label puts labels on a version of a parameter.
func (f *fixture) label(name string, version int64, labels ...string) {
	f.tb.Helper()
	out, err := f.ssm.LabelParameterVersion(f.tb.Context(), &awsssm.LabelParameterVersionInput{Name: &name, ParameterVersion: &version, Labels: labels})
	if err != nil || len(out.InvalidLabels) > 0 || out.ParameterVersion != version {
		f.tb.Fatalf("labelling %s: %+v, %v", name, out, err)
	}
}

// value is what the store has under a key.
func (f *fixture) value(key string) (value []byte) {
	f.tb.Helper()
	if _, err := f.Store.View(f.tb.Context(), func(r kv.Reader) error {
		data, err := r.Get(key)
		value = bytes.Clone(data)
		return err
	}); err != nil {
		f.tb.Fatal(err)
	}
	return value
}

// put puts a parameter that must be taken.
func (f *fixture) put(in *awsssm.PutParameterInput) *awsssm.PutParameterOutput {
	f.tb.Helper()
	out, err := f.ssm.PutParameter(f.tb.Context(), in)
	if err != nil {
		f.tb.Fatalf("putting %s: %v", *in.Name, err)
	}
	return out
}

// set puts a String, whether it exists or not.
func (f *fixture) set(name, value string) *awsssm.PutParameterOutput {
	f.tb.Helper()
	return f.put(&awsssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
}

// get gets a parameter that must be there, decrypted.
func (f *fixture) get(name string) *types.Parameter {
	f.tb.Helper()
	out, err := f.ssm.GetParameter(f.tb.Context(), &awsssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		f.tb.Fatalf("getting %s: %v", name, err)
	}
	return out.Parameter
}

// code is the code of an error that a call answered, or what it is instead.
func code(err error) string {
	if err == nil {
		return "success"
	}
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return err.Error()
}
