// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"cmp"
	"strconv"
	"strings"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// The condition keys are those of the service authorization reference of AWS Secrets
// Manager. What a request says for them stands beside its operation; what the secret
// says is here.

// asked looks up a condition key, in lower case, in the request of an operation.
type asked[In any] func(in *In, key string) ([]string, bool)

// conditions are the condition keys of one decision about a secret. They are looked up
// when a policy asks for them.
type conditions[In any] struct {
	service *Service
	reader  kv.Reader
	call    *gate.Call
	target  string // the ARN that the decision is taken on
	id      string // by which the request names the secret
	in      *In
	asked   asked[In]
}

func (c conditions[In]) values(key string) ([]string, bool) {
	if values, ok := c.requested(key); ok {
		return values, true
	}
	switch key {
	case "secretsmanager:secretid":
		return []string{c.target}, true
	case "secretsmanager:kmskeyarn":
		if id, ok := c.requested("secretsmanager:kmskeyid"); ok {
			return c.service.keyARN(c.reader, c.call, &id[0])
		}
		return nil, false
	}
	secret, _, err := c.service.lookup(c.reader, c.call, c.id)
	if err != nil || secret == nil {
		return nil, false
	}
	return secret.condition(key)
}

func (c conditions[In]) requested(key string) ([]string, bool) {
	if c.asked == nil {
		return nil, false
	}
	return c.asked(c.in, key)
}

// condition is a condition key that depends on the secret.
func (s *Secret) condition(key string) ([]string, bool) {
	switch {
	case key == "secretsmanager:resource/type":
		return optional(unlessEmpty(s.Type))
	case key == "secretsmanager:resource/allowrotationlambdaarn" && s.Rotation != nil:
		return optional(unlessEmpty(s.Rotation.Function))
	case key == "secretsmanager:secretprimaryregion":
		return []string{cmp.Or(s.primaryRegion(), s.Region)}, true
	}
	if name, ok := resourceTag(key); ok {
		return policy.Tag(s.tagMap(), name)
	}
	return nil, false
}

// resourceTag returns the name of the tag of the secret that a condition key means.
func resourceTag(key string) (name string, ok bool) {
	if name, ok = strings.CutPrefix(key, "secretsmanager:resourcetag/"); ok {
		return name, true
	}
	return strings.CutPrefix(key, "aws:resourcetag/")
}

func (s *Secret) tagMap() map[string]string {
	tags := make(map[string]string, len(s.Tags))
	for _, t := range s.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}

// askedTags are the condition keys of tags that a request would add.
func askedTags(tags []sm.Tag, key string) ([]string, bool) {
	if key == "aws:tagkeys" {
		var names []string
		for _, t := range tags {
			names = append(names, value(t.Key))
		}
		return names, names != nil
	}
	name, ok := strings.CutPrefix(key, "aws:requesttag/")
	if !ok {
		return nil, false
	}
	requested := make(map[string]string, len(tags))
	for _, t := range tags {
		requested[value(t.Key)] = value(t.Value)
	}
	return policy.Tag(requested, name)
}

// optional is the value of a member that a request may leave out.
func optional(s *string) ([]string, bool) {
	if s == nil {
		return nil, false
	}
	return []string{*s}, true
}

// flag is the value of a flag, which is false if a request leaves it out.
func flag(b *bool) ([]string, bool) { return []string{strconv.FormatBool(is(b, false))}, true }
