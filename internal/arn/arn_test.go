// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package arn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/arn"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]arn.ARN{
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf": {"aws", "secretsmanager", "eu-west-1", "123456789012", "secret:prod/db-AbCdEf"},
		"arn:aws:ssm:us-east-1:123456789012:parameter/prod/api/key":           {"aws", "ssm", "us-east-1", "123456789012", "parameter/prod/api/key"},
		"arn:aws:kms:us-east-1:123456789012:alias/aws/ssm":                    {"aws", "kms", "us-east-1", "123456789012", "alias/aws/ssm"},
		"arn:aws-us-gov:iam::123456789012:user/x":                             {"aws-us-gov", "iam", "", "123456789012", "user/x"},
		"arn:aws:iam::aws:policy/ReadOnlyAccess":                              {"aws", "iam", "", "aws", "policy/ReadOnlyAccess"},
		"arn:aws:s3:::bucket/a:b: c*é":                                        {"aws", "s3", "", "", "bucket/a:b: c*é"},
	} {
		got, err := arn.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", in, diff)
		}
		if got.String() != in {
			t.Errorf("Parse(%q).String() = %q", in, got.String())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]error{
		"":                      arn.ErrPrefix,
		"prod/db":               arn.ErrPrefix,
		"ARN:aws:s3:::x":        arn.ErrPrefix,
		" arn:aws:s3:::x":       arn.ErrPrefix,
		"arn:":                  arn.ErrParts,
		"arn:aws:s3::x":         arn.ErrParts,
		"arn::s3:::x":           arn.ErrPartition,
		"arn:*:s3:::x":          arn.ErrPartition,
		"arn:AWS:s3:::x":        arn.ErrPartition,
		"arn:aws::::x":          arn.ErrService,
		"arn:aws:S3:::x":        arn.ErrService,
		"arn:aws:s3:eu west::x": arn.ErrRegion,
		"arn:aws:s3:" + strings.Repeat("a", 64) + "::x": arn.ErrRegion,
		"arn:aws:iam::12345678901:x":                    arn.ErrAccount,
		"arn:aws:iam::1234567890123:x":                  arn.ErrAccount,
		"arn:aws:iam::12345678901x:x":                   arn.ErrAccount,
		"arn:aws:iam::123456789012:":                    arn.ErrResource,
		"arn:aws:iam::123456789012:a\nb":                arn.ErrResource,
		"arn:aws:iam::123456789012:a\x7fb":              arn.ErrResource,
		"arn:aws:iam::123456789012:a\xffb":              arn.ErrResource,
		"arn:aws:s3:::" + strings.Repeat("x", 2036):     arn.ErrTooLong,
	} {
		got, err := arn.Parse(in)
		if !errors.Is(err, want) {
			t.Errorf("Parse(%q): error %v, want %v", in, err, want)
		}
		if got != (arn.ARN{}) {
			t.Errorf("Parse(%q) = %v beside an error", in, got)
		}
	}
	if _, err := arn.Parse("arn:aws:s3:::" + strings.Repeat("x", 2035)); err != nil {
		t.Errorf("an ARN of exactly 2048 bytes: %v", err)
	}
}

func TestIsARN(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{"arn:aws:s3:::x": true, "arn:": true, "arn": false, "prod/db": false, "ARN:aws": false} {
		if got := arn.IsARN(in); got != want {
			t.Errorf("IsARN(%q) = %v", in, got)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	const s = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	if n := testing.AllocsPerRun(100, func() { _, _ = arn.Parse(s) }); n != 0 {
		t.Errorf("Parse allocates %v times", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "arn:", "arn:aws:s3:::x", "arn:aws:iam::123456789012:user/x", "arn:aws:s3:a:b:c:d", "arn:aws:s3:::\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := arn.Parse(s)
		if err != nil {
			return
		}
		if len(s) > arn.MaxLen || !arn.IsARN(s) || a.String() != s {
			t.Errorf("Parse(%q) = %#v", s, a)
		}
	})
}
