// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	stsservice "github.com/coffer-secrets/coffer/internal/service/sts"
)

// TestGetCallerIdentity asks over the AWS SDK who one is, as everybody who can sign.
func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, stsservice.Bind)
	ada := s.User("ada", servicetest.Deny("*", "*"))
	var session servicetest.Credentials
	if _, err := s.Store.Update(t.Context(), func(tx kv.Tx) error {
		if _, err := s.Directory.PutPrincipal(tx, identity.Principal{Account: servicetest.Account, Kind: identity.Role, Name: "app"}, s.Clock.Now()); err != nil {
			return err
		}
		key, err := s.Directory.CreateKey(tx, identity.NewKey{
			Account: servicetest.Account, Kind: identity.Role, Name: "app", Session: "i-1", Duration: time.Hour,
		}, s.Clock.Now())
		if err != nil {
			return err
		}
		session = servicetest.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.RevealString(), SessionToken: key.SessionToken.RevealString()}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		as      servicetest.Credentials
		arn, id string
	}{
		{s.Root, "arn:aws:iam::123456789012:root", "123456789012"},
		{ada, "arn:aws:iam::123456789012:user/ada", "AIDA"},
		{session, "arn:aws:sts::123456789012:assumed-role/app/i-1", "AROA"},
	} {
		out, err := sts.NewFromConfig(s.Config(c.as)).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Errorf("%s: %v", c.arn, err)
			continue
		}
		if *out.Arn != c.arn || *out.Account != servicetest.Account || !strings.HasPrefix(*out.UserId, c.id) {
			t.Errorf("%s is told to be %s, %s", c.arn, *out.Arn, *out.UserId)
		}
		if strings.HasPrefix(c.id, "AROA") && !strings.HasSuffix(*out.UserId, ":i-1") {
			t.Errorf("the session's id is %s", *out.UserId)
		}
	}

	without := session
	without.SessionToken = ""
	wrong := ada
	wrong.SecretAccessKey = session.SecretAccessKey
	refused(t, s, without, "InvalidClientTokenId", http.StatusForbidden)
	refused(t, s, wrong, "SignatureDoesNotMatch", http.StatusForbidden)
	refused(t, s, servicetest.Credentials{AccessKeyID: "AKIANOTTHERE00000000", SecretAccessKey: "x"}, "InvalidClientTokenId", http.StatusForbidden)
	s.Clock.Advance(time.Hour)
	refused(t, s, session, "ExpiredToken", http.StatusForbidden)
	if _, err := s.Store.Update(t.Context(), func(tx kv.Tx) error { return s.Directory.SetKeyStatus(tx, ada.AccessKeyID, false) }); err != nil {
		t.Fatal(err)
	}
	refused(t, s, ada, "InvalidClientTokenId", http.StatusForbidden)
	s.Restart()
	refused(t, s, ada, "InvalidClientTokenId", http.StatusForbidden)
}

func refused(t *testing.T, s *servicetest.Server, as servicetest.Credentials, code string, status int) {
	t.Helper()
	_, err := sts.NewFromConfig(s.Config(as)).GetCallerIdentity(t.Context(), nil)
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
	if got, ok := errors.AsType[*smithyhttp.ResponseError](err); !ok || got.HTTPStatusCode() != status {
		t.Errorf("%s has the status %v", code, err)
	}
}
