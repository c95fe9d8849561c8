// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/reference"
)

const (
	secretARN    = "arn:aws:secretsmanager:us-west-2:123456789012:secret:MySecret-a1b2c3"
	parameterARN = "arn:aws:ssm:us-west-2:123456789012:parameter/prod/api/key"
	versionID    = "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"
)

func secretRef(id, field, stage, version string) reference.Reference {
	return reference.Reference{Ref: cache.Ref{Kind: cache.Secret, ID: id, Stage: stage, VersionID: version}, Field: field}
}

func parameterRef(id, version string, decrypt bool) reference.Reference {
	return reference.Reference{Ref: cache.Ref{Kind: cache.Parameter, ID: id, VersionID: version, Decrypt: decrypt}}
}

// What CloudFormation's user guide shows under "Get a secret or secret value from Secrets
// Manager" and "Get a plaintext value from Systems Manager Parameter Store", and ECS's
// under "Pass Secrets Manager secrets through Amazon ECS environment variables".
func TestParse(t *testing.T) {
	t.Parallel()
	ciphertext := base64.StdEncoding.EncodeToString(make([]byte, 200))
	for in, want := range map[string]reference.Reference{
		"{{resolve:secretsmanager:MySecret}}":                                                                secretRef("MySecret", "", "", ""),
		"{{resolve:secretsmanager:MySecret::::}}":                                                            secretRef("MySecret", "", "", ""),
		"{{resolve:secretsmanager:MySecret:SecretString}}":                                                   secretRef("MySecret", "", "", ""),
		"{{resolve:secretsmanager:MySecret:SecretString:username}}":                                          secretRef("MySecret", "username", "", ""),
		"{{resolve:secretsmanager:MySecret:SecretString:password:AWSPREVIOUS}}":                              secretRef("MySecret", "password", "AWSPREVIOUS", ""),
		"{{resolve:secretsmanager:MySecret:SecretString:password::" + versionID + "}}":                       secretRef("MySecret", "password", "", versionID),
		"{{resolve:secretsmanager:MySecret:SecretString:::" + versionID + "}}":                               secretRef("MySecret", "", "", versionID),
		"{{resolve:secretsmanager:prod/db+x=1.@_-:SecretString:pass word}}":                                  secretRef("prod/db+x=1.@_-", "pass word", "", ""),
		"{{resolve:secretsmanager:" + secretARN + "}}":                                                       secretRef(secretARN, "", "", ""),
		"{{resolve:secretsmanager:" + secretARN + ":SecretString:password}}":                                 secretRef(secretARN, "password", "", ""),
		"{{resolve:secretsmanager:" + secretARN + "::password:AWSPENDING:}}":                                 secretRef(secretARN, "password", "AWSPENDING", ""),
		"{{resolve:secretsmanager:arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a/b:::S}}": secretRef("arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a/b", "", "S", ""),
		"{{resolve:ssm:S3AccessControl:2}}":                                                                  parameterRef("S3AccessControl", "2", false),
		"{{resolve:ssm:/prod/api/key}}":                                                                      parameterRef("/prod/api/key", "", false),
		"{{resolve:ssm-secure:IAMUserPassword:10}}":                                                          parameterRef("IAMUserPassword", "10", true),
		"{{resolve:ssm-secure:" + parameterARN + ":3}}":                                                      parameterRef(parameterARN, "3", true),
		"{{resolve:ssm-secure:/aws/reference/secretsmanager/prod/db}}":                                       parameterRef("/aws/reference/secretsmanager/prod/db", "", true),
		"{{resolve:vault:secret/db#password}}":                                                               secretRef("vault:secret/db", "password", "", ""),
		"{{resolve:kms:" + ciphertext + "}}":                                                                 secretRef("kms:"+ciphertext, "", "", ""),
		secretARN:                                                                                            secretRef(secretARN, "", "", ""),
		secretARN + ":username1::":                                                                           secretRef(secretARN, "username1", "", ""),
		secretARN + "::AWSPREVIOUS:":                                                                         secretRef(secretARN, "", "AWSPREVIOUS", ""),
		secretARN + ":::9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE":                                                secretRef(secretARN, "", "", "9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE"),
		secretARN + ":username1:AWSPREVIOUS:":                                                                secretRef(secretARN, "username1", "AWSPREVIOUS", ""),
		secretARN + ":username1::9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE":                                       secretRef(secretARN, "username1", "", "9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE"),
		parameterARN:                       parameterRef(parameterARN, "", true),
		"kms:" + ciphertext:                secretRef("kms:"+ciphertext, "", "", ""),
		"vault:database/creds/app":         secretRef("vault:database/creds/app", "", "", ""),
		"vault:secret/my app:v2#pass word": secretRef("vault:secret/my app:v2", "pass word", "", ""),
		"doppler:API_KEY":                  secretRef("doppler:API_KEY", "", "", ""),
		"file:/run/secrets/db#password":    secretRef("file:/run/secrets/db", "password", "", ""),
	} {
		text, err := reference.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
		}
		if diff := cmp.Diff([]reference.Reference{want}, text.References()); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestWhatIsNoReferenceIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "prod/db", "/prod/api/key", "{{name}}", "{{ resolve:ssm:x}}", "{resolve:ssm:x}", "arn:aws:iam::123456789012:role/x", "arn:aws:ssm:us-east-1:123456789012:document/x",
		"file:./dev.db", "file:///etc/passwd", "file:x", "https://vault:8200/", "Kms:x", "ssm:x", "secretsmanager:x", "VAULT:x", "arn:aws:secretsmanager",
	} {
		text, err := reference.Parse(s)
		if err != nil || len(text.References()) != 0 {
			t.Errorf("Parse(%q): %v, %v", s, text.References(), err)
		}
		if got, err := text.Fill(t.Context(), nil); err != nil || got.RevealString() != s {
			t.Errorf("Parse(%q) is filled to %q, %v", s, got.RevealString(), err)
		}
	}
}

// malformed begins like a reference and is none.
var malformed = []string{
	"{{resolve:ssm:canary", "{{resolve:ssm:canary}", "{{resolve:}}", "{{resolve:ssm}}", "{{resolve:ssm:}}", "{{resolve:canary:x}}", "{{resolve:canary}}",
	"{{resolve:ssm:canary:}}", "{{resolve:ssm:canary:x}}", "{{resolve:ssm:canary:1:2}}", "{{resolve:ssm:canary:-1}}", "{{resolve:ssm:can ary}}",
	"{{resolve:ssm:canary:" + strings.Repeat("1", 19) + "}}", "{{resolve:ssm-secure:arn:aws:ssm:us-west-2:123456789012:document/canary}}",
	"{{resolve:ssm:" + secretARN + "}}", "{{resolve:secretsmanager:" + parameterARN + ":x}}",
	"{{resolve:secretsmanager:}}", "{{resolve:secretsmanager::SecretString:canary}}", "{{resolve:secretsmanager:canary:SecretBinary}}",
	"{{resolve:secretsmanager:canary:password}}", "{{resolve:secretsmanager:x:SecretString:canary:AWSCURRENT:" + versionID + "}}",
	"{{resolve:secretsmanager:canary:::::}}", "{{resolve:secretsmanager:can*ary}}", "{{resolve:secretsmanager:{{resolve:ssm:canary}}}}",
	"{{resolve:secretsmanager:canary:SecretString:a\nb}}", "{{resolve:secretsmanager:" + strings.Repeat("x", 2049) + "}}",
	"{{resolve:secretsmanager:arn:aws:secretsmanager:us-west-2:123:secret:canary}}", "{{resolve:secretsmanager:arn:aws:secretsmanager:us-west-2:123456789012:canary}}",
	secretARN + ":canary", secretARN + ":canary:", secretARN + "::::canary", secretARN + ":canary:AWSCURRENT:" + versionID,
	"arn:aws:secretsmanager:us-west-2:123456789012:secret:", "arn:aws:secretsmanager:*:*:secret:canary", "arn:aws:secretsmanager:us-west-2:123456789012:canary:x",
	"arn:aws:ssm:us-west-2:canary:parameter/x", parameterARN + ":canary", parameterARN + ":1:canary",
	"kms:", "kms:canary!", "kms:AA==\n", "kms:" + base64.StdEncoding.EncodeToString(make([]byte, 6145)),
	"vault:", "vault:#canary", "vault:canary#", "vault:can\x00ary", "vault:can\xffary", "doppler:", "file:/canary#",
	"hunter2-canary {{resolve:ssm:x", "canary {{resolve:ssm:x}} {{resolve:}}",
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range malformed {
		text, err := reference.Parse(s)
		if err == nil || len(text.References()) != 0 {
			t.Errorf("Parse(%q): %v, %v", s, text.References(), err)
		}
		if err != nil && strings.Contains(err.Error(), "ary") {
			t.Errorf("the error shows what is refused: %v", err)
		}
	}
}

func TestParseItem(t *testing.T) {
	t.Parallel()
	field := func(r reference.Reference, name string) reference.Reference { r.Field = name; return r }
	for in, want := range map[string]reference.Reference{
		"prod/db":                  secretRef("prod/db", "", "", ""),
		"prod/db#password":         secretRef("prod/db", "password", "", ""),
		"secretsmanager:/s#a b":    secretRef("/s", "a b", "", ""),
		"/prod/api/key":            parameterRef("/prod/api/key", "", true),
		"ssm:q#x":                  field(parameterRef("q", "", true), "x"),
		secretARN:                  secretRef(secretARN, "", "", ""),
		secretARN + "#password":    secretRef(secretARN, "password", "", ""),
		secretARN + ":user::":      secretRef(secretARN, "user", "", ""),
		parameterARN + "#x":        field(parameterRef(parameterARN, "", true), "x"),
		"vault:secret/db#password": secretRef("vault:secret/db", "password", "", ""),
		"kms:AAAA":                 secretRef("kms:AAAA", "", "", ""),
		"kms:AAAA#x":               secretRef("kms:AAAA", "x", "", ""),
		"doppler:A":                secretRef("doppler:A", "", "", ""),
		"file:/run/secrets/db#a":   secretRef("file:/run/secrets/db", "a", "", ""),
	} {
		if got, err := reference.ParseItem(in); err != nil || got != want {
			t.Errorf("ParseItem(%q) = %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "#canary", "canary#", "can ary", "canary:x", "ssm:", "secretsmanager:", "ssm:can:ary", secretARN + ":user::#canary", "kms:canary!", "kms:canary!#x",
		"file:canary#x", "{{resolve:ssm:canary}}", "arn:aws:iam::123456789012:role/canary", "x#can\nary",
	} {
		if got, err := reference.ParseItem(in); err == nil || strings.Contains(err.Error(), "ary") {
			t.Errorf("ParseItem(%q) = %+v, %v", in, got, err)
		}
	}
}

func TestNamesInMessages(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]reference.Reference{
		"prod/db#password":        secretRef("prod/db", "password", "AWSPREVIOUS", ""),
		"/p":                      parameterRef("/p", "1", true),
		"kms:AAAAAAAAAAAAAAAA...": secretRef("kms:"+strings.Repeat("A", 400), "", "", ""),
	} {
		if got := r.String(); got != want {
			t.Errorf("%+v is called %q, want %q", r, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range malformed {
		f.Add(s)
	}
	f.Add("a {{resolve:ssm:x}} b {{resolve:secretsmanager:" + secretARN + ":SecretString:k}} c")
	f.Add("vault:secret/db#password")
	f.Fuzz(func(t *testing.T, s string) {
		text, err := reference.Parse(s)
		if err != nil {
			if len(s) > 80 && strings.Contains(err.Error(), s) {
				t.Errorf("the error holds the text: %v", err)
			}
			return
		}
		filled, err := text.Fill(t.Context(), get)
		switch {
		case err != nil && !slices.ContainsFunc(text.References(), func(r reference.Reference) bool { return r.Field != "" }):
			t.Errorf("Parse(%q) can't be filled: %v", s, err)
		case len(text.References()) == 0 && (filled.RevealString() != s || reference.Has(s)):
			t.Errorf("Parse(%q) has no reference, and is filled to %q", s, filled.RevealString())
		}
		for _, r := range text.References() {
			if r.Ref.ID == "" || len(r.Ref.ID) > 10_000 || r.Ref.Stage != "" && r.Ref.VersionID != "" || !strings.Contains(s, r.Field) {
				t.Errorf("Parse(%q) has %+v", s, r)
			}
		}
	})
}
