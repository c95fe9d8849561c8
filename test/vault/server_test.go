// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	awsauth "github.com/hashicorp/vault/builtin/credential/aws"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/vault"
)

// server is a Vault server in this process, unsealed, with its root token.
type server struct {
	*testing.T
	core *vault.Core
	url  string
	root string
}

// newServer starts a server that has
//
//	secret/      KV, version 2      secret/db: two versions
//	plain/       KV, version 1      plain/db
//	rented/      what is given under leases: rented/creds
//
// and a policy, reader, that may read them all but what is below denied.
func newServer(t *testing.T) *server {
	t.Helper()
	core, _, root := vault.TestCoreUnsealedWithConfig(t, &vault.CoreConfig{
		LogicalBackends: map[string]logical.Factory{"kv": kv.Factory, "rented": rented},
		CredentialBackends: map[string]logical.Factory{
			"approle": approle.Factory, "aws": awsauth.Factory, "jwt": jwtauth.Factory,
		},
	})
	listener, url := vaulthttp.TestServer(t, core)
	t.Cleanup(func() { listener.Close() })
	s := &server{t, core, url, root}
	_, _ = s.call("DELETE", "sys/mounts/secret", "")
	s.do("POST", "sys/mounts/secret", `{"type":"kv","options":{"version":"2"}}`)
	s.do("POST", "sys/mounts/plain", `{"type":"kv","options":{"version":"1"}}`)
	s.do("POST", "sys/mounts/rented", `{"type":"rented"}`)
	s.do("POST", "plain/db", `{"password":"plain"}`)
	s.eventually("POST", "secret/data/db", `{"data":{"password":"first"}}`) // it is being upgraded
	s.do("POST", "secret/data/db", `{"data":{"password":"second","port":5432}}`)
	s.do("POST", "secret/data/denied/db", `{"data":{"password":"hidden"}}`)
	policy, _ := json.Marshal(map[string]string{"policy": `
		path "secret/*" { capabilities = ["read", "create", "update", "list"] }
		path "secret/data/denied/*" { capabilities = ["deny"] }
		path "plain/*" { capabilities = ["read"] }
		path "rented/*" { capabilities = ["read"] }`})
	s.do("POST", "sys/policies/acl/reader", string(policy))
	return s
}

// call sends a request as root.
func (s *server) call(method, path, body string) (int, []byte) {
	s.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+"/v1/"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", s.root)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res.StatusCode, answer
}

// do is call for what must succeed. It returns the answer's data, or else its auth.
func (s *server) do(method, path, body string) map[string]any {
	s.Helper()
	status, answer := s.call(method, path, body)
	if status >= 300 {
		s.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	var all struct{ Data map[string]any }
	_ = json.Unmarshal(answer, &all)
	return all.Data
}

// patience bounds what takes no time.
const patience = time.Minute

// eventually repeats what is not possible yet.
func (s *server) eventually(method, path, body string) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for {
		status, answer := s.call(method, path, body)
		if status < 300 {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
	}
}

// approle makes a role whose tokens live for so many seconds, and returns the ids to log in
// with.
func (s *server) approle(options string) (roleID, secretID string) {
	s.Helper()
	s.do("POST", "sys/auth/approle", `{"type":"approle"}`)
	s.do("POST", "auth/approle/role/app", `{"token_policies":"reader",`+options+`}`)
	return s.do("GET", "auth/approle/role/app/role-id", "")["role_id"].(string),
		s.do("POST", "auth/approle/role/app/secret-id", "")["secret_id"].(string)
}

// rented is an engine whose credentials are under leases: an hour's, three hours at most.
func rented(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
	count := 0
	b := &framework.Backend{BackendType: logical.TypeLogical}
	secret := &framework.Secret{
		Type: "creds", Fields: map[string]*framework.FieldSchema{"user": {Type: framework.TypeString}},
		Renew: func(_ context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
			req.Secret.TTL, req.Secret.MaxTTL = time.Hour, 3*time.Hour
			return &logical.Response{Secret: req.Secret}, nil
		},
		Revoke: func(context.Context, *logical.Request, *framework.FieldData) (*logical.Response, error) {
			return nil, nil
		},
	}
	b.Secrets = []*framework.Secret{secret}
	b.Paths = []*framework.Path{{
		Pattern: "creds",
		Operations: map[logical.Operation]framework.OperationHandler{logical.ReadOperation: &framework.PathOperation{
			Callback: func(context.Context, *logical.Request, *framework.FieldData) (*logical.Response, error) {
				count++
				res := secret.Response(map[string]any{"user": fmt.Sprint("user", count)}, nil)
				res.Secret.TTL, res.Secret.MaxTTL, res.Secret.Renewable = time.Hour, 3*time.Hour, true
				return res, nil
			},
		}},
	}}
	return b, b.Setup(ctx, conf)
}
