// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
)

// TestConditions holds what policies are told of a call, and what is absent: a
// condition on an absent key does not match, so an invented value could let somebody in.
func TestConditions(t *testing.T) {
	t.Parallel()
	own := &Call{
		Time: time.Date(2026, time.March, 14, 10, 26, 53, 0, time.FixedZone("", 3600)), Region: "eu-west-1",
		SourceIP: netip.MustParseAddr("192.0.2.7"), Endpoint: "vpce-1a2b3c4d", UserAgent: "aws-cli", Secure: true,
	}
	own.service = ssm.Service
	batch := *own
	batch.outer = own // of the same service, as BatchGetSecretValue calls GetSecretValue
	middle := batch
	middle.service, middle.outer, middle.Via = secretsmanager.Service, &batch, "ssm.eu-west-1.amazonaws.com"
	nested := middle
	nested.service, nested.outer, nested.Via = kms.Service, &middle, "secretsmanager.eu-west-1.amazonaws.com"
	bare := &Call{Time: own.Time}
	session := &Call{Principal: &Principal{Session: &Session{Created: own.Time.Add(-time.Hour)}}}
	user := &Call{Principal: &Principal{}}
	for _, c := range []struct {
		call *Call
		key  string
		want []string // nil for absent
	}{
		{own, "aws:CurrentTime", []string{"2026-03-14T09:26:53Z"}},
		{own, "aws:EpochTime", []string{"1773480413"}},
		{own, "aws:SecureTransport", []string{"true"}},
		{bare, "aws:SecureTransport", []string{"false"}},
		{own, "aws:SourceIp", []string{"192.0.2.7"}},
		{&nested, "aws:SourceIp", nil},
		{bare, "aws:SourceIp", nil},
		{own, "aws:UserAgent", []string{"aws-cli"}},
		{bare, "aws:UserAgent", nil},
		{own, "aws:RequestedRegion", []string{"eu-west-1"}},
		{own, "aws:ViaAWSService", []string{"false"}},
		{&nested, "aws:ViaAWSService", []string{"true"}},
		{own, "kms:ViaService", nil},
		{&nested, "kms:ViaService", []string{nested.Via}},
		{own, "aws:CalledVia", nil},
		{&batch, "aws:CalledVia", nil},
		{&nested, "aws:CalledVia", []string{"ssm.amazonaws.com", "secretsmanager.amazonaws.com"}},
		{own, "aws:CalledViaFirst", nil},
		{&middle, "aws:CalledViaFirst", []string{"ssm.amazonaws.com"}},
		{&nested, "aws:CalledViaFirst", []string{"ssm.amazonaws.com"}},
		{own, "aws:CalledViaLast", nil},
		{&nested, "aws:CalledViaLast", []string{"secretsmanager.amazonaws.com"}},
		{session, "aws:TokenIssueTime", []string{"2026-03-14T08:26:53Z"}},
		{user, "aws:TokenIssueTime", nil},
		{session, "aws:MultiFactorAuthPresent", []string{"false"}},
		{user, "aws:MultiFactorAuthPresent", nil},
		{bare, "aws:MultiFactorAuthPresent", nil},
		{own, "aws:SourceVpce", []string{"vpce-1a2b3c4d"}},
		{&nested, "aws:SourceVpce", nil},
		{bare, "aws:SourceVpce", nil},
		{own, "aws:PrincipalOrgID", nil},
		{own, "x:mine", []string{"of the target"}},
	} {
		target := Target{Keys: func(key string) ([]string, bool) { return []string{"of the target"}, key == "x:mine" }}
		got, ok := conditions{c.call, target}.Values(strings.ToLower(c.key))
		if ok != (c.want != nil) || ok && !slices.Equal(got, c.want) {
			t.Errorf("%s is %q, %v; want %q", c.key, got, ok, c.want)
		}
		if got, ok := (conditions{c.call, Target{}}).Values("x:mine"); ok {
			t.Errorf("a target without keys has %q", got)
		}
	}
}
