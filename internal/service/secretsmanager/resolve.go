// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"regexp"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// resourceType is CloudTrail's name for a secret.
const resourceType = "AWS::SecretsManager::Secret"

// unknownSuffix stands for the six characters that nobody knows yet: a policy's
// "name-*" and "name-??????" match it, another secret's whole ARN does not.
const unknownSuffix = "-??????"

var (
	namePattern  = regexp.MustCompile(`^[a-zA-Z0-9/_+=.@!-]+$`)
	wholePattern = regexp.MustCompile(`^(.+)-([a-zA-Z0-9]{6})$`)
)

// A reference is what a SecretId says, before it is looked up.
type reference struct {
	name   string
	suffix string // only of a whole ARN
	arn    string // what a policy is asked about while there is no such secret
	// elsewhere says that it is an ARN of another account or region.
	elsewhere bool
}

// parseID reads a name, an ARN, or an ARN without its suffix. An ARN that ends like one
// with a suffix is taken for whole: AWS, too, does not find a secret whose name ends in
// a hyphen and six characters by an ARN without the suffix (CreateSecret warns of it).
func parseID(call *gate.Call, id string) (reference, error) {
	if !arn.IsARN(id) {
		if !namePattern.MatchString(id) {
			return reference{}, errName
		}
		return reference{name: id, arn: call.ARN("secretsmanager", "secret:"+id+unknownSuffix)}, nil
	}
	a, err := arn.Parse(id)
	if err != nil || a.Service != "secretsmanager" {
		return reference{}, errName
	}
	rest, ok := strings.CutPrefix(a.Resource, "secret:")
	if !ok || !namePattern.MatchString(rest) {
		return reference{}, errName
	}
	ref := reference{
		name: rest, arn: id + unknownSuffix,
		elsewhere: a.Account != call.Account || a.Region != call.Region || a.Partition != call.Partition(),
	}
	if whole := wholePattern.FindStringSubmatch(rest); whole != nil {
		ref.name, ref.suffix, ref.arn = whole[1], whole[2], id
	}
	return ref, nil
}

// lookup returns the secret that an id means, or nil.
func (s *Service) lookup(r kv.Reader, call *gate.Call, id string) (*Secret, reference, error) {
	ref, err := parseID(call, id)
	if err != nil || ref.elsewhere {
		return nil, ref, err
	}
	secret, err := s.head(r, call, ref.name)
	if err != nil || secret == nil || (ref.suffix != "" && ref.suffix != secret.Suffix) {
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
	if secret == nil {
		return gate.Target{ARN: ref.arn, Asked: id}, nil
	}
	return gate.Target{ARN: secret.ARN(call), Asked: id, Type: resourceType}, nil
}

// newTarget is what a decision about a secret to be created is taken on: the same
// whether there is one of that name already or not.
func newTarget(call *gate.Call, name string) (gate.Target, error) {
	if !namePattern.MatchString(name) {
		return gate.Target{}, errName
	}
	return gate.Target{ARN: call.ARN("secretsmanager", "secret:"+name+unknownSuffix), Asked: name}, nil
}
