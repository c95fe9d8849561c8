// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"errors"
	"regexp"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// namePattern is a function's name (Lambda API Reference, CreateFunction), and versionPattern
// what may follow it.
var (
	namePattern    = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	versionPattern = regexp.MustCompile(`^(\$LATEST|[a-zA-Z0-9-_]{1,128})$`)
)

// functionName returns the name in a function's ARN.
func functionName(a arn.ARN) (string, error) {
	rest, ok := strings.CutPrefix(a.Resource, "function:")
	name, version, qualified := strings.Cut(rest, ":")
	if a.Service != "lambda" || a.Region == "" || a.Account == "" || !ok ||
		!namePattern.MatchString(name) || qualified && !versionPattern.MatchString(version) {
		return "", errors.New("want arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME")
	}
	return name, nil
}
