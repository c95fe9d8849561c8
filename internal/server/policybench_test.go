// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// ofTeam is one of the policies of the benchmark's user: three statements that the call has
// to be held against, of which the fifth policy's allow it.
func ofTeam(n int) string {
	action := "secretsmanager:DescribeSecret"
	if n == 4 {
		action = "secretsmanager:GetSecretValue"
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":[%q,"ssm:Get*"],"Resource":"arn:aws:secretsmanager:*:*:secret:prod/*","Condition":{"StringEquals":{"aws:ResourceTag/team":"orders"}}},
		{"Effect":"Deny","Action":"secretsmanager:*","Resource":"arn:aws:secretsmanager:*:*:secret:team-%d/*"},
		{"Effect":"Deny","Action":"secretsmanager:Delete*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`, action, n)
}

// BenchmarkPolicies measures GetSecretValue as root of a secret without a policy, and as a
// user with five policies of one with a policy, in turns, so that both meet the same machine.
func BenchmarkPolicies(b *testing.B) {
	ctx := context.Background()
	s, err := server.Open(ctx, server.Config{Data: b.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key, err := s.DevKey(ctx, "", secret.Value{})
	if err != nil {
		b.Fatal(err)
	}
	user := identity.Principal{Account: s.Config.Account, Kind: identity.User, Name: "ada", Policies: map[string]string{}}
	for n := range 5 {
		user.Policies[fmt.Sprint("team-", n)] = ofTeam(n)
	}
	var ada *identity.GrantedKey
	if _, err := s.Store.Update(ctx, func(tx kv.Tx) (err error) {
		if err = s.Directory.EnsurePrincipal(tx, user, true, time.Now()); err == nil {
			ada, err = s.Directory.CreateKey(tx, identity.NewKey{Account: user.Account, Kind: user.Kind, Name: user.Name}, time.Now())
		}
		return err
	}); err != nil {
		b.Fatal(err)
	}
	root := sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	c, err := client.New(client.Config{Endpoint: "http://127.0.0.1:1", Region: "us-east-1", Credentials: client.Static(root), Transport: direct{s.Handler()}})
	if err != nil {
		b.Fatal(err)
	}
	name, plain := "prod/db", "prod/plain"
	for _, name := range []string{name, plain} {
		if _, err := awsjson.Do(ctx, c, secretsmanager.CreateSecret, &secretsmanager.CreateSecretInput{
			Name: &name, SecretString: secret.NewText("x"), ClientRequestToken: new("5e8b1f0c-0b1a-4c8e-9d58-6f8a2d1c0e11"),
			Tags: []secretsmanager.Tag{{Key: new("team"), Value: new("orders")}},
		}); err != nil {
			b.Fatal(err)
		}
	}
	document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Principal":"*","Action":"secretsmanager:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":%q}}},
		{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`, s.Config.Account)
	if _, err := awsjson.Do(ctx, c, secretsmanager.PutResourcePolicy, &secretsmanager.PutResourcePolicyInput{SecretId: &name, ResourcePolicy: &document}); err != nil {
		b.Fatal(err)
	}
	asRoot, asUser := secretReader{b, s, root}, secretReader{b, s, sigv4.Credentials{AccessKeyID: ada.ID, SecretAccessKey: ada.Secret}}
	var times [2][]time.Duration
	for b.Loop() {
		times[0] = append(times[0], asRoot.read(plain))
		times[1] = append(times[1], asUser.read(name))
	}
	medians := [2]float64{}
	for i := range times {
		slices.Sort(times[i])
		medians[i] = float64(times[i][len(times[i])/2])
	}
	b.ReportMetric(medians[0], "root-ns")
	b.ReportMetric(medians[1], "user-ns")
	b.ReportMetric((medians[1]/medians[0]-1)*100, "%loss")
}

// secretReader reads a secret with one key.
type secretReader struct {
	b  *testing.B
	s  *server.Server
	as sigv4.Credentials
}

// read returns how long the handler took.
func (r secretReader) read(name string) time.Duration {
	body := fmt.Sprintf(`{"SecretId":%q}`, name)
	req, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:1/", bytes.NewReader([]byte(body)))
	if err != nil {
		r.b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	if err := new(sigv4.Signer).Sign(req, []byte(body), sigv4.Signing{Credentials: r.as, Region: "us-east-1", Service: "secretsmanager", Time: time.Now()}); err != nil {
		r.b.Fatal(err)
	}
	var raw bytes.Buffer
	if err := req.Write(&raw); err != nil {
		r.b.Fatal(err)
	}
	in, err := http.ReadRequest(bufio.NewReader(&raw))
	if err != nil {
		r.b.Fatal(err)
	}
	var answer recorder
	start := time.Now()
	r.s.Handler().ServeHTTP(&answer, in)
	took := time.Since(start)
	if answer.status != http.StatusOK {
		r.b.Fatalf("status %d: %s", answer.status, answer.body.Bytes())
	}
	return took
}
