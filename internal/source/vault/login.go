// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Login gets what proves who we are. It is asked anew for each login.
type Login func(context.Context) (Proof, error)

// Proof is a login's request, or a token that needs none.
type Proof struct {
	path  string // auth/MOUNT/login
	body  []byte
	token secret.Value
}

// LoginError is the failure to get a token.
type LoginError struct{ Err error }

// Error implements error.
func (e *LoginError) Error() string { return "logging in: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *LoginError) Unwrap() error { return e.Err }

// maxFile bounds a file with a token, a JWT or a secret id, in bytes.
const maxFile = 64 << 10

// Read gets a part of a proof. It is asked anew for each login.
type Read func() (secret.Value, error)

// Text returns a Read of a text that is known.
func Text(s string) Read {
	return func() (secret.Value, error) { return secret.FromString(s), nil }
}

// File returns a Read of a file, without the space around its content.
func File(name string) Read {
	return func() (secret.Value, error) {
		f, err := os.Open(name)
		if err != nil {
			return secret.Value{}, err
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		defer clear(b)
		if err != nil {
			return secret.Value{}, err
		}
		text := strings.TrimSpace(string(b))
		if text == "" || len(b) > maxFile {
			return secret.Value{}, fmt.Errorf("the file %s is empty or too long", name)
		}
		return secret.FromString(text), nil
	}
}

// Token is the login of who has a token. One that ends is renewed, if Vault lets it, and
// read again when it has ended.
func Token(read Read) Login {
	return func(context.Context) (Proof, error) {
		v, err := read()
		if err == nil && strings.ContainsAny(v.RevealString(), "\r\n") {
			err = errors.New("the token is not one line")
		}
		return Proof{token: v}, err
	}
}

// AppRole is the login with a role id and a secret id, which may be nil.
func AppRole(mount string, roleID, secretID Read) Login {
	return func(context.Context) (Proof, error) {
		role, err := roleID()
		if err != nil {
			return Proof{}, err
		}
		members := map[string]string{"role_id": role.RevealString()}
		if secretID != nil {
			id, err := secretID()
			if err != nil {
				return Proof{}, err
			}
			members["secret_id"] = id.RevealString()
		}
		return loginAt(mount, members)
	}
}

// JWT is the login with a JSON Web Token, as the auth methods jwt and kubernetes take it.
func JWT(mount, role string, token Read) Login {
	return func(context.Context) (Proof, error) {
		v, err := token()
		if err != nil {
			return Proof{}, err
		}
		return loginAt(mount, map[string]string{"role": role, "jwt": v.RevealString()})
	}
}

// AWS is the login with an AWS role: Vault is handed a signed request for
// GetCallerIdentity, and sends it to STS to find out who signed it.
type AWS struct {
	// Mount is where the auth method is.
	Mount string
	// Role is Vault's role.
	Role string
	// ServerID is the header X-Vault-AWS-IAM-Server-ID, which then is signed too: so no
	// other server can log in with our request. It may be empty.
	ServerID string
	// Region is that of STS's endpoint, which must be Vault's too. Empty means the global
	// endpoint.
	Region string
	// Credentials sign the request.
	Credentials client.Provider
	// Now is the wall clock.
	Now func() time.Time
}

// callerIdentity is the body of STS's GetCallerIdentity.
const callerIdentity = "Action=GetCallerIdentity&Version=2011-06-15"

// The global endpoint of STS, and the region that requests to it are signed for (IAM User
// Guide, "Manage AWS STS in an AWS Region").
const (
	globalSTS       = "https://sts.amazonaws.com/"
	globalSTSRegion = "us-east-1"
)

// Login is a Login.
func (a AWS) Login(ctx context.Context) (Proof, error) {
	creds, err := a.Credentials.Retrieve(ctx)
	if err != nil {
		return Proof{}, fmt.Errorf("getting AWS credentials: %w", err)
	}
	to, region := globalSTS, globalSTSRegion
	if a.Region != "" {
		region = a.Region
		if to, err = client.AWSEndpoint("sts", region); err != nil {
			return Proof{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(callerIdentity))
	if err != nil {
		return Proof{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if a.ServerID != "" {
		req.Header.Set("X-Vault-AWS-IAM-Server-ID", a.ServerID)
	}
	signing := sigv4.Signing{Credentials: creds, Region: region, Service: "sts", Time: a.Now()}
	if err := new(sigv4.Signer).Sign(req, []byte(callerIdentity), signing); err != nil {
		return Proof{}, err
	}
	headers, err := json.Marshal(req.Header)
	if err != nil {
		return Proof{}, err
	}
	return loginAt(a.Mount, map[string]string{
		"role":                    a.Role,
		"iam_http_request_method": http.MethodPost,
		"iam_request_url":         base64.StdEncoding.EncodeToString([]byte(to)),
		"iam_request_body":        base64.StdEncoding.EncodeToString([]byte(callerIdentity)),
		"iam_request_headers":     base64.StdEncoding.EncodeToString(headers),
	})
}

func loginAt(mount string, members map[string]string) (Proof, error) {
	body, err := json.Marshal(members)
	return Proof{path: "auth/" + mount + "/login", body: body}, err
}

// lookUp asks about a token that nobody told the life of. That it may not be asked about is
// no reason not to use it.
func (k *keeper) lookUp(ctx context.Context, token secret.Value) (*session, error) {
	now := k.now()
	a, err := k.server.send(ctx, Request{Method: http.MethodGet, Path: prefix + "auth/token/lookup-self"}, token.RevealString())
	if err != nil {
		return nil, err
	}
	if err := refusal(a); err != nil {
		if client.Unavailable(err) {
			return nil, err
		}
		return newSession(token, 0, false, now), nil
	}
	r, err := decode(a.Body)
	if err != nil {
		return nil, err
	}
	defer clear(r.Data) // has the token in it
	var about struct {
		TTL       int64 `json:"ttl"`
		Renewable bool  `json:"renewable"`
	}
	if json.Unmarshal(r.Data, &about) != nil {
		return nil, errUnreadable
	}
	return newSession(token, seconds(about.TTL), about.Renewable, now), nil
}
