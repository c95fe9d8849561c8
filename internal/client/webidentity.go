// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// maxWebIdentity bounds the token, in bytes (STS API Reference,
// AssumeRoleWithWebIdentity: WebIdentityToken).
const maxWebIdentity = 20_000

// webIdentity issues credentials of the role AWS_ROLE_ARN to whoever has the token in the
// file AWS_WEB_IDENTITY_TOKEN_FILE, as EKS gives them to a service account (IRSA).
type webIdentity struct {
	caller *Client // who signs nothing
	getenv func(string) string
}

func (w webIdentity) ask(ctx context.Context) (sigv4.Credentials, time.Time, error) {
	role, session := w.getenv("AWS_ROLE_ARN"), w.getenv("AWS_ROLE_SESSION_NAME")
	if session == "" {
		session = sessionName
	}
	token, err := readToken(w.getenv("AWS_WEB_IDENTITY_TOKEN_FILE"))
	if err != nil {
		return sigv4.Credentials{}, time.Time{}, &RoleError{role, err}
	}
	defer token.Wipe()
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: &session, WebIdentityToken: secret.Text{Value: token}}
	var out sts.AssumeRoleWithWebIdentityOutput
	if err := w.caller.assume(ctx, sts.AssumeRoleWithWebIdentity.Name, in, &out); err != nil {
		return sigv4.Credentials{}, time.Time{}, &RoleError{role, err}
	}
	return issued(role, out.Credentials)
}

// readToken reads the file anew each time: its owner changes it before the token expires.
func readToken(file string) (secret.Value, error) {
	f, err := os.Open(file)
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading the web identity token: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxWebIdentity+1))
	if err != nil || len(b) > maxWebIdentity {
		clear(b)
		return secret.Value{}, errors.Join(errors.New("the file of the web identity token can't be read, or is too long"), err)
	}
	return secret.New(b), nil
}
