// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	smservice "github.com/coffer-secrets/coffer/internal/service/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// everything is one call of each operation on "db".
func everything(c *secretsmanager.Client, t *testing.T) map[string]func() error {
	ctx, id := t.Context(), new("db")
	return map[string]func() error{
		"CreateSecret": func() error {
			_, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new("new"), SecretString: new(canary)})
			return err
		},
		"GetSecretValue": func() error {
			_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: id})
			return err
		},
		"BatchGetSecretValue": func() error {
			_, err := c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{*id}})
			return err
		},
		"PutSecretValue": func() error {
			_, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: id, SecretString: new(canary)})
			return err
		},
		"UpdateSecret": func() error {
			_, err := c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: id, Description: new("x")})
			return err
		},
		"DescribeSecret": func() error {
			_, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: id})
			return err
		},
		"ListSecrets": func() error { _, err := c.ListSecrets(ctx, nil); return err },
		"ListSecretVersionIds": func() error {
			_, err := c.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: id})
			return err
		},
		"UpdateSecretVersionStage": func() error {
			_, err := c.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: id, VersionStage: new("A"), MoveToVersionId: new(token(1))})
			return err
		},
		"DeleteSecret": func() error {
			_, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: id, ForceDeleteWithoutRecovery: new(true)})
			return err
		},
		"RestoreSecret": func() error {
			_, err := c.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: id})
			return err
		},
		"ReplicateSecretToRegions": func() error {
			_, err := c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: id, AddReplicaRegions: to(overThere)})
			return err
		},
		"RemoveRegionsFromReplication": func() error {
			_, err := c.RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: id, RemoveReplicaRegions: []string{overThere}})
			return err
		},
		"StopReplicationToReplica": func() error {
			_, err := c.StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: id})
			return err
		},
		"TagResource": func() error {
			_, err := c.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: id, Tags: tags("a", "b")})
			return err
		},
		"UntagResource": func() error {
			_, err := c.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: id, TagKeys: []string{"a"}})
			return err
		},
		"PutResourcePolicy": func() error {
			_, err := c.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: new(padded(200))})
			return err
		},
		"GetResourcePolicy": func() error {
			_, err := c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: id})
			return err
		},
		"DeleteResourcePolicy": func() error {
			_, err := c.DeleteResourcePolicy(ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: id})
			return err
		},
		"ValidateResourcePolicy": func() error {
			_, err := c.ValidateResourcePolicy(ctx, &secretsmanager.ValidateResourcePolicyInput{SecretId: id, ResourcePolicy: new(padded(200))})
			return err
		},
		"GetRandomPassword": func() error { _, err := c.GetRandomPassword(ctx, nil); return err },
	}
}

// Whoever lacks just the one permission is refused, and changes nothing, whether the
// secret is there or not.
func TestEachOperationNeedsItsAction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("db", canary)
	before, described := w.Keys(""), w.describe("db")
	for operation := range everything(w.Client, t) {
		c := w.as("no-"+operation, servicetest.Allow("*", "secretsmanager:*"), servicetest.Deny("*", "secretsmanager:"+operation))
		err := everything(c, t)[operation]()
		want := "AccessDeniedException: User: arn:aws:iam::" + servicetest.Account + ":user/no-" + operation + " is not authorized to perform: secretsmanager:" + operation
		if !strings.HasPrefix(fault(err), want) {
			t.Errorf("%s: %s", operation, fault(err))
		}
	}
	if now := w.describe("db"); !now.LastChangedDate.Equal(*described.LastChangedDate) || *now.ARN != arn || len(now.Tags) != 0 {
		t.Error("refused calls changed the secret")
	}
	ours := func(keys []string) (out []string) {
		for _, k := range keys {
			if strings.HasPrefix(k, "sm/") || strings.HasPrefix(k, "jobs/") {
				out = append(out, k)
			}
		}
		return out
	}
	if diff := cmp.Diff(ours(before), ours(w.Keys(""))); diff != "" {
		t.Errorf("refused calls left something:\n%s", diff)
	}
	nobody := w.as("nobody")
	for _, id := range []string{"db", "absent", arn, arnPrefix + "absent-AbCdEf", strings.Replace(arn, servicetest.Account, "999999999999", 1)} {
		_, err := nobody.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		want := "AccessDeniedException: User: arn:aws:iam::" + servicetest.Account + ":user/nobody is not authorized to perform: secretsmanager:GetSecretValue on resource: " + id + " because no identity-based policy allows the secretsmanager:GetSecretValue action"
		wantFault(t, err, want)
	}
}

func TestPoliciesNameSecretsByARN(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create("app/db", canary)
	w.create("app/db2", canary)
	for name, test := range map[string]struct {
		resource     string
		sees, misses bool // app/db, and the absent app/x
	}{
		"the ARN":                 {arn, true, false},
		"any suffix":              {arnPrefix + "app/db-??????", true, false},
		"the beginning of a name": {arnPrefix + "app/*", true, true},
		"the absent one":          {arnPrefix + "app/x-??????", false, true},
		"a name alone":            {arnPrefix + "app/db", false, false},
	} {
		c := w.as(strings.ReplaceAll(name, " ", "-"), servicetest.Allow(test.resource, "secretsmanager:GetSecretValue"))
		get := func(id string) string {
			_, err := c.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
			code, _, _ := strings.Cut(fault(err), ":")
			return code
		}
		want := map[bool][2]string{true: {"no error", "ResourceNotFoundException"}, false: {"AccessDeniedException", "AccessDeniedException"}}
		if got := get("app/db"); got != want[test.sees][0] {
			t.Errorf("%s: app/db answers %s", name, got)
		}
		if got := get("app/x"); got != want[test.misses][1] {
			t.Errorf("%s: app/x answers %s", name, got)
		}
	}
}

func TestTagsOnCreationNeedTheirPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as("ada", servicetest.Allow("*", "secretsmanager:CreateSecret"))
	_, err := c.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("a"), Tags: tags("k", "v")})
	if !strings.Contains(fault(err), "is not authorized to perform: secretsmanager:TagResource on resource: a") {
		t.Error(fault(err))
	}
	if _, err := c.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("a")}); err != nil {
		t.Error(err)
	}
}

func TestAccountsAndRegionsAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	other := secretsmanager.NewFromConfig(w.Config(w.UserIn("999999999999", "eve", servicetest.Allow("*", "*"))))
	elsewhere := secretsmanager.NewFromConfig(w.ConfigIn("us-east-1", w.Root))
	for name, c := range map[string]*secretsmanager.Client{"another account": other, "another region": elsewhere} {
		_, err := c.GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: new("db")})
		wantFault(t, err, notFound)
		list, err := c.ListSecrets(w.ctx, nil)
		if err != nil || len(list.SecretList) != 0 {
			t.Errorf("%s lists %v, %v", name, list, err)
		}
		if _, err := c.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("db"), SecretString: new("other")}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.value("db") != canary {
		t.Error("another's secret of the same name took this one's place")
	}
}

func TestRowsAreThoseOfTheServiceAuthorizationReference(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	servicetest.New(t, func(g *gate.Gate, d *identity.Directory) {
		smservice.Bind(g, kmsservice.Bind(g, d), d, nil)
		for _, op := range g.Operations() {
			if op.Bound && op.Service.Name == "secretsmanager" {
				got[strings.Join(op.Actions, " ")] = op.Access.String()
			}
		}
	})
	want := map[string]string{
		"secretsmanager:CreateSecret": "Write", "secretsmanager:GetSecretValue": "Read", "secretsmanager:PutSecretValue": "Write",
		"secretsmanager:UpdateSecret": "Write", "secretsmanager:DescribeSecret": "Read", "secretsmanager:ListSecrets": "List",
		"secretsmanager:ListSecretVersionIds": "Read", "secretsmanager:UpdateSecretVersionStage": "Write", "secretsmanager:DeleteSecret": "Write",
		"secretsmanager:RestoreSecret": "Write", "secretsmanager:TagResource": "Tagging", "secretsmanager:UntagResource": "Tagging",
		"secretsmanager:GetRandomPassword": "Read", "secretsmanager:BatchGetSecretValue": "List", "secretsmanager:GetResourcePolicy": "Read",
		"secretsmanager:PutResourcePolicy": "Permissions management", "secretsmanager:DeleteResourcePolicy": "Permissions management",
		"secretsmanager:ValidateResourcePolicy secretsmanager:PutResourcePolicy": "Permissions management",
		"secretsmanager:ReplicateSecretToRegions":                                "Write", "secretsmanager:RemoveRegionsFromReplication": "Write", "secretsmanager:StopReplicationToReplica": "Write",
		"secretsmanager:RotateSecret": "Write", "secretsmanager:CancelRotateSecret": "Write",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever the operation, and whether it succeeds: no value is in the log or in the
// database.
func TestNoValueIsKeptInTheClear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.populate()
	for _, f := range failures {
		_ = f.call(w)
	}
	if _, err := w.PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{SecretId: new("db"), SecretBinary: []byte(canary)}); err != nil {
		t.Fatal(err)
	}
	all := everything(w.Client, t)
	remove := all["DeleteSecret"]
	delete(all, "DeleteSecret")
	delete(all, "StopReplicationToReplica") // needs a replica
	for name, call := range all {
		if err := call(); err != nil && name != "UpdateSecretVersionStage" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.replicate("db", to(overThere)...)
	if err := w.in(overThere).tryPromote("db"); err != nil {
		t.Error(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	records := map[string]audit.Record{}
	for _, r := range w.Records() {
		if r.ErrorCode == "" {
			records[r.EventName] = r
		}
	}
	for operation := range everything(w.Client, t) {
		if r, ok := records[operation]; !ok || r.EventSource != "secretsmanager.amazonaws.com" {
			t.Errorf("%s has no record", operation)
		}
	}
	if r := records["GenerateDataKey"]; r.UserIdentity.InvokedBy != "secretsmanager.amazonaws.com" || !bytes.Contains(r.RequestParameters, []byte(`"SecretVersionId"`)) {
		t.Errorf("the record of the call to KMS is %s", r.Line)
	}
	if r := records["GetSecretValue"]; len(r.Resources) != 1 || !strings.HasPrefix(r.Resources[0].ARN, arnPrefix+"db-") {
		t.Errorf("the record of a read names %v", r.Resources)
	}
	w.grep(canary, base64.StdEncoding.EncodeToString([]byte(canary)))
}

// grep looks for texts in all that the server has on the disk.
func (w *world) grep(texts ...string) {
	w.t.Helper()
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(w.Dir, e.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				w.t.Errorf("%s has %q", e.Name(), text)
			}
		}
	}
}
