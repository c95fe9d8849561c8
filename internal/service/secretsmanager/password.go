// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"errors"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/password"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func randomPassword(_ context.Context, _ kv.Reader, _ *gate.Call, in *sm.GetRandomPasswordInput) (*sm.GetRandomPasswordOutput, error) {
	rules := password.Rules{
		Exclude:            value(in.ExcludeCharacters),
		ExcludeNumbers:     is(in.ExcludeNumbers, false),
		ExcludePunctuation: is(in.ExcludePunctuation, false),
		ExcludeUppercase:   is(in.ExcludeUppercase, false),
		ExcludeLowercase:   is(in.ExcludeLowercase, false),
		IncludeSpace:       is(in.IncludeSpace, false),
		RequireEach:        is(in.RequireEachIncludedType, true),
	}
	if in.PasswordLength != nil {
		rules.Length = int(*in.PasswordLength)
	}
	generated, err := password.Generate(rules)
	switch {
	case errors.Is(err, password.ErrTooShort):
		return nil, sm.InvalidParameterException.New("Password length is too short based on the required types.")
	case errors.Is(err, password.ErrNothingLeft):
		return nil, sm.InvalidParameterException.New("There are no characters left to make a password of.")
	case err != nil:
		return nil, err
	}
	return &sm.GetRandomPasswordOutput{RandomPassword: secret.Text{Value: generated}}, nil
}

// is returns an optional flag, or what it is if it is not there.
func is(flag *bool, otherwise bool) bool {
	if flag == nil {
		return otherwise
	}
	return *flag
}
