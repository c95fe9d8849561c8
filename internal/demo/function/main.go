// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command function is the Lambda function of coffer demo: it reads the secret, and the
// parameter, that its event names, and tells how it got them. It finds the extension by
// itself, from the environment that Lambda gives it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

func main() { os.Exit(lambdahost.RunMain(lambdahost.Serve(handle))) }

// answer shows values, which no function of yours should: these are made up.
type answer struct {
	Value, Version, Parameter string
	Cache, Age                string
	Error                     string
}

func handle(ctx context.Context, event []byte) ([]byte, error) {
	var in struct{ Secret, Parameter string }
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, err
	}
	var out answer
	err := coffer.With(ctx, in.Secret, func(s coffer.Secret) error {
		out.Value, out.Version = s.Text(), s.VersionID
		out.Cache, out.Age = s.Cache, strconv.Itoa(int(s.Age.Seconds()))
		return nil
	})
	if err == nil && in.Parameter != "" {
		out.Parameter, err = coffer.Parameter(ctx, in.Parameter)
	}
	if refused, ok := errors.AsType[*coffer.Error](err); ok {
		out.Error, err = refused.Code, nil
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
