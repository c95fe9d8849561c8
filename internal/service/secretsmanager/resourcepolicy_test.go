// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// statement is a policy of one statement about everything.
func statement(effect, principal, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":%q,"Principal":%s,"Action":%q,"Resource":"*"}}`, effect, principal, action)
}

// user is how a policy names a user of the tests' account.
func user(name string) string {
	return `{"AWS":"arn:aws:iam::` + servicetest.Account + `:user/` + name + `"}`
}

// setPolicy attaches a policy that must be taken.
func (w *world) setPolicy(id, document string) {
	w.t.Helper()
	if err := w.tryPolicy(id, document, false); err != nil {
		w.t.Fatalf("attaching %s: %v", document, err)
	}
}

func (w *world) tryPolicy(id, document string, block bool) error {
	_, err := w.PutResourcePolicy(w.ctx, &secretsmanager.PutResourcePolicyInput{SecretId: &id, ResourcePolicy: &document, BlockPublicPolicy: &block})
	return err
}

// policy returns a secret's policy, or nothing.
func (w *world) policy(id string) string {
	w.t.Helper()
	out, err := w.GetResourcePolicy(w.ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &id})
	if err != nil {
		w.t.Fatalf("getting the policy of %s: %v", id, err)
	}
	if out.ResourcePolicy == nil {
		return ""
	}
	return *out.ResourcePolicy
}

func (w *world) dropPolicy(id string) {
	w.t.Helper()
	if _, err := w.DeleteResourcePolicy(w.ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: &id}); err != nil {
		w.t.Fatalf("deleting the policy of %s: %v", id, err)
	}
}

func TestAPolicyComesBackAsItWasPut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	if got := w.Post(w.Root, "secretsmanager.GetResourcePolicy", `{"SecretId":"db"}`); got.Body != `{"ARN":"`+arn+`","Name":"db"}` {
		t.Errorf("no policy: %s", got.Body)
	}
	created := w.describe("db").LastChangedDate
	w.Clock.Advance(time.Hour)
	first := "{\n\t\"Version\" : \"2012-10-17\", \"Id\":\"\u00fc\",\n" + strings.TrimPrefix(statement("Allow", `"*"`, "secretsmanager:GetSecretValue"), `{"Version":"2012-10-17",`)
	second := statement("Deny", `{"AWS":"`+servicetest.Account+`","Service":["lambda.amazonaws.com","a.b.amazonaws.com.cn"]}`, "secretsmanager:PutSecretValue")
	for _, document := range []string{first, second} {
		w.setPolicy("db", document)
		for _, id := range []string{"db", arn, strings.TrimSuffix(arn, arn[len(arn)-7:])} {
			if diff := cmp.Diff(document, w.policy(id)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
		}
	}
	if !w.describe("db").LastChangedDate.After(*created) {
		t.Error("a policy is no change of the secret")
	}
	w.Restart()
	if diff := cmp.Diff(second, w.policy("db")); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	w.dropPolicy(arn)
	w.dropPolicy("db") // there is none any more, which is no error
	if got := w.policy("db") + strings.Join(w.Keys("sm/policy/"), ""); got != "" {
		t.Errorf("left: %s", got)
	}
	if w.value("db") != canary {
		t.Error("the policy took the value with it")
	}
}

// What becomes of a secret becomes of its policy, and one of the same name that is made
// afterwards begins without.
func TestAPolicyEndsWithItsSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document := statement("Allow", user("nobody"), "secretsmanager:*")
	w.User("nobody")
	for name, end := range map[string]func(id *string) error{
		"forced": func(id *string) error {
			_, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: id, ForceDeleteWithoutRecovery: new(true)})
			return err
		},
		"at the end of the window": func(id *string) error {
			_, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: id, RecoveryWindowInDays: new(int64(7))})
			w.Clock.Advance(7 * 24 * time.Hour)
			return err
		},
	} {
		w.create("db", canary)
		w.setPolicy("db", document)
		if err := end(new("db")); err != nil {
			t.Fatal(err)
		}
		w.create("db", canary) // also before the job has been done
		if got := w.policy("db"); got != "" {
			t.Errorf("%s: the new secret has the policy %s", name, got)
		}
		w.Settle()
		if keys := w.Keys("sm/policy/"); len(keys) > 0 {
			t.Errorf("%s: left are %v", name, keys)
		}
		if err := end(new("db")); err != nil {
			t.Fatal(err)
		}
		w.Settle()
	}
}

func TestARestoredSecretHasItsPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	document := statement("Allow", `"*"`, "secretsmanager:GetSecretValue")
	w.setPolicy("db", document)
	if _, err := w.DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: new("db")}); err != nil {
		t.Fatal(err)
	}
	for operation, call := range map[string]func() error{
		"put": func() error { return w.tryPolicy("db", document, false) },
		"get": func() error {
			_, err := w.GetResourcePolicy(w.ctx, &secretsmanager.GetResourcePolicyInput{SecretId: new("db")})
			return err
		},
		"delete": func() error {
			_, err := w.DeleteResourcePolicy(w.ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: new("db")})
			return err
		},
		"validate": func() error { _, err := w.validate("db", document); return err },
	} {
		if got := fault(call()); got != markedFor {
			t.Errorf("%s: %s", operation, got)
		}
	}
	if _, err := w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: new("db")}); err != nil {
		t.Fatal(err)
	}
	if got := w.policy("db"); got != document {
		t.Errorf("after its restoration: %s", got)
	}
}

// Policies that can't be attached, each with AWS's answer, which ValidateResourcePolicy
// gives as well.
var badPolicies = map[string]struct{ document, want string }{
	"not JSON":                    {`{`, syntaxFault},
	"an effect that is none":      {statement("AllowSomething", `"*"`, "secretsmanager:*"), syntaxFault},
	"a version that is none":      {`{"Version":"2019-10-19","Statement":[]}`, syntaxFault},
	"no action":                   {`{"Statement":{"Effect":"Allow","Principal":"*","Resource":"*"}}`, syntaxFault},
	"no resource":                 {`{"Statement":{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*"}}`, syntaxFault},
	"an operator that is none":    {`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"Equals":{"a:b":"c"}}}}`, syntaxFault},
	"a user who is not there":     {statement("Allow", user("invaliduser"), "secretsmanager:GetSecretValue"), principalFault},
	"one of two who is not there": {statement("Allow", `{"AWS":["`+servicetest.Account+`","arn:aws:iam::999999999999:role/none"]}`, "secretsmanager:*"), principalFault},
	"a session of no role":        {statement("Deny", `{"AWS":"arn:aws:sts::`+servicetest.Account+`:assumed-role/none/session"}`, "secretsmanager:*"), principalFault},
	"a wildcard within a name":    {statement("Allow", user("*"), "secretsmanager:*"), principalFault},
	"a principal that is no ARN":  {statement("Allow", `{"AWS":"ABCDEFGHIJKLMNOPQRSTU"}`, "secretsmanager:*"), principalFault},
	"an exception that is not there": {
		strings.Replace(statement("Deny", user("none"), "secretsmanager:*"), "Principal", "NotPrincipal", 1), principalFault,
	},
	"a service that is none of AWS's": {
		statement("Allow", `{"AWS":"`+servicetest.Account+`","Service":["invalidservice.example.com"]}`, "secretsmanager:*"),
		"MalformedPolicyDocumentException: This resource policy contains an unsupported service principal.",
	},
}

const (
	syntaxFault    = "MalformedPolicyDocumentException: This resource policy contains a syntax error."
	principalFault = "MalformedPolicyDocumentException: This resource policy contains an unsupported principal."
)

func TestPoliciesThatCanNotBeAttached(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	before := w.Keys("sm/")
	for name, bad := range badPolicies {
		if got := fault(w.tryPolicy("db", bad.document, false)); got != bad.want {
			t.Errorf("%s: putting it answers %s", name, got)
		}
		if _, err := w.validate("db", bad.document); fault(err) != bad.want {
			t.Errorf("%s: validating it answers %v", name, err)
		}
	}
	if diff := cmp.Diff(before, w.Keys("sm/")); diff != "" || w.policy("db") != "" {
		t.Errorf("a refused policy left something:\n%s", diff)
	}
	const limit = 20480 // characters
	if err := w.tryPolicy("db", padded(limit), false); err != nil {
		t.Errorf("a policy of %d characters: %v", limit, err)
	}
	if err := w.tryPolicy("db", padded(limit+1), false); !strings.HasPrefix(fault(err), "ValidationException: 1 validation error detected") ||
		!strings.HasSuffix(fault(err), "Member must have length less than or equal to 20480") {
		t.Errorf("a policy of %d characters: %v", limit+1, err)
	}
	if got := fault(w.tryPolicy("none", padded(limit), false)); got != notFound {
		t.Errorf("no secret: %s", got)
	}
}

// padded is a policy of so many characters.
func padded(length int) string {
	document := statement("Allow", `"*"`, "secretsmanager:*")
	return document + strings.Repeat(" ", length-len(document))
}

// A principal may be named from when it is made.
func TestPrincipalsHaveToBeThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	document := statement("Allow", user("late"), "secretsmanager:*")
	wantFault(t, w.tryPolicy("db", document, false), principalFault)
	w.User("late")
	w.setPolicy("db", document)
}

func TestPublicPoliciesAreBlockedOnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	w.User("ada")
	public := statement("Allow", `{"AWS":"*"}`, "secretsmanager:GetSecretValue")
	wantFault(t, w.tryPolicy("db", public, true), "PublicPolicyException: You can't attach a resource-based policy that allows broad access to the secret.")
	if got := w.policy("db"); got != "" {
		t.Errorf("it was attached: %s", got)
	}
	for _, document := range []string{
		statement("Allow", user("ada"), "secretsmanager:GetSecretValue"),
		statement("Deny", `"*"`, "secretsmanager:DeleteSecret"),
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"` + servicetest.Account + `"}}}}`,
	} {
		if err := w.tryPolicy("db", document, true); err != nil {
			t.Errorf("%s: %v", document, err)
		}
	}
	w.setPolicy("db", public)
}

// validate returns the names of the checks that a policy does not pass.
func (w *world) validate(id, document string) (failed []string, err error) {
	in := &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: &document}
	if id != "" {
		in.SecretId = &id
	}
	out, err := w.ValidateResourcePolicy(w.ctx, in)
	if err != nil {
		return nil, err
	}
	for _, e := range out.ValidationErrors {
		failed = append(failed, *e.CheckName)
	}
	if out.PolicyValidationPassed != (len(failed) == 0) {
		w.t.Errorf("passed %t with %v", out.PolicyValidationPassed, failed)
	}
	return failed, nil
}

func TestValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	w.User("ada")
	about := func(resource string) string {
		return strings.Replace(statement("Allow", user("ada"), "secretsmanager:GetSecretValue"), `"Resource":"*"`, `"Resource":"`+resource+`"`, 1)
	}
	for name, test := range map[string]struct {
		id, document string
		want         []string
	}{
		"good":                              {"db", statement("Allow", user("ada"), "secretsmanager:Get*"), nil},
		"good for any secret":               {"", statement("Allow", user("ada"), "*"), nil},
		"public":                            {"db", statement("Allow", `"*"`, "secretsmanager:*"), []string{"BlockPublicPolicyCheck"}},
		"nobody could change it":            {"db", statement("Deny", `"*"`, "secretsmanager:*"), []string{"LockOutCheck"}},
		"nobody could change any":           {"", statement("Deny", `"*"`, "secretsmanager:*ResourcePolicy"), []string{"LockOutCheck"}},
		"others could not change it":        {"db", statement("Deny", user("ada"), "secretsmanager:*"), nil},
		"of another service":                {"db", statement("Allow", user("ada"), "kms:Decrypt"), []string{"ActionCheck"}},
		"about this secret":                 {"db", about(arn), nil},
		"about secrets, this one among":     {"db", about(arnPrefix + "d*"), nil},
		"about another secret":              {"db", about(arnPrefix + "other-AbCdEf"), []string{"ResourceCheck"}},
		"about another, where none is told": {"", about(arnPrefix + "other-AbCdEf"), nil},
		"all faults at once": {
			"db",
			`{"Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::b"},` +
				`{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}]}`,
			[]string{"BlockPublicPolicyCheck", "LockOutCheck", "ActionCheck", "ResourceCheck"},
		},
	} {
		got, err := w.validate(test.id, test.document)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if got := w.policy("db"); got != "" {
		t.Errorf("validation attached %s", got)
	}
	out, err := w.ValidateResourcePolicy(w.ctx, &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: new(statement("Deny", `"*"`, "*"))})
	if err != nil {
		t.Fatal(err)
	}
	want := []types.ValidationErrorsEntry{{
		CheckName: new("LockOutCheck"), ErrorMessage: new("Your requested changes will not allow you to manage this secret in the future."),
	}}
	if diff := cmp.Diff(want, out.ValidationErrors, cmp.AllowUnexported(types.ValidationErrorsEntry{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := w.validate("none", padded(200)); fault(err) != notFound {
		t.Errorf("no secret: %v", err)
	}
	if got := w.Post(w.Root, "secretsmanager.ValidateResourcePolicy", `{"ResourcePolicy":"{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s:x\",\"Resource\":\"*\"}}"}`); !strings.HasPrefix(got.Body, `{"PolicyValidationPassed":false,"ValidationErrors":[`) {
		t.Errorf("on the wire: %s", got.Body)
	}
}
