// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	msgSecretDecryption = "WithDecryption flag must be True for retrieving a Secret Manager secret."
	// gsonTime is how SourceResult writes a date.
	gsonTime = "Jan 2, 2006, 3:04:05 PM"
	// versionIDLen is the shortest version id of a secret, in characters. A staging
	// label of that length is one in name only.
	versionIDLen = 32
)

// sourceResult is the secret in full, as JSON in an answer's SourceResult.
type sourceResult struct {
	ARN           *string
	Name          *string  `json:"name"`
	VersionID     *string  `json:"versionId"`
	SecretString  string   `json:"secretString,omitzero"`
	SecretBinary  []byte   `json:"secretBinary,omitzero"`
	VersionStages []string `json:"versionStages"`
	CreatedDate   string   `json:"createdDate,omitzero"`
}

// readSecret answers a reference to a secret: a call to Secrets Manager, with the
// caller's permissions there. The selector is a staging label or a version id.
func readSecret(ctx context.Context, r kv.Reader, call *gate.Call, ref *reference, decrypt bool) (*ssm.Parameter, error) {
	if !decrypt {
		return nil, api.ValidationException.New(msgSecretDecryption)
	}
	in := &secretsmanager.GetSecretValueInput{SecretId: new(ref.secret())}
	switch {
	case ref.selector == "":
	case len(ref.selector) >= versionIDLen:
		in.VersionId = &ref.selector
	default:
		in.VersionStage = &ref.selector
	}
	got, err := gate.Invoke(ctx, call, r, secretsmanager.GetSecretValue, in)
	if err != nil {
		return nil, fromSecretsManager(ref, err)
	}
	source := sourceResult{
		ARN: got.ARN, Name: got.Name, VersionID: got.VersionId, VersionStages: got.VersionStages,
		SecretString: got.SecretString.RevealString(), SecretBinary: got.SecretBinary.Reveal(),
	}
	value := got.SecretString
	if value.IsZero() {
		value = secret.NewText(base64.StdEncoding.EncodeToString(source.SecretBinary))
	}
	if got.CreatedDate != nil {
		source.CreatedDate = got.CreatedDate.UTC().Format(gsonTime)
	}
	text, err := json.Marshal(&source)
	if err != nil {
		return nil, errors.New("a secret's SourceResult could not be encoded") // without what it quotes
	}
	out := &ssm.Parameter{
		Name: &ref.name, Type: new(ssm.ParameterTypeSecureString), Value: value, Version: new(int64(0)),
		SourceResult: new(string(text)), LastModifiedDate: got.CreatedDate, ARN: got.ARN,
	}
	if ref.selector != "" {
		out.Selector = new(":" + ref.selector)
	}
	return out, nil
}

// fromSecretsManager words an error of Secrets Manager as Parameter Store tells it.
func fromSecretsManager(ref *reference, err error) error {
	answer, ok := errors.AsType[*api.Error](err)
	if !ok || answer.HTTPStatus() >= 500 {
		return err
	}
	code, message := answer.ErrorCode, answer.Message
	if secretsmanager.ResourceNotFoundException.Is(err) {
		code, message = ssm.ParameterNotFound, "Secret "+strings.TrimPrefix(ref.asked, "/")+" not found."
	}
	return code.Newf("An error occurred (%s) when referencing Secrets Manager: %s", code.Code, message)
}
