// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms_test

import (
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// TestAKeyFromBeforeOwnersWereKept holds that a key without a record of its owner serves its
// account as before, and another one from the moment that it is let in.
func TestAKeyFromBeforeOwnersWereKept(t *testing.T) {
	t.Parallel()
	w := serve(t)
	bob := w.by(t, user(other, "bob"), servicetest.Allow("*", "kms:*"))
	open := keyPolicy(named("Allow", "kms:*", principal(servicetest.Account, "root"), principal(other, "root")))
	for name, admit := range map[string]func(id string) error{
		"by its policy": func(id string) error {
			_, err := w.PutKeyPolicy(t.Context(), &awskms.PutKeyPolicyInput{KeyId: &id, Policy: &open})
			return err
		},
		"by a grant": func(id string) error {
			_, err := w.CreateGrant(t.Context(), &awskms.CreateGrantInput{KeyId: &id, GranteePrincipal: new(principal(other, "user/bob")), Operations: operations("Decrypt")})
			return err
		},
	} {
		id := w.key(t, awskms.CreateKeyInput{})
		if _, err := w.Store.Update(t.Context(), func(tx kv.Tx) error {
			return tx.Delete("kms/owner/" + kv.Key(servicetest.Region, id))
		}); err != nil {
			t.Fatal(err)
		}
		blob := must(w.Encrypt(t.Context(), &awskms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})).CiphertextBlob
		decrypt := func(c *awskms.Client) error {
			_, err := c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: blob})
			return err
		}
		if err := decrypt(w.Client); err != nil {
			t.Errorf("%s: its own account: %v", name, err)
		}
		wantError(t, decrypt(bob), "AccessDeniedException", "")
		if err := admit(id); err != nil {
			t.Fatal(err)
		}
		if err := decrypt(bob); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
