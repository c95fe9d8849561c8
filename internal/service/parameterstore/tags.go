// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"maps"
	"slices"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxTags is how many tags a resource may have:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html
const maxTags = 50

// resource is what a request calls a resource that has tags.
type resource struct{ kind, id string }

// typeParameter is the one resource type of Systems Manager that is served.
const typeParameter = "Parameter"

// addTags gives a parameter tags, in place of those with the same keys.
func (s *service) addTags(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	p, err := s.tagged(tx, call, resource{*in.ResourceType, *in.ResourceId})
	if err != nil {
		return nil, err
	}
	added, err := readTags(in.Tags)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(p.Tags)
	if tags == nil {
		tags = added
	}
	maps.Copy(tags, added)
	if len(tags) > maxTags {
		return nil, errTooManyTags
	}
	return &ssm.AddTagsToResourceOutput{}, s.retag(tx, call, p, tags)
}

// removeTags takes tags off a parameter. A key that it does not have is no error.
func (s *service) removeTags(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	p, err := s.tagged(tx, call, resource{*in.ResourceType, *in.ResourceId})
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(p.Tags)
	for _, key := range in.TagKeys {
		delete(tags, key)
	}
	return &ssm.RemoveTagsFromResourceOutput{}, s.retag(tx, call, p, tags)
}

// listTags lists the tags of a parameter, in the order of their keys.
func (s *service) listTags(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	p, err := s.tagged(r, call, resource{*in.ResourceType, *in.ResourceId})
	if err != nil {
		return nil, err
	}
	out := &ssm.ListTagsForResourceOutput{TagList: []ssm.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		out.TagList = append(out.TagList, ssm.Tag{Key: &key, Value: new(p.Tags[key])})
	}
	return out, nil
}

// tagged finds the parameter whose tags a request is about. AWS says no more of one
// that is not there than that its id is wrong.
func (s *service) tagged(r kv.Reader, call *gate.Call, res resource) (*Parameter, error) {
	if res.kind != typeParameter {
		return nil, ssm.InvalidResourceType.New("")
	}
	p, err := s.named(r, call, res.id)
	if ssm.ParameterNotFound.Is(err) || api.ValidationException.Is(err) {
		return nil, ssm.InvalidResourceId.New("")
	}
	return p, err
}

func (s *service) retag(tx kv.Tx, call *gate.Call, p *Parameter, tags map[string]string) error {
	if maps.Equal(tags, p.Tags) {
		return nil
	}
	next := *p // which is shared
	next.Tags = tags
	return s.heads.Put(tx, &next, segments(call, p.key())...)
}

// readTags returns the tags of a request as a map.
func readTags(tags []ssm.Tag) (map[string]string, error) {
	if len(tags) > maxTags {
		return nil, errTooManyTags
	}
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		if _, twice := out[*t.Key]; twice {
			return nil, api.ValidationException.Newf("Duplicate tag key: %s.", *t.Key)
		}
		if hasPrefixFold(*t.Key, "aws:") {
			return nil, api.ValidationException.New("Tag keys can't be prefixed with aws:, which is reserved for AWS use.")
		}
		out[*t.Key] = *t.Value
	}
	return out, nil
}

var errTooManyTags = ssm.TooManyTagsError.Newf("A resource can have a maximum of %d tags.", maxTags)
