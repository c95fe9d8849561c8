// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"slices"
	"strings"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

const (
	// maxTags is how many tags a secret has (AWS General Reference, "Tag naming limits").
	maxTags = 50
	// reservedTag begins keys that only AWS sets, however it is written.
	reservedTag = "aws:"
)

func (s *Service) tag(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.TagResourceInput) (*sm.TagResourceOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := secret.addTags(in.Tags); err != nil {
		return nil, err
	}
	return &sm.TagResourceOutput{}, s.save(tx, call, secret)
}

// untag removes tags. Keys that the secret does not have are no error.
func (s *Service) untag(_ context.Context, tx kv.Tx, call *gate.Call, in *sm.UntagResourceInput) (*sm.UntagResourceOutput, error) {
	secret, err := s.change(tx, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		if reserved(key) {
			return nil, sm.InvalidParameterException.Newf("Tag key %s is reserved: you can't remove tags that begin with %s", key, reservedTag)
		}
	}
	secret.Tags = slices.DeleteFunc(secret.Tags, func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	return &sm.UntagResourceOutput{}, s.save(tx, call, secret)
}

// addTags adds tags, in place of those with the same key.
func (s *Secret) addTags(tags []sm.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch key := value(t.Key); {
		case key == "":
			return sm.InvalidParameterException.New("A tag must have a key.")
		case reserved(key):
			return sm.InvalidParameterException.Newf("Tag key %s is reserved: you can't add tags that begin with %s", key, reservedTag)
		case seen[key]:
			return sm.InvalidParameterException.Newf("Tag key %s is there more than once.", key)
		default:
			seen[key] = true
			s.setTag(Tag{key, value(t.Value)})
		}
	}
	if len(s.Tags) > maxTags {
		return sm.InvalidParameterException.Newf("You can't have more than %d tags attached to a secret.", maxTags)
	}
	return nil
}

func (s *Secret) setTag(tag Tag) {
	if i := slices.IndexFunc(s.Tags, func(t Tag) bool { return t.Key == tag.Key }); i >= 0 {
		s.Tags[i] = tag
		return
	}
	s.Tags = append(s.Tags, tag)
}

func reserved(key string) bool {
	return len(key) >= len(reservedTag) && strings.EqualFold(key[:len(reservedTag)], reservedTag)
}

// askedTag has the condition keys of TagResource.
func askedTag(in *sm.TagResourceInput, key string) ([]string, bool) { return askedTags(in.Tags, key) }

// askedUntag has the condition key of UntagResource.
func askedUntag(in *sm.UntagResourceInput, key string) ([]string, bool) {
	return in.TagKeys, key == "aws:tagkeys" && len(in.TagKeys) > 0
}
