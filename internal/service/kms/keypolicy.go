// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// maxKeyPolicy is the longest key policy in bytes (AWS KMS Developer Guide, "Resource
// quotas": key policy document size).
const maxKeyPolicy = 32 << 10

// keyPolicy is as much of a key policy as the default one has.
type keyPolicy struct {
	Version   string
	ID        string `json:"Id"`
	Statement oneOrMany[keyStatement]
}

type keyStatement struct {
	Sid, Effect string
	Principal   struct{ AWS oneOrMany[string] }
	Action      oneOrMany[string]
	Resource    oneOrMany[string]
}

// oneOrMany is what a policy may write as one value or as a list.
type oneOrMany[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *oneOrMany[T]) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(l), json.RejectUnknownMembers(true))
	}
	*l = make([]T, 1)
	return json.Unmarshal(data, &(*l)[0], json.RejectUnknownMembers(true))
}

// checkKeyPolicy accepts a policy that amounts to the default one: that the account
// may do everything with the key, by its identity policies. Any other would have to
// be evaluated, and to take one without that would be to promise what is not held.
func checkKeyPolicy(document string, call *gate.Call) error {
	if len(document) > maxKeyPolicy {
		return kms.LimitExceededException.Newf("The key policy is longer than %d bytes.", maxKeyPolicy)
	}
	var p keyPolicy
	err := json.Unmarshal([]byte(document), &p, json.RejectUnknownMembers(true))
	if _, syntax := errors.AsType[*jsontext.SyntacticError](err); syntax {
		return kms.MalformedPolicyDocumentException.New("The key policy is not valid JSON.")
	}
	if err != nil || !p.isDefault(call) {
		return kms.UnsupportedOperationException.Newf("This server does not evaluate key policies yet, so it takes the default key policy only: "+
			"one statement that allows kms:* on * to the principal %s. Allow and deny the use of keys in identity policies.", accountRoot(call))
	}
	return nil
}

func (p *keyPolicy) isDefault(call *gate.Call) bool {
	if len(p.Statement) != 1 || !slices.Contains([]string{"", policy.Version2008, policy.Version2012}, p.Version) {
		return false
	}
	st := &p.Statement[0]
	return st.Effect == "Allow" &&
		slices.Equal(st.Action, []string{"kms:*"}) && slices.Equal(st.Resource, []string{"*"}) &&
		(slices.Equal(st.Principal.AWS, []string{accountRoot(call)}) || slices.Equal(st.Principal.AWS, []string{call.Account}))
}

// accountRoot is how a policy names all of the account's principals.
func accountRoot(call *gate.Call) string {
	return "arn:" + call.Partition() + ":iam::" + call.Account + ":root"
}
