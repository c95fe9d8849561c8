// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// Staging labels of versions.
const (
	current = "AWSCURRENT"
	pending = "AWSPENDING"
)

// event is what Secrets Manager sends for each step.
type event struct {
	Step     string
	SecretID string `json:"SecretId"`
	// Token is the id of the version that the rotation makes.
	Token string `json:"ClientRequestToken"`
	// RotationToken shows Secrets Manager that a function of another account acts for it.
	RotationToken *string
}

// rotation does the steps.
type rotation struct{ secrets *secretsmanager.Client }

// rotate checks that the rotation is under way, and does its step.
func (r *rotation) rotate(ctx context.Context, e event) error {
	steps := map[string]func(context.Context, event) error{
		"createSecret": r.createSecret, "setSecret": r.setSecret,
		"testSecret": r.testSecret, "finishSecret": r.finishSecret,
	}
	step := steps[e.Step]
	if step == nil {
		return fmt.Errorf("unknown step %q", e.Step)
	}
	secret, err := r.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretID})
	if err != nil {
		return err
	}
	stages := secret.VersionIdsToStages[e.Token]
	switch {
	case secret.RotationEnabled == nil || !*secret.RotationEnabled:
		return fmt.Errorf("secret %s is not enabled for rotation", e.SecretID)
	case slices.Contains(stages, current):
		return nil // this rotation has finished
	case !slices.Contains(stages, pending):
		return fmt.Errorf("version %s of secret %s is not %s", e.Token, e.SecretID, pending)
	}
	return step(ctx, e)
}

// createSecret makes the new version, unless an earlier try has.
func (r *rotation) createSecret(ctx context.Context, e event) error {
	now, err := r.value(ctx, e.SecretID, nil, current)
	if err != nil {
		return err
	}
	_, err = r.value(ctx, e.SecretID, &e.Token, pending)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); !missing {
		return err // which is nil if there is one
	}
	// Without characters that are hard to write in a command or a connection string.
	password, err := r.secrets.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{ExcludeCharacters: new(`/@"'\`)})
	if err != nil {
		return err
	}
	next, err := withPassword(now, *password.RandomPassword)
	if err != nil {
		return err
	}
	_, err = r.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &e.SecretID, ClientRequestToken: &e.Token, RotationToken: e.RotationToken,
		SecretString: &next, VersionStages: []string{pending},
	})
	return err
}

// setSecret is where what the secret opens learns of it: connect to the database with the
// current password, and give the user the pending one. If the pending one works already, an
// earlier try has done that. Here nobody else keeps the password, so nothing is to be done.
func (r *rotation) setSecret(context.Context, event) error { return nil }

// testSecret is where the pending password is tried: connect to the database with it, and
// do what the secret's users do. Here it can only be tried whether it is there.
func (r *rotation) testSecret(ctx context.Context, e event) error {
	_, err := r.value(ctx, e.SecretID, &e.Token, pending)
	return err
}

// finishSecret makes the pending version the current one. Secrets Manager moves AWSPREVIOUS
// to the version that was.
func (r *rotation) finishSecret(ctx context.Context, e event) error {
	secret, err := r.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretID})
	if err != nil {
		return err
	}
	for version, stages := range secret.VersionIdsToStages {
		if !slices.Contains(stages, current) {
			continue
		}
		if version == e.Token {
			return nil
		}
		_, err := r.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &e.SecretID, VersionStage: new(current),
			MoveToVersionId: &e.Token, RemoveFromVersionId: &version,
		})
		return err
	}
	return fmt.Errorf("secret %s has no version that is %s", e.SecretID, current)
}

// value returns the text of a version.
func (r *rotation) value(ctx context.Context, id string, version *string, stage string) (string, error) {
	got, err := r.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id, VersionId: version, VersionStage: &stage})
	if err != nil {
		return "", err
	}
	if got.SecretString == nil {
		return "", fmt.Errorf("secret %s is binary", id)
	}
	return *got.SecretString, nil
}

// withPassword returns a secret's text with another password in it. What is not a JSON
// object is the password itself.
func withPassword(text, password string) (string, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil || members == nil {
		return password, nil
	}
	if members["password"] == nil {
		return "", errors.New(`the secret is a JSON object without "password"`)
	}
	quoted, err := json.Marshal(password)
	if err != nil {
		return "", err
	}
	members["password"] = quoted
	next, err := json.Marshal(members)
	return string(next), err
}
