// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/coffer-secrets/coffer/internal/api"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	code := api.ErrorCode{Code: "Gone"}
	err := fmt.Errorf("reading: %w", code.Newf("no %s", "it").WithCause(io.ErrUnexpectedEOF))
	if !code.Is(err) || (api.ErrorCode{Code: "Other"}).Is(err) || code.Is(io.EOF) || code.Is(nil) {
		t.Error("a code does not know its errors")
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if err.Error() != "reading: Gone: no it" || code.New("").Error() != "Gone" {
		t.Errorf("the error reads %q: the client is told the cause, or not the message", err)
	}
	if code.HTTPStatus() != 400 || (api.ErrorCode{Status: 503}).HTTPStatus() != 503 {
		t.Error("wrong status")
	}
}
