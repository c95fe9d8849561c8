// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
)

// TestConditions holds the condition keys of Parameter Store, each by a user who is
// allowed everything under that condition and nothing else.
func TestConditions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	red := []types.Tag{{Key: new("Team"), Value: new("red")}}
	for _, in := range []awsssm.PutParameterInput{
		{Name: new("/app/db"), Value: new("v"), Type: types.ParameterTypeString, Tags: red},
		{Name: new("/app/sealed"), Value: new("v"), Type: types.ParameterTypeSecureString},
		{Name: new("/other"), Value: new("v"), Type: types.ParameterTypeString},
	} {
		if _, err := f.ssm.PutParameter(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	sm := secretsmanager.NewFromConfig(f.Config(f.Root))
	if _, err := sm.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("db"), SecretString: new("v")}); err != nil {
		t.Fatal(err)
	}
	get := func(name string) func(*awsssm.Client) error {
		return func(c *awsssm.Client) error {
			_, err := c.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: &name, WithDecryption: new(true)})
			return err
		}
	}
	put := func(in awsssm.PutParameterInput) func(*awsssm.Client) error {
		return func(c *awsssm.Client) error {
			in.Value = new("v")
			_, err := c.PutParameter(t.Context(), &in)
			return err
		}
	}
	path := func(recursive bool) func(*awsssm.Client) error {
		return func(c *awsssm.Client) error {
			_, err := c.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{Path: new("/app"), Recursive: &recursive})
			return err
		}
	}
	untag := func(c *awsssm.Client) error {
		_, err := c.RemoveTagsFromResource(t.Context(), &awsssm.RemoveTagsFromResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: new("/other"), TagKeys: []string{"Team"},
		})
		return err
	}
	for i, c := range []struct {
		actions   string
		condition string
		call      func(*awsssm.Client) error
		allowed   bool
	}{
		{"ssm", `"StringEquals":{"aws:ResourceTag/Team":"red"}`, get("/app/db"), true},
		{"ssm", `"StringEquals":{"ssm:resourceTag/team":"red"}`, get("/app/db"), true},
		{"ssm", `"StringEquals":{"aws:ResourceTag/Team":"red"}`, get("/other"), false},
		{"ssm", `"StringEquals":{"ssm:Overwrite":"false"}`, put(awsssm.PutParameterInput{Name: new("/new"), Type: types.ParameterTypeString}), true},
		{"ssm", `"StringEquals":{"ssm:Overwrite":"false"}`, put(awsssm.PutParameterInput{Name: new("/other"), Overwrite: new(true)}), false},
		{"ssm", `"StringEquals":{"ssm:Policies":"false"}`, put(awsssm.PutParameterInput{
			Name: new("/advanced"), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced,
			Policies: new(`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"1","Unit":"Days"}}]`),
		}), false},
		{"ssm", `"StringEquals":{"aws:RequestTag/Team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":"Team"}`, put(awsssm.PutParameterInput{Name: new("/tagged"), Type: types.ParameterTypeString, Tags: red}), true},
		{"ssm", `"StringEquals":{"aws:RequestTag/Team":"blue"}`, put(awsssm.PutParameterInput{Name: new("/not"), Type: types.ParameterTypeString, Tags: red}), false},
		{"ssm", `"Bool":{"ssm:Recursive":"false"}`, path(false), true},
		{"ssm", `"Bool":{"ssm:Recursive":"false"}`, path(true), false},
		{"ssm", `"ForAnyValue:StringEquals":{"aws:TagKeys":"Team"}`, untag, true},
		{"ssm", `"ForAllValues:StringEquals":{"aws:TagKeys":"Owner"}`, untag, false},
		{"ssm", `"IpAddress":{"aws:SourceIp":"127.0.0.1"}`, get("/app/sealed"), true}, // the key is AWS's
		// What Parameter Store asks Secrets Manager is a call of the user's by way of a service.
		{"*", `"Bool":{"aws:SecureTransport":"false"}`, get("/aws/reference/secretsmanager/db"), true},
		{"*", `"Bool":{"aws:ViaAWSService":"false"}`, get("/aws/reference/secretsmanager/db"), false},
		{"*", `"StringEqualsIfExists":{"aws:CalledViaFirst":"ssm.amazonaws.com"}`, get("/aws/reference/secretsmanager/db"), true},
		{"*", `"StringEqualsIfExists":{"aws:CalledViaFirst":"secretsmanager.amazonaws.com"}`, get("/aws/reference/secretsmanager/db"), false},
	} {
		c.actions += map[string]string{"ssm": ":*"}[c.actions]
		user := f.as(f.User(fmt.Sprintf("user-%d", i), `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"`+c.actions+`","Resource":"*","Condition":{`+c.condition+`}}}`))
		err := c.call(user)
		answer, _ := errors.AsType[smithy.APIError](err)
		if denied := err != nil && answer.ErrorCode() == "AccessDeniedException"; denied == c.allowed || err != nil && !denied {
			t.Errorf("%d, under %s: %v", i, c.condition, err)
		}
	}
}
