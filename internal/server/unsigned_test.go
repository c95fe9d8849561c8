// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/server"
)

// unsigned are the operations for those who have nothing yet to sign with. Whatever is
// added here can be called by everybody who reaches the server.
var unsigned = map[string]bool{"sts:AssumeRoleWithWebIdentity": true, "coffer:LoginWithAWS": true}

// TestNothingElseIsReachableWithoutASignature calls every operation, served or not, as
// somebody without a key.
func TestNothingElseIsReachableWithoutASignature(t *testing.T) {
	t.Parallel()
	s, err := server.Open(t.Context(), server.Config{Data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, op := range s.Operations() {
		action := op.Service.Name + ":" + op.Name
		if op.Unsigned != unsigned[action] {
			t.Errorf("%s is unsigned: %v", action, op.Unsigned)
		}
		recorder := httptest.NewRecorder()
		s.Handler().ServeHTTP(recorder, stranger(op))
		code := recorder.Body.String()
		if missing := strings.Contains(code, "MissingAuthenticationToken"); missing == unsigned[action] || recorder.Code/100 == 2 {
			t.Errorf("%s answers a stranger %d %s", action, recorder.Code, code)
		}
	}
}

// stranger is a call without a signature, and without what the operation wants.
func stranger(op gate.Operation) *http.Request {
	body, header := "{}", http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	switch {
	case op.Service.Path != "":
		return httptest.NewRequest(http.MethodPost, "http://coffer.test"+op.Service.Path+op.Name, strings.NewReader(body))
	case op.Service.Protocol == api.Query:
		body = "Action=" + op.Name + "&Version=" + op.Service.Version
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	}
	req := httptest.NewRequest(http.MethodPost, "http://coffer.test/", strings.NewReader(body))
	req.Header = header
	return req
}
