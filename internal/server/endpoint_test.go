// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// TestAPolicyOnTheEndpoint lets in who comes through an endpoint, by the word of a proxy.
func TestAPolicyOnTheEndpoint(t *testing.T) {
	t.Parallel()
	s, err := server.OpenOn(context.Background(), server.Config{
		Data: t.TempDir(), EndpointHeader: "X-Vpce", TrustedProxies: "10.0.0.0/8",
	}, slog.New(slog.DiscardHandler), server.InMemory())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	user := identity.Principal{Account: s.Config.Account, Kind: identity.User, Name: "ada", Policies: map[string]string{
		"p": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}}}`,
	}}
	var key *identity.GrantedKey
	if _, err := s.Store.Update(t.Context(), func(tx kv.Tx) (err error) {
		if err = s.Directory.EnsurePrincipal(tx, user, true, time.Now()); err == nil {
			key, err = s.Directory.CreateKey(tx, identity.NewKey{Account: user.Account, Kind: user.Kind, Name: user.Name}, time.Now())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, endpoint string
		want           int
	}{
		{"10.1.2.3:4", "vpce-1", http.StatusOK},
		{"10.1.2.3:4", "vpce-2", http.StatusBadRequest},
		{"192.0.2.1:4", "vpce-1", http.StatusBadRequest},
	} {
		req, err := http.NewRequest(http.MethodPost, "http://coffer.test/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "secretsmanager.ListSecrets")
		if err := new(sigv4.Signer).Sign(req, []byte("{}"), sigv4.Signing{
			Credentials: sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, Region: "us-east-1", Service: "secretsmanager", Time: time.Now(),
		}); err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Vpce", c.endpoint) // which the proxy sets, after the signature
		req.RemoteAddr, req.Body = c.from, io.NopCloser(strings.NewReader("{}"))
		var answer recorder
		s.Handler().ServeHTTP(&answer, req)
		if answer.status != c.want {
			t.Errorf("%s from %s: %d, want %d: %s", c.endpoint, c.from, answer.status, c.want, answer.body.Bytes())
		}
	}
}
