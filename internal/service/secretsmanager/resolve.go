// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// resourceType is CloudTrail's name for a secret.
const resourceType = "AWS::SecretsManager::Secret"

// unknownSuffix stands for the six characters that nobody knows yet: a policy's
// "name-*" and "name-??????" match it, another secret's whole ARN does not.
const unknownSuffix = "??????"

// arnOf is the ARN of a secret of the call's account and region.
func arnOf(call *gate.Call, name, suffix string) string {
	return call.ARN("secretsmanager", "secret:"+name+"-"+suffix)
}

// validName says that a name has only characters that names have (API Reference,
// CreateSecret).
func validName(name string) bool {
	return name != "" && strings.TrimLeft(name, suffixAlphabet+"/_+=.@!-") == ""
}

// cutSuffix takes the suffix off a whole ARN's end.
func cutSuffix(end string) (name string, whole bool) {
	i := len(end) - suffixLen - 1
	if i < 1 || end[i] != '-' || strings.TrimLeft(end[i+1:], suffixAlphabet) != "" {
		return end, false
	}
	return end[:i], true
}

// A reference is what a SecretId says, before it is looked up.
type reference struct {
	name string
	arn  string // if it is one, with the suffix or without it
	// whole says that the ARN has a suffix.
	whole bool
	// account is the one that would own the secret.
	account string
	// elsewhere says that it is an ARN of another region.
	elsewhere bool
}

// parseID reads a name, an ARN, or an ARN without its suffix. An ARN that ends like one
// with a suffix is taken for whole: AWS, too, does not find a secret whose name ends in
// a hyphen and six characters by an ARN without the suffix (CreateSecret warns of it).
func parseID(call *gate.Call, id string) (reference, error) {
	if !arn.IsARN(id) {
		if !validName(id) {
			return reference{}, errName
		}
		return reference{name: id, account: call.Account}, nil
	}
	a, err := arn.Parse(id)
	if err != nil || a.Service != "secretsmanager" {
		return reference{}, errName
	}
	end, ok := strings.CutPrefix(a.Resource, "secret:")
	if !ok || !validName(end) {
		return reference{}, errName
	}
	ref := reference{arn: id, account: a.Account, elsewhere: a.Region != call.Region || a.Partition != call.Partition()}
	ref.name, ref.whole = cutSuffix(end)
	return ref, nil
}

// missing is what a policy is asked about when there is no such secret.
func (ref reference) missing(call *gate.Call) string {
	switch {
	case ref.whole:
		return ref.arn
	case ref.arn != "":
		return ref.arn + "-" + unknownSuffix
	}
	return arnOf(call, ref.name, unknownSuffix)
}

// lookup returns the secret that an id means, or nil.
func (s *Service) lookup(r kv.Reader, call *gate.Call, id string) (*Secret, reference, error) {
	ref, err := parseID(call, id)
	if err != nil || ref.elsewhere {
		return nil, ref, err
	}
	secret, err := s.head(r, call.InAccount(ref.account), ref.name)
	if err != nil || secret == nil || (ref.whole && ref.arn != secret.ARN) {
		return nil, ref, err
	}
	return secret, ref, nil
}

// find returns the secret that an id means, not to be changed.
func (s *Service) find(r kv.Reader, call *gate.Call, id string) (*Secret, error) {
	secret, _, err := s.lookup(r, call, id)
	if err == nil && secret == nil {
		err = errNotFound
	}
	return secret, err
}

// target is what a decision about the secret with that id is taken on, whether there
// is one or not. A denial calls it as the caller did.
func (s *Service) target(r kv.Reader, call *gate.Call, id string) (gate.Target, error) {
	secret, ref, err := s.lookup(r, call, id)
	if err != nil {
		return gate.Target{}, err
	}
	t := gate.Target{ARN: ref.missing(call), Asked: id}
	if secret == nil {
		return t, nil
	}
	t.ARN, t.Type = secret.ARN, resourceType
	found, err := s.resourcePolicy(r, secret)
	if found != nil {
		t.Policy = found.attached()
	}
	return t, err
}

// newTarget is what a decision about a secret to be created is taken on: the same
// whether there is one of that name already or not.
func newTarget(call *gate.Call, name string) (gate.Target, error) {
	if !validName(name) {
		return gate.Target{}, errName
	}
	return gate.Target{ARN: arnOf(call, name, unknownSuffix), Asked: name}, nil
}
