// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// read is what GetSecretValue answers a principal.
func read(c *secretsmanager.Client, t *testing.T, id string) string {
	_, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
	code, _, _ := strings.Cut(fault(err), ":")
	return code
}

// Within an account a policy of the secret allows as one of the user does. It holds
// from the call on that attached it, for its secret alone, until it is taken away.
func TestAPolicyLetsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	w.create("other", canary)
	ada, bob := w.as("ada", servicetest.Allow("*", "kms:Decrypt")), w.as("bob", servicetest.Allow("*", "kms:Decrypt"))
	look := func(step, wantAda, wantBob string) {
		t.Helper()
		if got := read(ada, t, "db") + ", " + read(bob, t, "db"); got != wantAda+", "+wantBob {
			t.Errorf("%s: ada and bob get %s", step, got)
		}
		if got := read(ada, t, "other"); got != "AccessDeniedException" {
			t.Errorf("%s: of another secret ada gets %s", step, got)
		}
	}
	look("without", "AccessDeniedException", "AccessDeniedException")
	w.setPolicy("db", statement("Allow", user("ada"), "secretsmanager:GetSecretValue"))
	look("for ada", "no error", "AccessDeniedException")
	w.Restart()
	look("after a restart", "no error", "AccessDeniedException")
	w.setPolicy("db", statement("Allow", user("bob"), "secretsmanager:Get*"))
	look("for bob", "AccessDeniedException", "no error")
	w.dropPolicy("db")
	look("without again", "AccessDeniedException", "AccessDeniedException")
}

// A denial holds against everything that allows, and against the root.
func TestAPolicyKeepsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	ada := w.as("ada", servicetest.Allow("*", "*"))
	w.setPolicy("db", statement("Deny", `"*"`, "secretsmanager:GetSecretValue"))
	for name, c := range map[string]*secretsmanager.Client{"user/ada": ada, "root": w.Client} {
		_, err := c.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("db")})
		wantFault(t, err, "AccessDeniedException: User: arn:aws:iam::"+servicetest.Account+":"+name+
			" is not authorized to perform: secretsmanager:GetSecretValue on resource: db with an explicit deny in a resource-based policy")
	}
	if _, err := ada.DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn}); err != nil {
		t.Errorf("what is not denied: %v", err)
	}
	w.dropPolicy("db")
	if got := read(ada, t, "db"); got != "no error" {
		t.Errorf("without the policy: %s", got)
	}
}

// Another account gets at a secret, by its ARN, if the secret's policy names it and its
// own policies allow it too. The name means a secret of its own.
func TestAPolicySharesASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const consumer = "999999999999"
	arn := w.create("db", canary)
	partial := arn[:len(arn)-7]
	as := func(name string, policies ...string) *secretsmanager.Client {
		return secretsmanager.NewFromConfig(w.Config(w.UserIn(consumer, name, policies...)))
	}
	eve, bob := as("eve", servicetest.Allow("*", "*")), as("bob")
	look := func(c *secretsmanager.Client, id string) string {
		_, err := c.DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
		return fault(err)
	}
	const action = "secretsmanager:DescribeSecret"
	denied := func(id, kind string) string {
		return "AccessDeniedException: User: arn:aws:iam::" + consumer + ":user/eve is not authorized to perform: " + action +
			" on resource: " + id + " because no " + kind + " policy allows the " + action + " action"
	}
	missing := arnPrefix + "none-AbCdEf"
	for _, id := range []string{arn, partial, missing} { // as before the policy, so of what is not there
		if got := look(eve, id); got != denied(id, "resource-based") {
			t.Errorf("without a policy: %s", got)
		}
	}
	w.setPolicy("db", statement("Allow", `{"AWS":"`+consumer+`"}`, "secretsmanager:*"))
	for id, want := range map[string]string{
		arn: "no error", partial: "no error", "db": notFound, missing: denied(missing, "resource-based"),
		strings.Replace(arn, servicetest.Account, consumer, 1): notFound,
	} {
		if got := look(eve, id); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
	if got := look(bob, arn); got != strings.ReplaceAll(denied(arn, "identity-based"), "user/eve", "user/bob") {
		t.Errorf("without a policy of the user's own: %s", got)
	}
	const key = "InvalidRequestException: You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key."
	_, err := eve.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	wantFault(t, err, key)
	_, err = eve.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: &arn, SecretString: new("x")})
	wantFault(t, err, key)
	if _, err := eve.TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: &arn, Tags: tags("k", "v")}); err != nil {
		t.Error(err)
	}
	if got := w.describe("db"); len(got.Tags) != 1 || w.value("db") != canary {
		t.Errorf("the owner has %+v", got)
	}
	w.dropPolicy("db")
	if got := look(eve, arn); got != denied(arn, "resource-based") {
		t.Errorf("without the policy again: %s", got)
	}
}

// Who may validate may not put, unless it is allowed too.
func TestValidationNeedsTwoPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	for _, missing := range []string{"secretsmanager:PutResourcePolicy", "secretsmanager:ValidateResourcePolicy"} {
		c := w.as("no-"+missing[15:18], servicetest.Allow("*", "*"), servicetest.Deny("*", missing))
		for _, id := range []*string{nil, new("db"), new("none")} {
			_, err := c.ValidateResourcePolicy(w.ctx, &secretsmanager.ValidateResourcePolicyInput{SecretId: id, ResourcePolicy: new("{}")})
			if !strings.HasPrefix(fault(err), "AccessDeniedException") || !strings.Contains(fault(err), missing) {
				t.Errorf("without %s: %v", missing, err)
			}
		}
	}
}
