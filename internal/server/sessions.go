// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/functions"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

const (
	// byFunctions is where the acts of functions' sessions come from.
	byFunctions = "functions"
	// sessionPrefix marks the sessions of functions, before the function's name.
	sessionPrefix = "function."
	// maxSessionName is how long a session's name may be, in bytes (STS API Reference,
	// AssumeRole).
	maxSessionName = 64
	// sessionLength is how long the session of an environment lasts; the environment is
	// renewed before.
	sessionLength = time.Hour
)

// sessions gives programs their credentials: sessions of roles, each made and withdrawn
// with a record of it.
type sessions struct{ vault *Vault }

var _ functions.Sessions = sessions{}

// Open implements functions.Sessions.
func (s sessions) Open(ctx context.Context, account, role, function string) (lambdahost.Credentials, error) {
	name := sessionPrefix + function
	name = name[:min(len(name), maxSessionName)]
	var key *identity.GrantedKey
	act := &Act{Name: "AssumeRole", By: byFunctions, Details: map[string]string{"roleName": role, "roleSessionName": name}}
	err := s.vault.Do(ctx, act, func(tx kv.Tx) (err error) {
		key, err = s.vault.Directory.CreateKey(tx, identity.NewKey{
			Account: account, Kind: identity.Role, Name: role, Session: name, Duration: sessionLength,
		}, s.vault.now())
		if err == nil {
			act.Details["accessKeyId"] = key.ID
		}
		return err
	})
	if err != nil {
		return lambdahost.Credentials{}, err
	}
	return lambdahost.Credentials{
		AccessKeyID: key.ID, SecretAccessKey: secret.Text{Value: key.Secret},
		SessionToken: secret.Text{Value: key.SessionToken}, Expiration: key.Expires,
	}, nil
}

// Withdraw implements functions.Sessions.
func (s sessions) Withdraw(ctx context.Context, accessKeyID string) error {
	act := &Act{Name: "DeleteAccessKey", By: byFunctions, Details: map[string]string{"accessKeyId": accessKeyID}}
	err := s.vault.Do(ctx, act, func(tx kv.Tx) error { return s.vault.Directory.DeleteKey(tx, accessKeyID) })
	if errors.Is(err, identity.ErrNoKey) {
		return nil // its role is gone
	}
	return err
}

// withdrawSessions ends the sessions of functions that an earlier run of the server has
// left, because it crashed.
func (s *Server) withdrawSessions(ctx context.Context) error {
	var all []*identity.AccessKey
	if _, err := s.Store.View(ctx, func(r kv.Reader) (err error) {
		all, err = s.Directory.Keys(r, "", "", "")
		return err
	}); err != nil {
		return err
	}
	for _, k := range all {
		if !strings.HasPrefix(k.Session, sessionPrefix) {
			continue
		}
		if err := (sessions{s.Vault}).Withdraw(ctx, k.ID); err != nil {
			return err
		}
	}
	return nil
}
