// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// The answers as they are on the wire: which members are there, and their form.
func TestAnswersAreAWSs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	suffix := regexp.MustCompile(`:secret:([A-Za-z/]+)-[A-Za-z0-9]{6}"`)
	at := fmt.Sprintf("%.3f", float64(servicetest.Start.UnixMilli())/1000)
	for _, step := range []struct{ operation, body, want string }{
		{
			"CreateSecret", `{"Name":"app/db","ClientRequestToken":"` + token(1) + `","SecretString":"one","Description":"d","Tags":[{"Key":"k","Value":"v"}],"Type":"partner"}`,
			`{"ARN":"ARN(app/db)","Name":"app/db","VersionId":"` + token(1) + `"}`,
		},
		{"CreateSecret", `{"Name":"bare","ClientRequestToken":"` + token(1) + `"}`, `{"ARN":"ARN(bare)","Name":"bare"}`},
		{"DescribeSecret", `{"SecretId":"bare"}`, `{"ARN":"ARN(bare)","Name":"bare","LastChangedDate":` + at + `,"CreatedDate":` + at + `}`},
		{
			"PutSecretValue", `{"SecretId":"app/db","ClientRequestToken":"` + token(2) + `","SecretBinary":"AAE="}`,
			`{"ARN":"ARN(app/db)","Name":"app/db","VersionId":"` + token(2) + `","VersionStages":["AWSCURRENT"]}`,
		},
		{
			"DescribeSecret", `{"SecretId":"app/db"}`,
			`{"ARN":"ARN(app/db)","Name":"app/db","Type":"partner","Description":"d","LastChangedDate":` + at + `,"Tags":[{"Key":"k","Value":"v"}],` +
				`"VersionIdsToStages":{"` + token(1) + `":["AWSPREVIOUS"],"` + token(2) + `":["AWSCURRENT"]},"CreatedDate":` + at + `}`,
		},
		{"UpdateSecret", `{"SecretId":"bare","ClientRequestToken":"` + token(1) + `","Description":"x"}`, `{"ARN":"ARN(bare)","Name":"bare"}`},
		{"TagResource", `{"SecretId":"bare","Tags":[{"Key":"k"}]}`, `{}`},
		{"UntagResource", `{"SecretId":"bare","TagKeys":["k","l"]}`, `{}`},
		{"DescribeSecret", `{"SecretId":"bare"}`, `{"ARN":"ARN(bare)","Name":"bare","Description":"x","LastChangedDate":` + at + `,"Tags":[],"CreatedDate":` + at + `}`},
		{
			"ListSecretVersionIds", `{"SecretId":"app/db"}`,
			`{"Versions":[{"VersionId":"` + token(1) + `","VersionStages":["AWSPREVIOUS"],"CreatedDate":` + at + `,"KmsKeyIds":["DefaultEncryptionKey"]},` +
				`{"VersionId":"` + token(2) + `","VersionStages":["AWSCURRENT"],"CreatedDate":` + at + `,"KmsKeyIds":["DefaultEncryptionKey"]}],"ARN":"ARN(app/db)","Name":"app/db"}`,
		},
		{
			// From here on, dates of access may be there or not.
			"GetSecretValue", `{"SecretId":"app/db"}`,
			`{"ARN":"ARN(app/db)","Name":"app/db","VersionId":"` + token(2) + `","SecretBinary":"AAE=","VersionStages":["AWSCURRENT"],"CreatedDate":` + at + `}`,
		},
		{
			"GetSecretValue", `{"SecretId":"app/db","VersionStage":"AWSPREVIOUS","VersionId":"` + token(1) + `"}`,
			`{"ARN":"ARN(app/db)","Name":"app/db","VersionId":"` + token(1) + `","SecretString":"one","VersionStages":["AWSPREVIOUS"],"CreatedDate":` + at + `}`,
		},
		{"UpdateSecretVersionStage", `{"SecretId":"app/db","VersionStage":"A","MoveToVersionId":"` + token(1) + `"}`, `{"ARN":"ARN(app/db)","Name":"app/db"}`},
		{"RestoreSecret", `{"SecretId":"bare"}`, `{"ARN":"ARN(bare)","Name":"bare"}`},
		{
			"ListSecrets", `{"Filters":[{"Key":"name","Values":["bare"]}]}`,
			`{"SecretList":[{"ARN":"ARN(bare)","Name":"bare","Description":"x","LastChangedDate":` + at + `,"Tags":[],"CreatedDate":` + at + `}]}`,
		},
		{"DeleteSecret", `{"SecretId":"bare","ForceDeleteWithoutRecovery":true}`, `{"ARN":"ARN(bare)","Name":"bare","DeletionDate":` + at + `}`},
	} {
		got := w.Post(w.Root, "secretsmanager."+step.operation, step.body)
		body := strings.ReplaceAll(suffix.ReplaceAllString(got.Body, `:secret:ARN($1)"`), arnPrefix, "")
		if diff := cmp.Diff(step.want, body); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", step.operation, step.body, diff)
		}
	}
}

func TestSecretsAreFoundByNameAndARN(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"plain", "Valid/_+=.@-Name", "name-a1b2", "name-a1b2c3-", strings.Repeat("/", 512)} {
		arn := w.create(name, name)
		for _, id := range []string{name, arn, arn[:len(arn)-7]} {
			if got := w.value(id); got != name {
				t.Errorf("%q has the value %q", id, got)
			}
		}
	}
	// The end of this name looks like a suffix: AWS does not find it by a partial ARN.
	arn := w.create("name-a1b2c3", "x")
	wantFault(t, w.tryGet(arn[:len(arn)-7], "", ""), notFound)
	if w.value(arn) != "x" || w.value("name-a1b2c3") != "x" {
		t.Error("the name that ends like a suffix is not found by itself")
	}
}

func TestCreatingAgainIsARepetition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, in := range []*secretsmanager.CreateSecretInput{
		{Name: new("text"), ClientRequestToken: new(token(1)), SecretString: new(canary)},
		{Name: new("bytes"), ClientRequestToken: new(token(1)), SecretBinary: []byte(canary)},
		{Name: new("none"), ClientRequestToken: new(token(1))},
	} {
		first, err := w.CreateSecret(w.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(time.Minute)
		second, err := w.CreateSecret(w.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if *first.ARN != *second.ARN || !cmp.Equal(first.VersionId, second.VersionId) {
			t.Errorf("%s became %s", *first.ARN, *second.ARN)
		}
		if d := w.describe(*in.Name); !d.LastChangedDate.Equal(*d.CreatedDate) {
			t.Errorf("%s was changed by the repetition", *in.Name)
		}
	}
	_, err := w.CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: new("text"), ClientRequestToken: new(token(1)), SecretBinary: []byte(canary)})
	if !strings.HasPrefix(fault(err), "ResourceExistsException") {
		t.Errorf("the same bytes as another kind of value: %s", fault(err))
	}
}

func TestDatesOfChangeAndAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	if d := w.describe("db"); d.LastAccessedDate != nil {
		t.Errorf("accessed at %v, before anybody did", d.LastAccessedDate)
	}
	for i, change := range []func(){
		func() { w.put("db", canary+"2") },
		func() { _ = w.tryUpdate("db", "x") },
		func() { _ = w.tryTag("db", "a", "b") },
		func() { _ = w.tryDelete("db", nil, false) },
		func() { _, _ = w.RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: new("db")}) },
	} {
		w.Clock.Advance(time.Minute)
		change()
		if d := w.describe("db"); !d.LastChangedDate.Equal(w.Clock.Now()) {
			t.Errorf("change %d was at %v, and is told as %v", i, w.Clock.Now(), d.LastChangedDate)
		}
	}
	changed := *w.describe("db").LastChangedDate
	for range 2 {
		w.Clock.Advance(36 * time.Hour)
		w.value("db")
		w.Restart() // what the read left for later is done now
		d := w.describe("db")
		if want := w.Clock.Now().UTC().Truncate(24 * time.Hour); d.LastAccessedDate == nil || !d.LastAccessedDate.Equal(want) {
			t.Errorf("accessed on %v, want %v", d.LastAccessedDate, want)
		}
		if !d.LastChangedDate.Equal(changed) {
			t.Error("a read is told as a change")
		}
		versions, err := w.ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: new("db")})
		if err != nil {
			t.Fatal(err)
		}
		if got := versions.Versions; got[0].LastAccessedDate != nil || got[1].LastAccessedDate == nil {
			t.Errorf("accesses of versions: %v, %v", got[0].LastAccessedDate, got[1].LastAccessedDate)
		}
	}
}

func TestARestartLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary+"1")
	w.put("db", canary+"2")
	w.put("db", canary+"3", "AWSPENDING", "mine")
	before := w.describe("db")
	w.Restart()
	after := w.describe("db")
	if diff := cmp.Diff(before.VersionIdsToStages, after.VersionIdsToStages); diff != "" || *before.ARN != *after.ARN {
		t.Errorf("%s became %s:\n%s", *before.ARN, *after.ARN, diff)
	}
	if got := w.value("db"); got != canary+"2" {
		t.Errorf("the value is %q", got)
	}
}

func TestTagsAreAddedReplacedAndRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("db", canary)
	if err := w.tryTag("db", "a", "1", "b", "2"); err != nil {
		t.Fatal(err)
	}
	if err := w.tryTag("db", "a", "3", "A", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.UntagResource(w.ctx, &secretsmanager.UntagResourceInput{SecretId: new("db"), TagKeys: []string{"b", "none"}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tag := range w.describe("db").Tags {
		got = append(got, *tag.Key+"="+*tag.Value)
	}
	if diff := cmp.Diff([]string{"a=3", "A="}, got); diff != "" {
		t.Error(diff)
	}
	var many []string
	for i := range 49 {
		many = append(many, fmt.Sprint(i), "x")
	}
	wantFault(t, w.tryTag("db", many...), "InvalidParameterException: You can't have more than 50 tags attached to a secret.")
	if n := len(w.describe("db").Tags); n != 2 {
		t.Errorf("a refused call left %d tags", n)
	}
	if err := w.tryTag("db", many[2:]...); err != nil || len(w.describe("db").Tags) != 50 {
		t.Errorf("50 tags: %v", err)
	}
}

func TestRandomPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.GetRandomPassword(w.ctx, &secretsmanager.GetRandomPasswordInput{})
	if err != nil || len(*out.RandomPassword) != 32 {
		t.Errorf("%v, %v", out, err)
	}
	out, err = w.GetRandomPassword(w.ctx, &secretsmanager.GetRandomPasswordInput{
		PasswordLength: new(int64(1)), RequireEachIncludedType: new(false), IncludeSpace: new(true), ExcludeLowercase: new(true),
		ExcludeUppercase: new(true), ExcludeNumbers: new(true), ExcludePunctuation: new(true),
	})
	if err != nil || *out.RandomPassword != " " {
		t.Errorf("%v, %v", out, err)
	}
	out, err = w.GetRandomPassword(w.ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(100)), ExcludePunctuation: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range w.Records() {
		if strings.Contains(string(r.Line), *out.RandomPassword) {
			t.Error("a password is in the log")
		}
	}
}
