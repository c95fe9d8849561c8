// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	// maxRoles bounds the roles whose credentials a Client holds at once. Of more, that
	// which was not used for longest is assumed anew when it is asked for again.
	maxRoles = 16
	// sessionName is what the role's owner sees in CloudTrail.
	sessionName = "coffer-extension"
)

// RoleError is a role that could not be assumed. Whether STS refused or could not be
// reached is in Err.
type RoleError struct {
	Role string // its ARN
	Err  error
}

// Error implements error.
func (e *RoleError) Error() string { return "assuming " + e.Role + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *RoleError) Unwrap() error { return e.Err }

// As returns the caller of the role with that ARN, which c assumes when it is first used
// and again before its credentials expire. It shares c's connections.
func (c *Client) As(role string) awsjson.Caller {
	return c.roles.of(role, func() *Client {
		return c.with(c.Assuming(role))
	})
}

// Assuming returns the credentials of the role with that ARN, which c assumes when they are
// first used and again before they expire, for those who call with other means than c.
func (c *Client) Assuming(role string) Provider {
	return newRenewed(assumption{c, role}.ask, c.clock)
}

// roles are the clients of the roles that were used last.
type roles struct {
	mu  sync.Mutex
	all []roleClient // the last used first
}

type roleClient struct {
	role   string
	client *Client
}

func (r *roles) of(role string, newClient func() *Client) *Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.all, func(c roleClient) bool { return c.role == role })
	if i < 0 {
		i = min(len(r.all), maxRoles-1)
		r.all = append(r.all[:i], roleClient{role, newClient()})
	}
	found := r.all[i]
	copy(r.all[1:i+1], r.all[:i])
	r.all[0] = found
	return found.client
}

// forget drops the clients, and so their credentials, which are nowhere else.
func (r *roles) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.all {
		c.client.credentials.Forget()
	}
	r.all = nil
}

// assumption issues credentials of a role to a caller who may assume it.
type assumption struct {
	caller *Client
	role   string
}

func (a assumption) ask(ctx context.Context) (sigv4.Credentials, time.Time, error) {
	in := &sts.AssumeRoleInput{RoleArn: &a.role, RoleSessionName: new(sessionName)}
	var out sts.AssumeRoleOutput
	if err := a.caller.assume(ctx, sts.AssumeRole.Name, in, &out); err != nil {
		return sigv4.Credentials{}, time.Time{}, &RoleError{a.role, err}
	}
	return issued(a.role, out.Credentials)
}

// assume calls an operation of STS. A refusal has the code that the services which are to
// be called then have for theirs.
func (c *Client) assume(ctx context.Context, operation string, in, out any) error {
	answer, err := c.Call(ctx, sts.Service, operation, awsquery.EncodeForm(sts.Service, operation, in))
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.AccessDenied.Code {
		return api.AccessDeniedException.New(e.Message).WithCause(err)
	}
	if err != nil {
		return err
	}
	defer clear(answer)
	if err := awsquery.DecodeAnswer(operation, answer, out); err != nil {
		return fmt.Errorf("decoding the answer of sts:%s: %w", operation, err)
	}
	return nil
}

// issued returns the credentials in an answer of STS.
func issued(role string, c *sts.Credentials) (sigv4.Credentials, time.Time, error) {
	if c == nil || c.AccessKeyId == nil || c.SecretAccessKey.Len() == 0 || c.SessionToken.Len() == 0 || c.Expiration == nil {
		return sigv4.Credentials{}, time.Time{}, &RoleError{role, errors.New("the answer has no credentials")}
	}
	return sigv4.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: c.SecretAccessKey.Value, SessionToken: c.SessionToken.RevealString(),
	}, c.Expiration.Time, nil
}
