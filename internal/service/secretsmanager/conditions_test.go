// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// conditional is a case of TestConditionKeys: a call that a user makes who is allowed
// everything of Secrets Manager under a condition.
type conditional struct {
	condition string
	call      func(*secretsmanager.Client) error
	allowed   bool
}

// TestConditionKeys holds the condition keys of Secrets Manager, in requests and of the
// secret, and the gate's where a call comes from.
func TestConditionKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newKey()
	if _, err := kms.NewFromConfig(w.Config(w.Root)).CreateAlias(w.ctx, &kms.CreateAliasInput{AliasName: new("alias/k"), TargetKeyId: &key}); err != nil {
		t.Fatal(err)
	}
	red := []types.Tag{{Key: new("Team"), Value: new("red")}}
	out, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("db"), SecretString: new(canary), Tags: red})
	if err != nil {
		t.Fatal(err)
	}
	old := *out.VersionId
	w.put("db", canary+"2")
	w.create("plain", canary)
	all := append(w.readConditions(old, *out.ARN), w.writeConditions(key, red)...)
	w.allowedUnder(all)
}

func (w *world) readConditions(old, arn string) []conditional {
	get := func(in secretsmanager.GetSecretValueInput) func(*secretsmanager.Client) error {
		return func(c *secretsmanager.Client) error {
			_, err := c.GetSecretValue(w.ctx, &in)
			return err
		}
	}
	current := get(secretsmanager.GetSecretValueInput{SecretId: new("db")})
	plain := get(secretsmanager.GetSecretValueInput{SecretId: new("plain")})
	absent := get(secretsmanager.GetSecretValueInput{SecretId: new("absent")})
	previous := get(secretsmanager.GetSecretValueInput{SecretId: new("db"), VersionStage: new("AWSPREVIOUS")})
	byID := get(secretsmanager.GetSecretValueInput{SecretId: &arn, VersionId: &old})
	describe := func(c *secretsmanager.Client) error {
		_, err := c.DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
		return err
	}
	list := func(c *secretsmanager.Client) error {
		_, err := c.ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{})
		return err
	}
	batch := func(c *secretsmanager.Client) error {
		out, err := c.BatchGetSecretValue(w.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"db"}})
		if err == nil && len(out.Errors) > 0 {
			err = fmt.Errorf("%s: %s", *out.Errors[0].ErrorCode, *out.Errors[0].Message)
		}
		return err
	}
	return []conditional{
		{`"ForAnyValue:StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, current, true},
		{`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, current, true},
		{`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, previous, false},
		{`"StringEquals":{"secretsmanager:VersionStage":"AWSPREVIOUS"}`, previous, true},
		{`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, byID, false},
		{`"StringEquals":{"secretsmanager:VersionId":"` + old + `"}`, byID, true},
		{`"StringEquals":{"secretsmanager:VersionId":"` + old + `"}`, current, false},
		{`"ArnLike":{"secretsmanager:SecretId":"arn:aws:secretsmanager:*:*:secret:db-*"}`, current, true},
		{`"ArnLike":{"secretsmanager:SecretId":"arn:aws:secretsmanager:*:*:secret:db-*"}`, describe, true},
		{`"ArnLike":{"secretsmanager:SecretId":"arn:aws:secretsmanager:*:*:secret:db-*"}`, plain, false},
		{`"StringEquals":{"secretsmanager:ResourceTag/Team":"red"}`, current, true},
		{`"StringEquals":{"aws:ResourceTag/team":"red"}`, describe, true},
		{`"StringEquals":{"aws:ResourceTag/Team":"blue"}`, describe, false},
		{`"StringEquals":{"aws:ResourceTag/Team":"red"}`, plain, false},
		{`"StringEquals":{"aws:ResourceTag/Team":"red"}`, absent, false},
		{`"Null":{"secretsmanager:resource/Type":"true"}`, current, true},
		{`"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`, current, true},
		{`"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`, current, false},
		{`"NotIpAddress":{"aws:SourceIp":"127.0.0.1"}`, list, false},
		{`"Bool":{"aws:SecureTransport":"true"}`, current, false}, // the test's listener has no TLS
		{`"StringEquals":{"aws:RequestedRegion":"eu-west-1","aws:ResourceAccount":"123456789012","aws:PrincipalType":"User"}`, current, true},
		{`"StringLike":{"aws:username":"user-*"},"Null":{"aws:TokenIssueTime":"true"}`, list, true},
		{`"DateLessThan":{"aws:CurrentTime":"2026-03-15T00:00:00Z"},"NumericGreaterThan":{"aws:EpochTime":"1700000000"}`, list, true},
		{`"DateGreaterThan":{"aws:CurrentTime":"2026-03-15T00:00:00Z"}`, list, false},
		{`"StringLike":{"aws:UserAgent":"aws-sdk-go-v2/*"}`, list, true},
		{`"Bool":{"aws:ViaAWSService":"false"}`, batch, true},
		{`"StringEqualsIfExists":{"secretsmanager:VersionStage":"AWSPREVIOUS"}`, batch, false},
		{`"StringEquals":{"secretsmanager:SecretPrimaryRegion":"eu-west-1"}`, current, true},
		{`"StringEquals":{"secretsmanager:SecretPrimaryRegion":"us-east-1"}`, current, false},
		{`"StringEquals":{"secretsmanager:SecretPrimaryRegion":"us-east-1"}`, w.readThere(), true},
	}
}

// readThere reads a replica of a primary in us-east-1.
func (w *world) readThere() func(*secretsmanager.Client) error {
	there := w.in(overThere)
	there.create("from-there", canary)
	there.replicate("from-there", to(servicetest.Region)...)
	return func(c *secretsmanager.Client) error {
		_, err := c.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("from-there")})
		return err
	}
}

// TestConditionKeysOfRotation holds those of RotateSecret.
func TestConditionKeysOfRotation(t *testing.T) {
	t.Parallel()
	w, _ := rotated(t)
	w.lambda.set(otherARN, func(context.Context, event) error { return nil })
	rotate := func(change func(*secretsmanager.RotateSecretInput)) func(*secretsmanager.Client) error {
		return func(c *secretsmanager.Client) error {
			in := &secretsmanager.RotateSecretInput{SecretId: new("db")}
			change(in)
			_, err := c.RotateSecret(w.ctx, in)
			if err == nil {
				w.Settle()
			}
			return err
		}
	}
	again := rotate(func(*secretsmanager.RotateSecretInput) {})
	first := rotate(func(in *secretsmanager.RotateSecretInput) { in.RotationLambdaARN = new(functionARN) })
	other := rotate(func(in *secretsmanager.RotateSecretInput) { in.RotationLambdaARN = new(otherARN) })
	rules := rotate(func(in *secretsmanager.RotateSecretInput) {
		in.RotationRules = &types.RotationRulesType{AutomaticallyAfterDays: new(int64(3))}
	})
	later := rotate(func(in *secretsmanager.RotateSecretInput) { in.RotateImmediately = new(false) })
	is := func(operator, key, value string) string {
		return fmt.Sprintf("%q:{%q:%q}", operator, "secretsmanager:"+key, value)
	}
	w.allowedUnder([]conditional{
		{is("StringEquals", "resource/AllowRotationLambdaArn", functionARN), first, false}, // it has none yet
		{is("ArnEquals", "RotationLambdaARN", functionARN), first, true},
		{is("ArnEquals", "RotationLambdaARN", functionARN), other, false},
		{is("ArnEquals", "RotationLambdaARN", functionARN), again, false},
		{is("ArnEquals", "resource/AllowRotationLambdaArn", functionARN), again, true},
		{is("ArnEquals", "resource/AllowRotationLambdaArn", otherARN), again, false},
		{is("Bool", "ModifyRotationRules", "false"), again, true},
		{is("Bool", "ModifyRotationRules", "false"), rules, false},
		{is("Bool", "ModifyRotationRules", "true"), rules, true},
		{is("Bool", "RotateImmediately", "true"), again, true},
		{is("Bool", "RotateImmediately", "true"), later, false},
		{is("Bool", "RotateImmediately", "false"), later, true},
		{is("Null", "ExternalSecretRotationRoleArn", "true"), again, true},
	})
}

// allowedUnder has a user of its own make each call.
func (w *world) allowedUnder(all []conditional) {
	w.t.Helper()
	for i, c := range all {
		user := w.as(fmt.Sprintf("user-%d", i), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*","Condition":{`+c.condition+`}}]}`,
			servicetest.Allow("*", "kms:*", "lambda:*"))
		err := c.call(user)
		if denied := strings.HasPrefix(fault(err), "AccessDeniedException"); denied == c.allowed || err != nil && !denied {
			w.t.Errorf("%d, under %s: %v", i, c.condition, err)
		}
	}
}

func (w *world) writeConditions(key string, red []types.Tag) []conditional {
	n := 0
	create := func(in secretsmanager.CreateSecretInput) func(*secretsmanager.Client) error {
		return func(c *secretsmanager.Client) error {
			_, err := c.CreateSecret(w.ctx, &in)
			return err
		}
	}
	update := func(in secretsmanager.UpdateSecretInput) func(*secretsmanager.Client) error {
		return func(c *secretsmanager.Client) error {
			in.SecretId = new("plain")
			_, err := c.UpdateSecret(w.ctx, &in)
			return err
		}
	}
	remove := func(in secretsmanager.DeleteSecretInput) func(*secretsmanager.Client) error {
		n++
		name := fmt.Sprintf("going-%d", n)
		w.create(name, canary)
		return func(c *secretsmanager.Client) error {
			in.SecretId = &name
			_, err := c.DeleteSecret(w.ctx, &in)
			return err
		}
	}
	tag := func(tags []types.Tag) func(*secretsmanager.Client) error {
		return func(c *secretsmanager.Client) error {
			_, err := c.TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: new("db"), Tags: tags})
			return err
		}
	}
	replicate := func(region string) func(*secretsmanager.Client) error {
		return func(c *secretsmanager.Client) error {
			_, err := c.ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: new("db"), AddReplicaRegions: to(region)})
			return err
		}
	}
	untag := func(c *secretsmanager.Client) error {
		_, err := c.UntagResource(w.ctx, &secretsmanager.UntagResourceInput{SecretId: new("plain"), TagKeys: []string{"Owner"}})
		return err
	}
	move := func(c *secretsmanager.Client) error {
		versions := w.describe("db").VersionIdsToStages
		for id := range versions {
			if _, err := c.UpdateSecretVersionStage(w.ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: new("db"), VersionStage: new("mine"), MoveToVersionId: &id}); err != nil {
				return err
			}
			break
		}
		return nil
	}
	byAlias := secretsmanager.CreateSecretInput{Name: new("app/by-alias"), Description: new("of the app"), KmsKeyId: new("alias/k"), SecretString: new(canary)}
	return []conditional{
		{`"StringLike":{"secretsmanager:Name":"app/*"}`, create(secretsmanager.CreateSecretInput{Name: new("app/one")}), true},
		{`"StringLike":{"secretsmanager:Name":"app/*"}`, create(secretsmanager.CreateSecretInput{Name: new("other")}), false},
		{`"StringEquals":{"secretsmanager:Description":"of the app","secretsmanager:KmsKeyId":"alias/k"},"ArnEquals":{"secretsmanager:KmsKeyArn":"` + key + `"}`, create(byAlias), true},
		{`"ArnEquals":{"secretsmanager:KmsKeyArn":"` + key + `"}`, create(secretsmanager.CreateSecretInput{Name: new("app/two")}), false},
		{`"Null":{"secretsmanager:Type":"true","secretsmanager:AddReplicaRegions":"true"},"Bool":{"secretsmanager:ForceOverwriteReplicaSecret":"false"}`, create(secretsmanager.CreateSecretInput{Name: new("app/three")}), true},
		{`"StringEquals":{"aws:RequestTag/Team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":"Team"}`, create(secretsmanager.CreateSecretInput{Name: new("app/four"), Tags: red}), true},
		{`"StringEquals":{"secretsmanager:ResourceTag/Team":"red"}`, create(secretsmanager.CreateSecretInput{Name: new("app/five"), Tags: red}), true},
		{`"StringEquals":{"aws:RequestTag/Team":"red"}`, create(secretsmanager.CreateSecretInput{Name: new("app/six")}), false},
		{`"StringEquals":{"secretsmanager:Description":"mine"}`, update(secretsmanager.UpdateSecretInput{Description: new("mine")}), true},
		{`"StringEquals":{"secretsmanager:Description":"mine"}`, update(secretsmanager.UpdateSecretInput{Description: new("theirs")}), false},
		{`"ArnEquals":{"secretsmanager:KmsKeyArn":"` + key + `"}`, update(secretsmanager.UpdateSecretInput{KmsKeyId: new("alias/k")}), true},
		{`"ArnEquals":{"secretsmanager:KmsKeyArn":"` + key + `"}`, update(secretsmanager.UpdateSecretInput{Description: new("x")}), false},
		{`"NumericGreaterThanEquals":{"secretsmanager:RecoveryWindowInDays":"14"}`, remove(secretsmanager.DeleteSecretInput{RecoveryWindowInDays: new(int64(14))}), true},
		{`"NumericGreaterThanEquals":{"secretsmanager:RecoveryWindowInDays":"14"}`, remove(secretsmanager.DeleteSecretInput{RecoveryWindowInDays: new(int64(7))}), false},
		{`"NumericEquals":{"secretsmanager:RecoveryWindowInDays":"30"}`, remove(secretsmanager.DeleteSecretInput{}), true},
		{`"NumericEquals":{"secretsmanager:RecoveryWindowInDays":"30"}`, remove(secretsmanager.DeleteSecretInput{ForceDeleteWithoutRecovery: new(true)}), false},
		{`"Bool":{"secretsmanager:ForceDeleteWithoutRecovery":"false"}`, remove(secretsmanager.DeleteSecretInput{ForceDeleteWithoutRecovery: new(true)}), false},
		{`"Bool":{"secretsmanager:ForceDeleteWithoutRecovery":"false"}`, remove(secretsmanager.DeleteSecretInput{}), true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["Team","Owner"]},"Null":{"aws:TagKeys":"false"}`, tag(red), true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["Owner"]}`, tag(red), false},
		{`"StringEquals":{"aws:RequestTag/team":"red","aws:ResourceTag/team":"red"}`, tag(red), true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["Owner"]}`, untag, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}`, untag, false},
		{`"StringEquals":{"secretsmanager:VersionStage":"mine"}`, move, true},
		{`"ForAllValues:StringLike":{"secretsmanager:AddReplicaRegions":"eu-*"},"Null":{"secretsmanager:AddReplicaRegions":"false"}`, replicate("eu-west-2"), true},
		{`"ForAllValues:StringLike":{"secretsmanager:AddReplicaRegions":"eu-*"}`, replicate("us-west-2"), false},
		{`"Bool":{"secretsmanager:ForceOverwriteReplicaSecret":"true"}`, replicate("eu-west-2"), false},
		{`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, move, false},
	}
}

// TestAttributesOfPrincipalAndSecret is the story of attribute-based access: one policy
// for all, by which users reach what has their name in its own.
func TestAttributesOfPrincipalAndSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("home/ada/db", canary)
	w.create("home/bob/db", canary)
	const own = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:home/${aws:username}/*"},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"127.0.0.1"},"Bool":{"aws:ViaAWSService":"false"}}}]}`
	for _, who := range []string{"ada", "bob"} {
		c := w.as(who, own)
		for _, whose := range []string{"ada", "bob"} {
			_, err := c.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("home/" + whose + "/db")})
			if (err == nil) != (who == whose) {
				t.Errorf("%s reads %s's: %v", who, whose, err)
			}
		}
	}
}

// TestConditionsOfAResourcePolicy holds the policy of a secret that lets a team of two
// accounts in by the secret's tag, and keeps everybody from all but the current version.
func TestConditionsOfAResourcePolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const consumer = "999999999999"
	arn := w.create("db", canary)
	w.put("db", canary)
	w.setPolicy("db", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*","Condition":{
			"StringEquals":{"aws:PrincipalAccount":["`+servicetest.Account+`","`+consumer+`"],"secretsmanager:ResourceTag/shared":"yes","aws:ResourceAccount":"`+servicetest.Account+`"},
			"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/team-*"}}},
		{"Effect":"Deny","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{
			"StringNotEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}}}]}`)
	near := w.as("team-near", servicetest.Allow("*", "kms:Decrypt"))
	stranger := w.as("other", servicetest.Allow("*", "kms:Decrypt"))
	far := secretsmanager.NewFromConfig(w.Config(w.UserIn(consumer, "team-far", servicetest.Allow("*", "secretsmanager:*"))))
	describe := func(c *secretsmanager.Client) string {
		_, err := c.DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
		code, _, _ := strings.Cut(fault(err), ":")
		return code
	}
	look := func(step string, want ...string) {
		t.Helper()
		for i, c := range []*secretsmanager.Client{near, stranger, far} {
			if got := describe(c); got != want[i] {
				t.Errorf("%s, %d: %s; want %s", step, i, got, want[i])
			}
		}
	}
	const refused, welcome = "AccessDeniedException", "no error"
	look("without the tag", refused, refused, refused)
	if _, err := w.TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: &arn, Tags: tags("shared", "yes")}); err != nil {
		t.Fatal(err)
	}
	look("with the tag", welcome, refused, welcome)
	for stage, want := range map[string]string{"AWSCURRENT": welcome, "AWSPREVIOUS": refused} {
		for name, c := range map[string]*secretsmanager.Client{"near": near, "root": w.Client} {
			_, err := c.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionStage: &stage})
			if code, _, _ := strings.Cut(fault(err), ":"); code != want {
				t.Errorf("%s reads %s: %v", name, stage, err)
			}
		}
	}
	if read(near, t, arn) != welcome {
		t.Error("the current version by default")
	}
	if _, err := w.UntagResource(w.ctx, &secretsmanager.UntagResourceInput{SecretId: &arn, TagKeys: []string{"shared"}}); err != nil {
		t.Fatal(err)
	}
	look("without the tag again", refused, refused, refused)
	for block, want := range map[string]bool{"true": true, "false": false} {
		c := w.as("putter-"+block, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"secretsmanager:BlockPublicPolicy":"true"}}}}`)
		_, err := c.PutResourcePolicy(w.ctx, &secretsmanager.PutResourcePolicyInput{SecretId: new("db"), ResourcePolicy: new(statement("Allow", user("other"), "secretsmanager:*")), BlockPublicPolicy: new(block == "true")})
		if (err == nil) != want {
			t.Errorf("with BlockPublicPolicy %s: %v", block, err)
		}
	}
}
