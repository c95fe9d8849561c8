// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

const other = "210987654321"

// story is a server with a secret under a key of the customer's, and people.
type story struct {
	*fixture
	secret, key string // ARNs
}

func (s *story) must(target, body string) map[string]any {
	s.t.Helper()
	got := s.Post(s.Root, target, body)
	if got.Status != 200 {
		s.t.Fatalf("%s %s: %+v", target, body, got)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(got.Body), &out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

const tagged = `{"Version":"2012-10-17","Statement":[
	{"Sid":"Team","Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}},
	{"Sid":"Office","Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{fixture: newFixture(t)}
	all := servicetest.Allow("*", "*")
	s.User("admin", all)
	s.User("reader", servicetest.Allow("*", "secretsmanager:GetSecretValue", "kms:Decrypt"))
	s.User("keyless", servicetest.Allow("*", "secretsmanager:*"))
	s.User("tagged", tagged)
	s.User("roaming", servicetest.Allow("*", "kms:*"), `{"Version":"2012-10-17","Statement":{"Sid":"Home","Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}`)
	s.User("barred", all, servicetest.Deny("*", "secretsmanager:Get*"))
	s.User("idle")
	s.UserIn(other, "partner", servicetest.Allow("*", "secretsmanager:*"))
	s.UserIn(other, "stranger", all)
	bound := identity.ManagedPolicy{Account: servicetest.Account, Name: "bound", Default: "v1", Versions: []identity.PolicyVersion{{ID: "v1", Document: servicetest.Allow("*", "ssm:*")}}}
	if _, err := s.Store.Update(t.Context(), func(tx kv.Tx) error {
		if err := s.Directory.Policies.Put(tx, &bound, servicetest.Account, bound.Name); err != nil {
			return err
		}
		role := identity.Principal{Account: servicetest.Account, Kind: identity.Role, Name: "app", Path: "/svc/", ID: "AROAAPP", Policies: map[string]string{"all": all}, Boundary: bound.ARN()}
		return s.Directory.Principals.Put(tx, &role, role.Account, string(role.Kind), role.Name)
	}); err != nil {
		t.Fatal(err)
	}
	s.key = s.must("TrentService.CreateKey", `{}`)["KeyMetadata"].(map[string]any)["Arn"].(string)
	s.secret = s.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"prod/db","ClientRequestToken":"5e8b1f0c-0b1a-4c8e-9d58-6f8a2d1c0e11","SecretString":"x","KmsKeyId":%q,"Tags":[{"Key":"team","Value":"blue"}]}`, s.key))["ARN"].(string)
	s.must("secretsmanager.PutResourcePolicy", fmt.Sprintf(`{"SecretId":"prod/db","ResourcePolicy":%q}`, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Sid":"Partner","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::%[1]s:user/partner"]},"Action":"secretsmanager:GetSecretValue","Resource":"*"},
		{"Sid":"Audit","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%[1]s:root"},"Action":"secretsmanager:DescribeSecret","Resource":"*"}]}`, other)))
	return s
}

func (s *story) why(as servicetest.Credentials, who, action, resource string, keys ...coffer.ContextKey) (*coffer.ExplainAccessOutput, error) {
	return awsjson.Do(s.t.Context(), s.client(servicetest.Region, as), coffer.ExplainAccess, &coffer.ExplainAccessInput{
		Principal: &who, Action: &action, Resource: &resource, Context: keys,
	})
}

// brief is an explanation in lines, without accounts and the random parts of names.
func (s *story) brief(out *coffer.ExplainAccessOutput) string {
	lines := []string{fmt.Sprint(*out.Principal, " ", *out.Allowed)}
	for _, d := range out.Decisions {
		lines = append(lines, *d.Decision+" "+*d.Action+" "+*d.Resource)
		lines = append(lines, d.Changes...)
	}
	return strings.NewReplacer(s.secret, "SECRET", s.key, "KEY", servicetest.Account, "HERE", other, "THERE").Replace(strings.Join(lines, "\n"))
}

func TestExplainAccess(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	office := coffer.ContextKey{Key: new("AWS:sourceip"), Values: []string{"10.1.2.3"}}
	for _, c := range []struct {
		who, action, resource string
		keys                  []coffer.ContextKey
		want                  string
	}{
		{"reader", "secretsmanager:GetSecretValue", "prod/db", nil, `
arn:aws:iam::HERE:user/reader true
allowed secretsmanager:GetSecretValue SECRET
allowed kms:Decrypt KEY`},
		{"user/keyless", "SecretsManager:getsecretvalue", s.secret, nil, `
arn:aws:iam::HERE:user/keyless false
allowed secretsmanager:GetSecretValue SECRET
implicitDeny kms:Decrypt KEY
No identity-based policy of arn:aws:iam::HERE:user/keyless allows kms:Decrypt on KEY, and no policy of the resource lets it in: one of them has to.`},
		{"root", "secretsmanager:GetSecretValue", "prod/db", nil, `
arn:aws:iam::HERE:root true
allowed secretsmanager:GetSecretValue SECRET
allowed kms:Decrypt KEY`},
		{"tagged", "secretsmanager:GetSecretValue", "prod/db", []coffer.ContextKey{office}, `
arn:aws:iam::HERE:user/tagged false
allowed secretsmanager:GetSecretValue SECRET
implicitDeny kms:Decrypt KEY
The statement "Office" of the identity-based policy "policy-0" of user/tagged would allow it, if aws:SourceIp met IpAddress "10.0.0.0/8" (the call does not have the key).
No identity-based policy of arn:aws:iam::HERE:user/tagged allows kms:Decrypt on KEY, and no policy of the resource lets it in: one of them has to.`},
		{"roaming", "secretsmanager:GetSecretValue", "prod/db", []coffer.ContextKey{office}, `
arn:aws:iam::HERE:user/roaming true
allowed secretsmanager:GetSecretValue SECRET
allowed kms:Decrypt KEY`},
		{"barred", "secretsmanager:GetSecretValue", "prod/db", nil, `
arn:aws:iam::HERE:user/barred false
explicitDeny secretsmanager:GetSecretValue SECRET
The statement 1 of the identity-based policy "policy-1" of user/barred denies it: no allow overcomes that.
allowed kms:Decrypt KEY`},
		{"arn:aws:iam::123456789012:role/svc/app", "secretsmanager:PutSecretValue", "prod/db", nil, `
arn:aws:iam::HERE:role/svc/app false
implicitDeny secretsmanager:PutSecretValue SECRET
The permissions boundary of arn:aws:iam::HERE:role/svc/app does not allow secretsmanager:PutSecretValue on SECRET: it has to, beside another policy.`},
		{"arn:aws:sts::123456789012:assumed-role/app/i-1", "ssm:PutParameter", "/app/x", nil, `
arn:aws:sts::HERE:assumed-role/app/i-1 true
allowed ssm:PutParameter arn:aws:ssm:eu-west-1:HERE:parameter/app/x`},
		{"arn:aws:iam::210987654321:user/partner", "secretsmanager:GetSecretValue", s.secret, nil, `
arn:aws:iam::THERE:user/partner false
allowed secretsmanager:GetSecretValue SECRET
implicitDeny kms:Decrypt KEY
No identity-based policy of arn:aws:iam::THERE:user/partner allows kms:Decrypt on KEY: one has to.
The policy of KEY has to let arn:aws:iam::THERE:user/partner in for kms:Decrypt.`},
		{"arn:aws:iam::210987654321:user/stranger", "secretsmanager:GetSecretValue", s.secret, nil, `
arn:aws:iam::THERE:user/stranger false
implicitDeny secretsmanager:GetSecretValue SECRET
The policy of SECRET has to let arn:aws:iam::THERE:user/stranger in for secretsmanager:GetSecretValue.
implicitDeny kms:Decrypt KEY
The policy of KEY has to let arn:aws:iam::THERE:user/stranger in for kms:Decrypt.`},
		{"idle", "kms:Decrypt", s.key, nil, `
arn:aws:iam::HERE:user/idle false
implicitDeny kms:Decrypt KEY
No identity-based policy of arn:aws:iam::HERE:user/idle allows kms:Decrypt on KEY, and no policy of the resource lets it in: one of them has to.`},
		{"reader", "s3:GetObject", "arn:aws:s3:::bucket/x", nil, `
arn:aws:iam::HERE:user/reader false
implicitDeny s3:GetObject arn:aws:s3:::bucket/x
No identity-based policy of arn:aws:iam::HERE:user/reader allows s3:GetObject on arn:aws:s3:::bucket/x, and no policy of the resource lets it in: one of them has to.`},
		{"idle", "sts:GetCallerIdentity", "*", nil, `
arn:aws:iam::HERE:user/idle true`},
	} {
		out, err := s.why(s.Root, c.who, c.action, c.resource, c.keys...)
		if err != nil {
			t.Errorf("%s %s %s: %v", c.who, c.action, c.resource, err)
			continue
		}
		if diff := cmp.Diff(strings.TrimSpace(c.want), s.brief(out)); diff != "" {
			t.Errorf("%s %s %s (-want +got):\n%s", c.who, c.action, c.resource, diff)
		}
	}
}

func TestListAccess(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for _, c := range []struct {
		action, resource string
		want             []string
	}{
		{"secretsmanager:GetSecretValue", "prod/db", []string{"allowed root", "outside user/partner", "allowed user/admin", "allowed user/reader", "conditional user/roaming"}},
		{"secretsmanager:DescribeSecret", s.secret, []string{"allowed root", "outside root", "allowed user/admin", "allowed user/barred", "allowed user/keyless"}},
	} {
		in := &coffer.ListAccessInput{Action: &c.action, Resource: &c.resource, MaxResults: new(int32(3))}
		var got []string
		for pages := 0; ; pages++ {
			out, err := awsjson.Do(t.Context(), s.client(servicetest.Region, s.Root), coffer.ListAccess, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range out.Principals {
				got = append(got, *p.Access+" "+(*p.Principal)[strings.LastIndexByte(*p.Principal, ':')+1:])
			}
			if in.NextToken = out.NextToken; out.NextToken == nil {
				if pages < 2 {
					t.Errorf("%d pages", pages+1)
				}
				break
			}
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(c.want))) {
			t.Errorf("%s on %s: %q, want %q", c.action, c.resource, got, c.want)
		}
	}
}
