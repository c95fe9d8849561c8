// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
)

// codeOf names an error in the header X-Error-Code: by AWS's code, or by what kept a
// request from getting to AWS.
func codeOf(err error) string {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, client.ErrNoCredentials):
		return "CredentialsError"
	case errors.Is(err, context.DeadlineExceeded):
		return "TimeoutError"
	case errors.Is(err, context.Canceled), errors.Is(err, cache.ErrClosed):
		return "Canceled"
	}
	if _, ok := errors.AsType[*cache.Unavailable](err); ok {
		return "ConnectionError"
	}
	return "InternalFailure"
}
