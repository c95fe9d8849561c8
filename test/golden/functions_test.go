// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package golden_test

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// functions knows one function, which succeeds without doing anything.
type functions struct{}

func (functions) Known(arn string) bool {
	return arn == "arn:aws:lambda:"+servicetest.Region+":"+servicetest.Account+":function:rotate"
}

func (functions) Invoke(context.Context, string, []byte) error { return nil }
