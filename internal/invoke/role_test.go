// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package invoke_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/internal/invoke"
)

// settings are those of AWS's SDK for a server, as its variables say.
func settings(t *testing.T, srv *coffertest.Server) aws.Config {
	t.Helper()
	getenv := caller(srv)
	c, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(coffertest.Region), config.WithBaseEndpoint(srv.URL),
		config.WithCredentialsProvider(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY")}, nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newRole makes a role through IAM that lets a principal in and may do what the policy
// says, and returns its ARN.
func newRole(t *testing.T, c *iam.Client, name, trusted, policy string) string {
	t.Helper()
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + trusted + `"},"Action":"sts:AssumeRole"}}`
	made, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err == nil {
		_, err = c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &name, PolicyDocument: &policy})
	}
	if err != nil {
		t.Fatal(err)
	}
	return *made.Role.Arn
}

// TestRolesFromAssumeRole runs functions that have nothing but what AWS's own SDK gets
// from AssumeRole: one whose role may read, and one whose role may only become that one,
// which the extension does when it is asked to.
func TestRolesFromAssumeRole(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("prod/db", "correct-horse"))
	roles := iam.NewFromConfig(settings(t, srv))
	user := srv.As("ada")
	ada := "arn:aws:iam::" + coffertest.Account + ":user/ada"
	hop := newRole(t, roles, "hop", ada, coffertest.Allow("sts:AssumeRole"))
	reader := newRole(t, roles, "reader", hop, coffertest.Allow("secretsmanager:GetSecretValue"))
	direct := newRole(t, roles, "direct", ada, coffertest.Allow("secretsmanager:GetSecretValue"))
	as := func(role string) func(string) string {
		got, err := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(settings(t, user)), role).Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]string{
			"AWS_ACCESS_KEY_ID": got.AccessKeyID, "AWS_SECRET_ACCESS_KEY": got.SecretAccessKey, "AWS_SESSION_TOKEN": got.SessionToken,
			"AWS_REGION": coffertest.Region, "AWS_ENDPOINT_URL": srv.URL,
		}
		return func(name string) string { return given[name] }
	}
	b := open(t, invoke.Options{Getenv: as(direct)})
	b.invoke(dbPath, "200 correct-horse", got(dbPath, "MISS"))
	b = open(t, invoke.Options{Getenv: as(hop)})
	b.invoke(dbPath, "400 ", invoke.Answer{Request: "GET " + dbPath, Status: 400, ErrorCode: "AccessDeniedException"})
	asReader := dbPath + "&roleArn=" + url.QueryEscape(reader)
	b.invoke(asReader, "200 correct-horse", got(asReader, "MISS"))
	asDirect := dbPath + "&roleArn=" + url.QueryEscape(direct) // which trusts the user, and not hop
	b.invoke(asDirect, "400 ", invoke.Answer{Request: "GET " + asDirect, Status: 400, ErrorCode: "AccessDeniedException"})
}
