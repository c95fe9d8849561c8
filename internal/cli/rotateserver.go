// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// atServer rotates the caller's own key. The new key withdraws the old one: so it has been
// seen to work by then.
func (r *rotation) atServer(cmd *cobra.Command, endpoint, named string) error {
	switch {
	case r.old.AccessKeyID == "" || r.old.SecretAccessKey.Len() == 0:
		return withHint(errors.New("there is no access key to rotate"), "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --profile.")
	case named != "" && named != r.old.AccessKeyID:
		return withHint(fmt.Errorf("%s: the caller's key is %s, and a server rotates no other", named, r.old.AccessKeyID), "Give --data to rotate a key of a data directory, while no server runs on it.")
	case r.old.SessionToken != "":
		return fmt.Errorf("%s: %w", r.old.AccessKeyID, identity.ErrSession)
	}
	var out iam.CreateAccessKeyOutput
	err := r.call(cmd.Context(), endpoint, r.old, iam.CreateAccessKey.Name, &iam.CreateAccessKeyInput{}, &out)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == iam.LimitExceededException.Code {
		return withHint(err, "There are two keys already. Delete the one that nobody uses: aws iam list-access-keys, and aws iam delete-access-key")
	}
	if err != nil {
		return err
	}
	made := out.AccessKey
	if made == nil || made.AccessKeyId == nil || made.SecretAccessKey.IsZero() {
		return errors.New("the answer is not one of a server of Coffer's")
	}
	key := &identity.GrantedKey{ID: *made.AccessKeyId, Secret: made.SecretAccessKey.Value}
	if err := r.hand(cmd, key); err != nil {
		return withHint(err, fmt.Sprintf("The new key is %s, and %s still works.", key.ID, r.old.AccessKeyID))
	}
	if err := r.withdraw(cmd.Context(), endpoint, key); err != nil {
		return withHint(fmt.Errorf("the new key is there, but the old one could not be %s: %w", r.fate, err), r.old.AccessKeyID+" still works.")
	}
	r.tell(cmd.ErrOrStderr(), r.old.AccessKeyID, "aws iam delete-access-key --access-key-id "+r.old.AccessKeyID)
	return nil
}

// withdraw does with the old key as its fate says.
func (r *rotation) withdraw(ctx context.Context, endpoint string, by *identity.GrantedKey) error {
	as := sigv4.Credentials{AccessKeyID: by.ID, SecretAccessKey: by.Secret}
	switch id := &r.old.AccessKeyID; r.fate {
	case identity.Deactivated:
		in := &iam.UpdateAccessKeyInput{AccessKeyId: id, Status: new(iam.StatusTypeInactive)}
		return r.call(ctx, endpoint, as, iam.UpdateAccessKey.Name, in, &iam.UpdateAccessKeyOutput{})
	case identity.Deleted:
		in := &iam.DeleteAccessKeyInput{AccessKeyId: id}
		return r.call(ctx, endpoint, as, iam.DeleteAccessKey.Name, in, &iam.DeleteAccessKeyOutput{})
	}
	return nil
}

// call makes one call of IAM's. Its endpoint is the one that was found, so that no call
// goes to AWS by mistake.
func (r *rotation) call(ctx context.Context, endpoint string, as sigv4.Credentials, operation string, in, out any) error {
	c, err := client.New(client.Config{
		Getenv: r.getenv, Endpoint: endpoint, Credentials: client.Static(as), UserAgent: "coffer/" + server.Version,
	})
	if err != nil {
		return err
	}
	answer, err := c.Call(ctx, iam.Service, operation, awsquery.EncodeForm(iam.Service, operation, in))
	if err != nil {
		return err
	}
	return awsquery.DecodeAnswer(operation, answer, out)
}
