// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"errors"

	"github.com/coffer-secrets/coffer/internal/api"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
)

// Errors that several operations answer, in AWS's words.
var (
	errNotFound   = sm.ResourceNotFoundException.New("Secrets Manager can't find the specified secret.")
	errDeleted    = sm.InvalidRequestException.New("You can't perform this operation on the secret because it was marked for deletion.")
	errReplica    = sm.InvalidParameterException.New("Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	errNoToken    = sm.InvalidRequestException.New("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	errTwice      = sm.InvalidParameterException.New("You can't specify both a binary secret value and a string secret value in the same secret.")
	errPage       = sm.InvalidNextTokenException.New("The NextToken value is invalid.")
	errDefaultKey = sm.InvalidRequestException.New("You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.")
	errName       = api.ValidationException.New("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
)

// The answers to a KMS key that can't be used, in the words of Secrets Manager's
// common errors, and of AWS's article on access to secrets under customer managed keys.
const (
	messageDenied    = "Access to KMS is not allowed"
	messageDeniedOld = "Access to KMS is not allowed. This version of secret is not encrypted with the current KMS key."
	messageEncrypt   = "Secrets Manager can't encrypt the protected secret text using the provided KMS key. " +
		"Check that the KMS key is available, enabled, and not in an invalid state."
	messageDecrypt = "Secrets Manager can't decrypt the protected secret text using the provided KMS key."
)

// refused says that KMS answered with an error that is the caller's or the key's, and
// not a fault of the server.
func refused(err error) bool {
	answer, ok := errors.AsType[*api.Error](err)
	return ok && answer.HTTPStatus() < 500
}

func encryptionFault(err error) error {
	switch {
	case !refused(err):
		return err
	case api.AccessDeniedException.Is(err):
		return api.AccessDeniedException.New(messageDenied)
	}
	return sm.EncryptionFailure.New(messageEncrypt)
}

func decryptionFault(err error, current bool) error {
	switch {
	case !refused(err):
		return err
	case api.AccessDeniedException.Is(err) && !current:
		return api.AccessDeniedException.New(messageDeniedOld)
	case api.AccessDeniedException.Is(err):
		return api.AccessDeniedException.New(messageDenied)
	}
	return sm.DecryptionFailure.New(messageDecrypt)
}
