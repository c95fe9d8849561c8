// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsidentity"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	cofferservice "github.com/coffer-secrets/coffer/internal/service/coffer"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	stsservice "github.com/coffer-secrets/coffer/internal/service/sts"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// twoClouds are a server that stands for AWS, whose STS verifies signatures as AWS's does,
// and one of Coffer's that lets in who is somebody there.
type twoClouds struct {
	t         *testing.T
	aws, here *servicetest.Server
	workload  servicetest.Credentials // of a session of the role orders-reader in AWS
}

const (
	awsAccount = "111122223333"
	serverID   = "coffer.example.com"
	readerHere = "arn:aws:iam::" + servicetest.Account + ":role/reader"
	writerHere = "arn:aws:iam::" + servicetest.Account + ":role/writer"
)

func newTwoClouds(t *testing.T, roles ...cofferservice.AWSRole) *twoClouds {
	t.Helper()
	c := &twoClouds{t: t, aws: servicetest.New(t, stsservice.Bind)}
	verifier, err := awsidentity.New(awsidentity.Config{Endpoint: c.aws.URL, ServerID: serverID, Now: c.aws.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	c.here = servicetest.New(t, func(g *gate.Gate, d *identity.Directory) {
		stsservice.Bind(g, d)
		cofferservice.Bind(g, d)
		cofferservice.BindLogins(g, d, cofferservice.Logins{AWS: verifier, Roles: roles})
	})
	c.workload = c.roleIn(c.aws, awsAccount, "orders-reader")
	for _, name := range []string{"reader", "writer"} {
		c.roleIn(c.here, servicetest.Account, name)
	}
	return c
}

// roleIn makes a role, and returns a session of it.
func (c *twoClouds) roleIn(s *servicetest.Server, account, name string) (session servicetest.Credentials) {
	c.t.Helper()
	if _, err := s.Store.Update(c.t.Context(), func(tx kv.Tx) error {
		p, err := s.Directory.PutPrincipal(tx, identity.Principal{Account: account, Kind: identity.Role, Name: name}, s.Clock.Now())
		if err != nil {
			return err
		}
		key, err := s.Directory.StartSession(p, identity.NewSession{Session: "fn-1", Duration: time.Hour}, s.Clock.Now())
		if err != nil {
			return err
		}
		session = servicetest.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.RevealString(), SessionToken: key.SessionToken.RevealString()}
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
	return session
}

// client is that of a function in AWS which is told to log in.
func (c *twoClouds) client(as servicetest.Credentials, settings map[string]string) *client.Client {
	c.t.Helper()
	variables := map[string]string{
		"AWS_ACCESS_KEY_ID": as.AccessKeyID, "AWS_SECRET_ACCESS_KEY": as.SecretAccessKey, "AWS_SESSION_TOKEN": as.SessionToken,
		"AWS_REGION": servicetest.Region, "AWS_LAMBDA_FUNCTION_NAME": "fn-1",
		"COFFER_ENDPOINT": c.here.URL, "COFFER_LOGIN": "aws", "COFFER_LOGIN_SERVER_ID": serverID, "COFFER_LOGIN_STS_ENDPOINT": c.aws.URL,
	}
	for name, value := range settings {
		variables[name] = value
	}
	made, err := client.New(client.Config{Getenv: func(name string) string { return variables[name] }, Now: c.here.Clock.Now})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(made.Forget)
	return made
}

// who logs in, and returns the access key that the client got and who it is here.
func (c *twoClouds) who(made *client.Client) (string, error) {
	_, err := awsjson.Do(c.t.Context(), made, coffer.ListChanges, &coffer.ListChangesInput{})
	if err != nil {
		return "", err
	}
	for _, r := range c.here.Records() {
		if r.EventName == "ListChanges" && r.ErrorCode == "" {
			_, rest, _ := strings.Cut(string(r.Line), `"arn":"`)
			name, _, _ := strings.Cut(rest, `"`)
			return name, nil
		}
	}
	return "", nil
}

func TestAWorkloadOfAWSLogsIn(t *testing.T) {
	t.Parallel()
	c := newTwoClouds(t, cofferservice.AWSRole{Principal: "arn:aws:iam::" + awsAccount + ":role/orders-*", Role: readerHere})
	got, err := c.who(c.client(c.workload, nil))
	if err != nil || got != "arn:aws:sts::"+servicetest.Account+":assumed-role/reader/fn-1" {
		t.Fatalf("it is %q, %v", got, err)
	}
	records := c.here.Records()
	line := string(records[0].Line)
	for _, part := range []string{
		`"eventSource":"coffer","eventName":"LoginWithAWS"`, `"arn":"arn:aws:sts::` + awsAccount + `:assumed-role/orders-reader/fn-1"`,
		`"type":"AssumedRole"`, `"recipientAccountId":"` + servicetest.Account + `"`, `"ARN":"` + readerHere + `"`, `"assumedRoleArn":"` + got + `"`,
	} {
		if !strings.Contains(strings.ToLower(line), strings.ToLower(part)) {
			t.Errorf("the record has no %s: %s", part, line)
		}
	}
	if strings.Contains(line, "Signature=") || strings.Contains(line, c.workload.SessionToken) {
		t.Errorf("the record has a signature: %s", line)
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	t.Parallel()
	role := func(name string) string { return "arn:aws:iam::" + awsAccount + ":role/" + name }
	c := newTwoClouds(t,
		cofferservice.AWSRole{Principal: role("orders-?eader"), Role: readerHere},
		cofferservice.AWSRole{Principal: role("orders-reader"), Role: writerHere},
		cofferservice.AWSRole{Principal: role("ghost"), Role: "arn:aws:iam::" + servicetest.Account + ":role/not-there"},
	)
	foreign := c.aws.UserIn("444455556666", "orders-reader")
	refuses := func(name string, as servicetest.Credentials, settings map[string]string, code, message string) {
		t.Helper()
		_, err := awsjson.Do(t.Context(), c.client(as, settings), coffer.ListChanges, &coffer.ListChangesInput{})
		if err == nil || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuses("a stranger", c.roleIn(c.aws, awsAccount, "payroll"), nil, "AccessDeniedException", role("payroll")+" has no role here")
	refuses("a role of another account", foreign, nil, "AccessDeniedException", "has no role here")
	refuses("a role of the name in a path", c.roleIn(c.aws, "444455556666", "orders-reader"), nil, "AccessDeniedException", "has no role here")
	refuses("a role that is not there", c.roleIn(c.aws, awsAccount, "ghost"), nil, "AccessDeniedException", "There is no role")
	forged := c.workload
	forged.SecretAccessKey = "forged"
	refuses("a forged signature", forged, nil, "AccessDeniedException", "AWS STS does not take")
	refuses("another server's request", c.workload, map[string]string{"COFFER_LOGIN_SERVER_ID": "other.example.com"}, "ValidationException", "this server's name")
	refuses("the endpoint's own name", c.workload, map[string]string{"COFFER_LOGIN_SERVER_ID": ""}, "ValidationException", "this server's name")
	refuses("another endpoint of STS", c.workload, map[string]string{"COFFER_LOGIN_STS_ENDPOINT": "https://sts.eu-west-1.amazonaws.com"}, "ValidationException", "to be signed for "+c.aws.URL)
	refuses("another role of a principal", c.workload, map[string]string{"COFFER_LOGIN_ROLE": role("orders-reader")}, "AccessDeniedException", "or not this one")
	got, err := c.who(c.client(c.workload, map[string]string{"COFFER_LOGIN_ROLE": writerHere}))
	if err != nil || !strings.Contains(got, "assumed-role/writer/") {
		t.Errorf("the second role of a principal: %q, %v", got, err)
	}
	c.aws.Clock.Advance(2 * time.Hour)
	refuses("by another clock", c.workload, nil, "ValidationException", "was signed more than")

	bare := servicetest.New(t, func(g *gate.Gate, d *identity.Directory) { cofferservice.BindLogins(g, d, cofferservice.Logins{}) })
	c.here = bare
	refuses("a server that lets nobody in", c.workload, nil, "AccessDeniedException", "login.aws")
}

// TestTheLoginsOwnPath logs in by the path that people are told.
func TestTheLoginsOwnPath(t *testing.T) {
	t.Parallel()
	c := newTwoClouds(t, cofferservice.AWSRole{Principal: "arn:aws:iam::" + awsAccount + ":role/orders-reader", Role: readerHere})
	req, err := http.NewRequest(http.MethodPost, c.aws.URL+"/", strings.NewReader(awsidentity.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set(awsidentity.ServerIDHeader, serverID)
	if err := new(sigv4.Signer).Sign(req, []byte(awsidentity.Body), sigv4.Signing{
		Credentials: sigv4.Credentials{AccessKeyID: c.workload.AccessKeyID, SecretAccessKey: secret.FromString(c.workload.SecretAccessKey), SessionToken: c.workload.SessionToken},
		Region:      "us-east-1", Service: "sts", Time: c.here.Clock.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	in := &coffer.LoginWithAWSInput{Method: new("POST"), URL: new(c.aws.URL), Body: new(awsidentity.Body), DurationSeconds: new(int32(900))}
	for name, values := range req.Header {
		in.Headers = append(in.Headers, coffer.LoginHeader{Name: new(name), Value: secret.NewText(values[0])})
	}
	post := func(in *coffer.LoginWithAWSInput) (*http.Response, error) {
		return http.Post(c.here.URL+"/coffer/v1/login/aws", "application/json", strings.NewReader(string(awsjson.Encode(in))))
	}
	res, err := post(in)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := make([]byte, 4096)
	n, _ := res.Body.Read(body)
	var out coffer.LoginWithAWSOutput
	if err := awsjson.Decode(body[:n], &out); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", res.StatusCode, body[:n], err)
	}
	if *out.Version != 1 || *out.Expiration != c.here.Clock.Now().Add(15*time.Minute).UTC().Format(time.RFC3339) || out.SessionToken.Len() == 0 {
		t.Errorf("got %s", body[:n])
	}
	in.DurationSeconds = new(int32(7200))
	long, err := post(in)
	if err != nil {
		t.Fatal(err)
	}
	if long.Body.Close(); long.StatusCode != http.StatusBadRequest {
		t.Errorf("a session of two hours: %d", long.StatusCode)
	}
}

func TestRolesThatCantBeGiven(t *testing.T) {
	t.Parallel()
	for _, r := range []cofferservice.AWSRole{
		{Principal: "*", Role: readerHere},
		{Principal: "arn:aws:iam::*:role/app", Role: readerHere},
		{Principal: "arn:aws:iam::aws:role/app", Role: readerHere},
		{Principal: "arn:aws:iam::" + awsAccount + ":*", Role: readerHere},
		{Principal: "arn:aws:iam::" + awsAccount + ":root", Role: readerHere},
		{Principal: "arn:aws:sts::" + awsAccount + ":assumed-role/app/x", Role: readerHere},
		{Principal: "arn:aws:iam::" + awsAccount + ":role/[a-", Role: readerHere},
		{Principal: "arn:aws:iam::" + awsAccount + ":role/app", Role: "reader"},
		{Principal: "arn:aws:iam::" + awsAccount + ":role/app", Role: "arn:aws:iam::" + servicetest.Account + ":root"},
	} {
		if r.Check() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}
