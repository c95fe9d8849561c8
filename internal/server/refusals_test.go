// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	trusting = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/victim"},"Action":"sts:AssumeRole"}}`
	nothing  = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	mistaken = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}}`
	token    = "5e8b1f0c-0b1a-4c8e-9d58-6f8a2d1c0e11"
)

// refusals is a server in which everything is there that operations are about.
type refusals struct {
	*server.Server
	t      *testing.T
	root   sigv4.Credentials
	values map[string]any // by member, or by operation and member
}

// call calls an operation, and returns its answer decoded as JSON has it, if it is JSON.
func (f *refusals) call(as sigv4.Credentials, service *api.Service, name string, in any) (map[string]any, error) {
	f.t.Helper()
	c, err := client.New(client.Config{
		Getenv: func(string) string { return "" }, Endpoint: "http://127.0.0.1:1", Region: "us-east-1", Credentials: client.Static(as), Transport: direct{f.Handler()},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	body := awsjson.Encode(in)
	if service.Protocol == api.Query {
		body = awsquery.EncodeForm(service, name, in)
	}
	answer, err := c.Call(f.t.Context(), service, name, body)
	var out map[string]any
	_ = json.Unmarshal(answer, &out)
	return out, err
}

// make calls an operation as root, to make what others are about.
func (f *refusals) make(action string) map[string]any {
	f.t.Helper()
	op := f.operation(action)
	in := f.request(op)
	out, err := f.call(f.root, op.Service, op.Name, in)
	if err != nil {
		f.t.Fatalf("making what is needed: %v", err)
	}
	return out
}

func (f *refusals) operation(action string) gate.Operation {
	f.t.Helper()
	all := f.Operations()
	i := slices.IndexFunc(all, func(op gate.Operation) bool { return op.Service.Name+":"+op.Name == action })
	if i < 0 {
		f.t.Fatalf("there is no operation %s", action)
	}
	return all[i]
}

// request is a valid request of an operation.
func (f *refusals) request(op gate.Operation) any {
	f.t.Helper()
	in := op.NewInput()
	sample{op.Service.Name + ":" + op.Name, f.values}.fill(reflect.ValueOf(in).Elem())
	if err := op.Service.Validate(in); err != nil {
		f.t.Errorf("a request of %s:%s is not valid: give its member a value in the table of this test: %v", op.Service.Name, op.Name, err)
	}
	return in
}

// user makes a user with a policy and a key.
func (f *refusals) user(account, name, document string) sigv4.Credentials {
	f.t.Helper()
	p := identity.Principal{Account: account, Kind: identity.User, Name: name, Policies: map[string]string{}}
	if document != "" {
		p.Policies["p"] = document
	}
	var key *identity.GrantedKey
	if _, err := f.Store.Update(f.t.Context(), func(tx kv.Tx) (err error) {
		if err = f.Directory.EnsurePrincipal(tx, p, true, time.Now()); err == nil {
			key, err = f.Directory.CreateKey(tx, identity.NewKey{Account: account, Kind: identity.User, Name: name}, time.Now())
		}
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	return sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
}

// stored is all that the store has, but for the days on which keys were used.
func (f *refusals) stored() map[string]string {
	f.t.Helper()
	all := map[string]string{}
	if _, err := f.Store.View(f.t.Context(), func(r kv.Reader) error {
		for pair, err := range r.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(pair.Key, "iam/use/") && !strings.HasPrefix(pair.Key, "audit/") {
				all[pair.Key] = string(pair.Value)
			}
		}
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	return all
}

func newRefusals(t *testing.T) *refusals {
	t.Helper()
	on := server.InMemory()
	s, err := server.OpenOn(context.Background(), server.Config{Data: t.TempDir()}, slog.New(slog.DiscardHandler), on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	key, err := s.DevKey(t.Context(), "", secret.Value{})
	if err != nil {
		t.Fatal(err)
	}
	f := &refusals{Server: s, t: t, root: sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, values: map[string]any{}}
	victim := f.user("000000000000", "victim", nothing)
	maps.Copy(f.values, samples)
	f.values["AccessKeyId"] = victim.AccessKeyID
	made := f.make("kms:CreateKey")["KeyMetadata"].(map[string]any)
	f.values["KeyId"], f.values["TargetKeyId"], f.values["DestinationKeyId"], f.values["SourceKeyId"] = made["KeyId"], made["KeyId"], made["KeyId"], made["KeyId"]
	f.make("kms:CreateAlias")
	out, err := f.call(f.root, kms.Service, "Encrypt", f.request(f.operation("kms:Encrypt")))
	if err != nil {
		t.Fatal(err)
	}
	var blob []byte
	if text, _ := json.Marshal(out["CiphertextBlob"]); json.Unmarshal(text, &blob) != nil {
		t.Fatalf("Encrypt answered %v", out)
	}
	f.values["CiphertextBlob"], f.values["kms:Decrypt.CiphertextBlob"] = blob, blob
	f.values["SecretId"] = f.make("secretsmanager:CreateSecret")["ARN"]
	f.values["secretsmanager:CreateSecret.Name"] = "prod/another"
	f.make("ssm:PutParameter")
	for _, action := range []string{"iam:CreateGroup", "iam:CreateRole", "iam:CreatePolicy"} {
		f.make(action)
	}
	f.values["iam:CreateUser.UserName"], f.values["iam:CreateGroup.GroupName"], f.values["iam:CreateRole.RoleName"], f.values["iam:CreatePolicy.PolicyName"] = "another", "another", "another", "another"
	return f
}

// samples are values of members by their names, and of members of one operation.
var samples = map[string]any{
	"AliasName": "alias/prod", "UserName": "victim", "GroupName": "victims", "RoleName": "victim", "PolicyName": "victim", "InstanceProfileName": "none",
	"PolicyArn": "arn:aws:iam::000000000000:policy/victim", "PolicySourceArn": "arn:aws:iam::000000000000:user/victim", "PermissionsBoundary": "arn:aws:iam::000000000000:policy/victim",
	"RoleArn": "arn:aws:iam::000000000000:role/victim", "OpenIDConnectProviderArn": "arn:aws:iam::000000000000:oidc-provider/example.com",
	"PolicyDocument": nothing, "AssumeRolePolicyDocument": trusting, "PolicyInputList": nothing, "ActionNames": "s3:GetObject",
	"iam:PutGroupPolicy.PolicyName": "p", "TagKeys": "team", "ResourceArn": "arn:aws:ssm:us-east-1:000000000000:parameter/prod/db",
	"RemoveReplicaRegions": "eu-west-1", "RetiringPrincipal": "arn:aws:iam::000000000000:user/victim", "kms:RetireGrant.KeyId": "arn:aws:kms:us-east-1:000000000000:key/1", "kms:RetireGrant.GrantId": strings.Repeat("0", 64),
	"iam:GetPolicyVersion.VersionId": "v1", "iam:DeletePolicyVersion.VersionId": "v1", "iam:SetDefaultPolicyVersion.VersionId": "v1",
	"ThumbprintList": strings.Repeat("0", 40), "sts:GetFederationToken.Name": "ada",
	"Name": "/prod/db", "Names": "/prod/db", "Path": "/prod", "secretsmanager:CreateSecret.Name": "prod/db", "secretsmanager:CreateSecret.ClientRequestToken": token, "secretsmanager:CreateSecret.SecretString": secret.NewText("x"), "ClientRequestToken": token,
	"ssm:PutParameter.Type": "String", "ssm:PutParameter.Value": secret.NewText("x"),
}

// TestEveryOperationRefuses calls every operation of every service as somebody whose key
// nobody knows, as a user without permissions, and as one who has all on what has another
// tag: each is refused, and nothing changes.
func TestEveryOperationRefuses(t *testing.T) {
	t.Parallel()
	f := newRefusals(t)
	callers := map[string]sigv4.Credentials{
		"a stranger":       {AccessKeyID: "AKIANOBODYKNOWS00000", SecretAccessKey: secret.FromString("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")},
		"without policies": f.user("000000000000", "unprivileged", ""),
		"with a wrong tag": f.user("000000000000", "mistagged", mistaken),
	}
	before := f.stored()
	called := 0
	for _, op := range f.Operations() {
		if !op.Bound {
			continue
		}
		for name, as := range callers {
			if op.Unsigned || op.Open && name != "a stranger" {
				continue
			}
			called++
			want := []string{"AccessDenied", "AccessDeniedException"}
			if name == "a stranger" {
				want = []string{"UnrecognizedClientException", "InvalidClientTokenId"}
			}
			_, err := f.call(as, op.Service, op.Name, f.request(op))
			if answer, ok := errors.AsType[*api.Error](err); !ok || !slices.Contains(want, answer.Code) {
				t.Errorf("%s:%s, %s: %v", op.Service.Name, op.Name, name, err)
			}
		}
		if after := f.stored(); !maps.Equal(before, after) {
			t.Errorf("%s:%s changed the store: %s", op.Service.Name, op.Name, changed(before, after))
			before = after
		}
	}
	if called < 100 {
		t.Errorf("only %d calls were made", called)
	}
}

// changed names the keys in which two states of the store differ.
func changed(before, after map[string]string) string {
	var keys []string
	for key := range before {
		if after[key] != before[key] {
			keys = append(keys, key)
		}
	}
	for key := range after {
		if _, there := before[key]; !there {
			keys = append(keys, key)
		}
	}
	return fmt.Sprint(keys)
}
