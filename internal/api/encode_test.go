// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/secret"
)

var instant = time.Date(2025, 5, 21, 5, 47, 45, 120e6, time.UTC)

func TestAuditRecordsAreCloudTrails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		message any
		want    string
	}{
		"nothing":         {new(kms.ListKeysInput), `null`},
		"only blobs":      {&kms.DecryptInput{CiphertextBlob: []byte("x")}, `null`},
		"an initialism":   {&secretsmanager.DeleteSecretOutput{ARN: new("arn"), DeletionDate: new(api.NewTime(instant))}, `{"aRN":"arn","deletionDate":"May 21, 2025, 5:47:45 AM"}`},
		"a secret":        {&secretsmanager.CreateSecretInput{Name: new("a"), SecretString: secret.NewText(canary), SecretBinary: secret.NewBlob([]byte(canary))}, `{"name":"a"}`},
		"a parameter":     {&ssm.PutParameterInput{Name: new("/a"), Value: secret.NewText(canary), Overwrite: new(false)}, `{"name":"/a","value":"HIDDEN_DUE_TO_SECURITY_REASONS","overwrite":false}`},
		"a plaintext":     {&kms.EncryptInput{KeyId: new("k"), Plaintext: secret.NewBlob([]byte(canary)), EncryptionContext: map[string]string{"SecretARN": "b", "A": "c"}}, `{"keyId":"k","encryptionContext":{"A":"c","SecretARN":"b"}}`},
		"nested members":  {&secretsmanager.TagResourceInput{SecretId: new("a"), Tags: []secretsmanager.Tag{{Key: new("K"), Value: new("\"v")}}}, `{"secretId":"a","tags":[{"key":"K","value":"\"v"}]}`},
		"an empty list":   {&secretsmanager.ListSecretsInput{Filters: []secretsmanager.Filter{}}, `{"filters":[]}`},
		"a list in a map": {&secretsmanager.DescribeSecretOutput{VersionIdsToStages: map[string][]string{"v2": {}, "v1": {"AWSCURRENT"}}}, `{"versionIdsToStages":{"v1":["AWSCURRENT"],"v2":[]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff("> "+test.want, string(api.AppendAudit([]byte("> "), test.message))); diff != "" {
				t.Errorf("wrong record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuditRecordsAreBounded(t *testing.T) {
	t.Parallel()
	in := &secretsmanager.CreateSecretInput{Name: new(strings.Repeat("a", api.MaxAudit))}
	if got := string(api.AppendAudit(nil, in)); got != `{"omitted":true,"originalSize":102411,"reason":"too large"}` {
		t.Errorf("got %.200s", got)
	}
}

// Everything that is encoded must come back, by way of the standard library.
func TestEveryMessageSurvivesTheWire(t *testing.T) {
	t.Parallel()
	for _, op := range operations() {
		for _, message := range []any{op.in, op.out} {
			fill(reflect.ValueOf(message).Elem(), canary)
			first := api.AppendJSON(nil, message)
			if !json.Valid(first) || !json.Valid(api.AppendAudit(nil, message)) {
				t.Fatalf("%T is not valid JSON: %s", message, first)
			}
			back := reflect.New(reflect.TypeOf(message).Elem()).Interface()
			if err := json.Unmarshal(first, back); err != nil {
				t.Fatalf("%T: %v", message, err)
			}
			if diff := cmp.Diff(string(first), string(api.AppendJSON(nil, back))); diff != "" {
				t.Errorf("%T changed (-sent +got):\n%s", message, diff)
			}
		}
	}
}

func TestStringsAreJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s"))
		quoted := api.AppendString(nil, s)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil {
			t.Fatalf("%q: %v", quoted, err)
		}
		var want string // the standard library replaces invalid UTF-8, too
		standard, _ := json.Marshal(s)
		if err := json.Unmarshal(standard, &want); err != nil {
			t.Fatal(err)
		}
		if back != want || string(api.AppendString(nil, []byte(s))) != string(quoted) {
			t.Fatalf("%q came back as %q", s, back)
		}
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"0": time.Unix(0, 0), "1.7E9": time.Unix(1_700_000_000, 0), "1700000000.1239": time.UnixMilli(1_700_000_000_124), "-1": time.Unix(-1, 0),
	} {
		var got api.Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s became %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`"x"`, `1e300`, `true`, `"2026-01-01T00:00:00Z"`} {
		if err := json.Unmarshal([]byte(text), new(api.Time)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	for at, want := range map[time.Time]string{
		time.Unix(1_700_000_000, 999): "1700000000", time.UnixMilli(1_700_000_000_120): "1700000000.120", time.UnixMilli(-1500): "-1.500",
	} {
		if got, _ := json.Marshal(api.NewTime(at)); string(got) != want {
			t.Errorf("%v became %s, want %s", at, got, want)
		}
	}
}
