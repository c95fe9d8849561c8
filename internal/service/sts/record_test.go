// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// shown is a part of a record, without what differs from run to run.
func shown(t *testing.T, part any, hide ...string) string {
	t.Helper()
	text, err := json.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	pairs := make([]string, 0, 2*len(hide))
	for i, h := range hide {
		pairs = append(pairs, h, "<"+string(rune('a'+i))+">")
	}
	return strings.NewReplacer(pairs...).Replace(string(text))
}

// TestRecords compares what is recorded with AWS's examples (IAM User Guide, "Logging IAM
// and AWS STS API calls with AWS CloudTrail"; CloudTrail User Guide, "CloudTrail
// userIdentity element").
func TestRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "sts:*"))
	may := map[string]string{"p": servicetest.Allow("*", "sts:*")}
	trust := trusting(servicetest.Account, "sts:TagSession", "sts:SetSourceIdentity")
	one, two := w.role(identity.Principal{Name: "JohnRole1", Policies: may}, trust), w.role(identity.Principal{Name: "JohnRole2", Policies: may}, trust)
	first := assume(one)
	first.SourceIdentity = new("JohnDoe")
	chained := w.session(ada, first)
	second := assume(two)
	second.RoleSessionName, second.DurationSeconds, second.ExternalId = new("Role2WithTags"), new(int32(3600)), new("e-1")
	second.Tags, second.TransitiveTagKeys = tags("Email=johndoe@example.com", "CostCenter=12345"), []string{"Email"}
	last := w.session(chained, second)
	own, federated := issued(w.own(ada, nil).Credentials), issued(w.federated(ada, &sts.GetFederationTokenInput{Name: new("bob")}).Credentials)
	rootFederated := issued(w.federated(w.Root, &sts.GetFederationTokenInput{Name: new("bob")}).Credentials)
	for _, as := range []servicetest.Credentials{last, own, federated, rootFederated} {
		who(t, w, as)
	}
	records := w.Records()
	if len(records) != 9 {
		t.Fatalf("%d records", len(records))
	}
	for _, r := range records {
		for _, c := range []servicetest.Credentials{chained, last, own, federated} {
			if strings.Contains(string(r.Line), c.SessionToken) || strings.Contains(string(r.Line), c.SecretAccessKey) {
				t.Errorf("secrets are recorded: %s", r.Line)
			}
		}
	}
	chain := records[1]
	id := chain.Resources[0].ARN
	if chain.EventName != "AssumeRole" || chain.EventSource != "sts.amazonaws.com" || !chain.ReadOnly || id != two || chain.Resources[0].Type != "AWS::IAM::Role" || chain.Resources[0].AccountID != servicetest.Account {
		t.Errorf("recorded %s", chain.Line)
	}
	roleID := chain.UserIdentity.SessionContext.SessionIssuer.PrincipalID
	for name, c := range map[string]struct{ got, want string }{
		"request": {
			string(chain.RequestParameters),
			`{"roleArn":"` + two + `","roleSessionName":"Role2WithTags","durationSeconds":3600,"tags":[{"key":"Email","value":"johndoe@example.com"},{"key":"CostCenter","value":"12345"}],"transitiveTagKeys":["Email"],"externalId":"e-1"}`,
		},
		"response": {
			shown(t, chain.ResponseElements, last.AccessKeyID, strings.Split(strings.Split(string(chain.ResponseElements), `"assumedRoleId":"`)[1], ":")[0]),
			`{"credentials":{"accessKeyId":"<a>","expiration":"Mar 14, 2026, 10:26:53 AM"},"assumedRoleUser":{"assumedRoleId":"<b>:Role2WithTags","arn":"arn:aws:sts::123456789012:assumed-role/JohnRole2/Role2WithTags"},"packedPolicySize":1,"sourceIdentity":"JohnDoe"}`,
		},
		"who": {
			shown(t, json.RawMessage(identityIn(t, chain.Line)), chained.AccessKeyID, roleID),
			`{"type":"AssumedRole","principalId":"<b>:s1","arn":"arn:aws:sts::123456789012:assumed-role/JohnRole1/s1","accountId":"123456789012","accessKeyId":"<a>","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"<b>","arn":"` + one + `","accountId":"123456789012","userName":"JohnRole1"},"attributes":{"creationDate":"2026-03-14T09:26:53Z","mfaAuthenticated":"false"},"sourceIdentity":"JohnDoe"}}`,
		},
		"a user's own session": {
			shown(t, json.RawMessage(identityIn(t, records[6].Line)), own.AccessKeyID, records[0].UserIdentity.PrincipalID),
			`{"type":"IAMUser","principalId":"<b>","arn":"arn:aws:iam::123456789012:user/ada","accountId":"123456789012","accessKeyId":"<a>","userName":"ada","sessionContext":{"attributes":{"creationDate":"2026-03-14T09:26:53Z","mfaAuthenticated":"false"}}}`,
		},
		"a federated user": {
			shown(t, json.RawMessage(identityIn(t, records[7].Line)), federated.AccessKeyID, records[0].UserIdentity.PrincipalID),
			`{"type":"FederatedUser","principalId":"123456789012:bob","arn":"arn:aws:sts::123456789012:federated-user/bob","accountId":"123456789012","accessKeyId":"<a>","sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"<b>","arn":"arn:aws:iam::123456789012:user/ada","accountId":"123456789012","userName":"ada"},"attributes":{"creationDate":"2026-03-14T09:26:53Z","mfaAuthenticated":"false"}}}`,
		},
		"the root's federated user": {
			shown(t, json.RawMessage(identityIn(t, records[8].Line)), rootFederated.AccessKeyID),
			`{"type":"FederatedUser","principalId":"123456789012:bob","arn":"arn:aws:sts::123456789012:federated-user/bob","accountId":"123456789012","accessKeyId":"<a>","sessionContext":{"sessionIssuer":{"type":"Root","principalId":"123456789012","arn":"arn:aws:iam::123456789012:root","accountId":"123456789012"},"attributes":{"creationDate":"2026-03-14T09:26:53Z","mfaAuthenticated":"false"}}}`,
		},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// identityIn is the userIdentity of a record as it is written.
func identityIn(t *testing.T, line []byte) string {
	t.Helper()
	var record struct{ UserIdentity json.RawMessage }
	if err := json.Unmarshal(line, &record); err != nil {
		t.Fatal(err)
	}
	return string(record.UserIdentity)
}
