// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
)

func TestWhomPoliciesMayName(t *testing.T) {
	t.Parallel()
	h := newHouse(t, root, ada, app)
	const iam, sts = "arn:aws:iam::" + account + ":", "arn:aws:sts::" + account + ":"
	for name, want := range map[string]bool{
		iam + "root":                                 true,
		"arn:aws:iam::999999999999:root":             true,
		iam + "user/ada":                             true,
		iam + "role/app":                             true,
		sts + "assumed-role/app/session-1":           true,
		sts + "federated-user/ada":                   true,
		iam + "user/app":                             false,
		iam + "role/ada":                             false,
		iam + "user/ADA":                             false,
		iam + "user/path/ada":                        false,
		iam + "user/":                                false,
		iam + "root/x":                               false,
		"arn:aws:iam::999999999999:user/ada":         false,
		sts + "assumed-role/none/session-1":          false,
		sts + "assumed-role/app/s":                   false,
		sts + "assumed-role/app":                     false,
		iam + "group/ada":                            false,
		"arn:aws:iam:eu-west-1:" + account + ":root": false,
		"arn:aws:iam:::root":                         false,
		"ada":                                        false,
		account:                                      false,
		"":                                           false,
	} {
		if _, err := h.store.View(t.Context(), func(r kv.Reader) error {
			got, err := h.Exists(r, name)
			if got != want {
				t.Errorf("%s: %t", name, got)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}
