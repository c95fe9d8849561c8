// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// What the demo stores. These are made up, so it may show them.
const (
	secretName    = "prod/db"
	otherSecret   = "prod/payroll"
	parameterName = "/prod/api/key"
	firstValue    = "correct-horse"
	secondValue   = "battery-staple"
	apiKey        = "k-2f9a"
	roleName      = "orders-function"
)

func (d *demo) store(ctx context.Context) error {
	key, err := d.server.DevKey(ctx, "", secret.Value{})
	if err != nil {
		return err
	}
	if d.root, err = d.client(sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}); err != nil {
		return err
	}
	for name, value := range map[string]string{secretName: firstValue, otherSecret: "not-for-functions"} {
		if _, err := awsjson.Do(ctx, d.root, secretsmanager.CreateSecret, &secretsmanager.CreateSecretInput{
			Name: &name, ClientRequestToken: new(token()), SecretString: secret.NewText(value),
		}); err != nil {
			return err
		}
	}
	if _, err := awsjson.Do(ctx, d.root, ssm.PutParameter, &ssm.PutParameterInput{
		Name: new(parameterName), Type: new("SecureString"), Value: secret.NewText(apiKey),
	}); err != nil {
		return err
	}
	d.saw("secrets %s and %s, parameter %s (SecureString)", secretName, otherSecret, parameterName)
	return nil
}

func (d *demo) client(c sigv4.Credentials) (*client.Client, error) {
	return client.New(client.Config{
		Endpoint: "http://" + d.addr, Region: d.server.Config.Region, Credentials: client.Static(c), UserAgent: "coffer-demo",
	})
}

// token returns a ClientRequestToken: 32 to 64 characters.
func token() string { return rand.Text() + rand.Text() }

// rolePolicy lets the function read one secret and one parameter.
const rolePolicy = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "arn:aws:secretsmanager:*:*:secret:prod/db-??????"},
    {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:*:*:parameter/prod/api/key"}
  ]
}`

func (d *demo) makeRole(ctx context.Context) error {
	var key *identity.GrantedKey
	account := d.server.Config.Account
	act := &server.Act{Name: "CreateRole", By: "demo", Details: map[string]string{"roleName": roleName}}
	err := d.server.Do(ctx, act, func(tx kv.Tx) error {
		now := time.Now()
		role := identity.Principal{
			Account: account, Kind: identity.Role, Name: roleName, Policies: map[string]string{"read": rolePolicy},
		}
		if _, err := d.server.Directory.PutPrincipal(tx, role, now); err != nil {
			return err
		}
		var err error
		key, err = d.server.Directory.CreateKey(tx, identity.NewKey{
			Account: account, Kind: identity.Role, Name: roleName, Session: "demo", Duration: time.Hour,
		}, now)
		return err
	})
	if err != nil {
		return err
	}
	d.role = lambdahost.Credentials{
		AccessKeyID: key.ID, SecretAccessKey: secret.Text{Value: key.Secret}, SessionToken: secret.Text{Value: key.SessionToken},
	}
	d.saw("role %s may GetSecretValue %s and GetParameter %s; its session is %s", roleName, secretName, parameterName, key.ID)
	return nil
}

func (d *demo) invoke(ctx context.Context) error {
	got, err := d.call(ctx, event{Secret: secretName, Parameter: parameterName})
	if err != nil {
		return err
	}
	d.saw("%s = %q  (X-Cache: %s, version %.8s)", secretName, got.Value, got.Cache, got.Version)
	d.saw("%s = %q", parameterName, got.Parameter)
	d.first = got
	return want(got.Value == firstValue && got.Parameter == apiKey, "the function read other values than those stored")
}

func (d *demo) invokeCached(ctx context.Context) error {
	got, err := d.call(ctx, event{Secret: secretName})
	if err != nil {
		return err
	}
	d.saw("%s = %q  (X-Cache: %s, Age: %s s)", secretName, got.Value, got.Cache, got.Age)
	return want(got.Value == firstValue && got.Cache == "HIT", "the answer did not come from the cache")
}

// change puts a new value and invokes until the function has it, which may take as
// long as the extension takes a value for fresh.
func (d *demo) change(ctx context.Context) error {
	put, err := awsjson.Do(ctx, d.root, secretsmanager.PutSecretValue, &secretsmanager.PutSecretValueInput{
		SecretId: new(secretName), ClientRequestToken: new(token()), SecretString: secret.NewText(secondValue),
	})
	if err != nil {
		return err
	}
	start := time.Now()
	d.saw("version %.8s is AWSCURRENT; the extension takes a value for fresh for %s", *put.VersionId, TTL)
	tick := time.NewTicker(TTL / 10)
	defer tick.Stop()
	for invocations := 1; ; invocations++ {
		got, err := d.call(ctx, event{Secret: secretName})
		if err != nil {
			return err
		}
		if got.Value == secondValue {
			d.saw("%s = %q after %d ms and %d invocations  (X-Cache: %s, version %.8s)",
				secretName, got.Value, time.Since(start).Milliseconds(), invocations, got.Cache, got.Version)
			return want(got.Version == *put.VersionId, "the value and its version do not agree")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if time.Since(start) > 10*TTL {
			return fmt.Errorf("the function still reads the old value after %s", 10*TTL)
		}
	}
}

func (d *demo) refused(ctx context.Context) error {
	got, err := d.call(ctx, event{Secret: otherSecret})
	if err != nil {
		return err
	}
	d.saw("%s: %s", otherSecret, got.Error)
	return want(got.Value == "" && got.Error == "AccessDeniedException", "the function was not refused")
}

// event is what the function is invoked with, and fetched what it answers.
type event struct {
	Secret    string `json:"secret"`
	Parameter string `json:"parameter,omitempty"`
}

type fetched struct {
	Value, Version, Parameter string
	Cache, Age                string
	Error                     string
}

func (d *demo) call(ctx context.Context, e event) (got fetched, err error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return got, err
	}
	result, err := d.host.Invoke(ctx, payload)
	if err != nil {
		return got, err
	}
	if result.FunctionError != "" {
		return got, fmt.Errorf("the function failed: %s", result.Payload)
	}
	return got, json.Unmarshal(result.Payload, &got)
}

func want(held bool, fault string) error {
	if held {
		return nil
	}
	return errors.New(fault)
}
