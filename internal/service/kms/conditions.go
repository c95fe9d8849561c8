// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// conditions are the condition keys of one decision about a key, by the service
// authorization reference of AWS Key Management Service. They are looked up when a
// policy asks for them.
type conditions struct {
	service *Service
	reader  kv.Reader
	call    *gate.Call
	key     *Key   // nil if there is none
	asked   string // by which the request names the key, if it does
	// context and algorithm are those of a cryptographic operation.
	context   map[string]string
	algorithm string
	// request looks up the operation's own. It may be nil.
	request func(key string) ([]string, bool)
	// child is the grant that CreateGrant asks for, or nil.
	child *Grant
}

// known adds the condition keys to the target of a decision on a key, or on none.
func (s *Service) known(r kv.Reader, call *gate.Call, t gate.Target, c conditions) gate.Target {
	c.service, c.reader, c.call = s, r, call
	known := &c
	t.Keys = known.values
	if c.key != nil {
		t.Granted = known.granted
	}
	return t
}

func (c *conditions) values(key string) ([]string, bool) {
	switch key {
	case "kms:calleraccount":
		return []string{c.call.Principal.Account}, true
	case "kms:requestalias":
		name := c.asked[strings.LastIndexByte(c.asked, ':')+1:]
		return []string{name}, strings.HasPrefix(name, aliasPrefix)
	case "kms:encryptioncontextkeys":
		return slices.Sorted(maps.Keys(c.context)), len(c.context) > 0
	case "kms:encryptionalgorithm":
		return []string{c.algorithm}, c.algorithm != ""
	}
	if name, ok := strings.CutPrefix(key, contextCondition); ok {
		return policy.Tag(c.context, name)
	}
	if c.request != nil {
		if values, ok := c.request(key); ok {
			return values, true
		}
	}
	if c.key == nil {
		return nil, false
	}
	return c.ofKey(key)
}

// ofKey are the condition keys that depend on the KMS key alone.
func (c *conditions) ofKey(key string) ([]string, bool) {
	if key == "kms:resourcealiases" {
		return c.aliases()
	}
	if name, ok := strings.CutPrefix(key, "aws:resourcetag/"); ok {
		return policy.Tag(c.key.Tags, name)
	}
	return c.key.attribute(key)
}

// attribute is a condition key of a KMS key that exists or, in CreateKey, is to be.
func (k *Key) attribute(key string) ([]string, bool) {
	switch key {
	case "kms:keyspec", "kms:customermasterkeyspec":
		return []string{k.Spec}, true
	case "kms:keyusage", "kms:customermasterkeyusage":
		return []string{k.Usage}, true
	case "kms:keyorigin":
		return []string{k.Origin}, true
	case "kms:multiregion":
		return []string{strconv.FormatBool(k.MultiRegion)}, true
	case "kms:multiregionkeytype":
		return []string{kms.MultiRegionKeyTypePrimary}, k.MultiRegion
	}
	return nil, false
}

// aliases are the names of the key's aliases. What can't be read is not there, so that
// no alias lets anybody in.
func (c *conditions) aliases() (names []string, found bool) {
	for item, err := range c.service.aliasesOf.All(c.reader, "", c.key.Account, c.key.Region, c.key.ID) {
		if err != nil {
			return nil, false
		}
		names = append(names, item.Segments[0])
	}
	return names, names != nil
}

// createTarget is what a decision about CreateKey is taken on: every key, with what the
// request says of the new one.
func createTarget(_ context.Context, _ kv.Reader, call *gate.Call, in *kms.CreateKeyInput) (gate.Target, error) {
	return gate.Target{ARN: "*", Keys: creation{call, in}.values}, nil
}

// creation are the condition keys of a CreateKey.
type creation struct {
	call *gate.Call
	in   *kms.CreateKeyInput
}

func (c creation) values(key string) ([]string, bool) {
	switch key {
	case "kms:calleraccount":
		return []string{c.call.Principal.Account}, true
	case "kms:bypasspolicylockoutsafetycheck":
		return bypassing(key, c.in.BypassPolicyLockoutSafetyCheck)
	case "aws:tagkeys":
		var names []string
		for _, t := range c.in.Tags {
			names = append(names, *t.TagKey)
		}
		return names, names != nil
	}
	if name, ok := strings.CutPrefix(key, tagCondition); ok {
		return policy.Tag(c.tags(), name)
	}
	spec, usage, err := chosenSpec(c.in)
	if err != nil {
		return nil, false
	}
	k := Key{Spec: spec, Usage: usage, Origin: kms.OriginTypeAWSKMS, MultiRegion: c.in.MultiRegion != nil && *c.in.MultiRegion}
	if c.in.Origin != nil {
		k.Origin = *c.in.Origin
	}
	return k.attribute(key)
}

// bypassing is the condition key kms:BypassPolicyLockoutSafetyCheck, of requests that say
// something of it.
func bypassing(key string, bypass *bool) ([]string, bool) {
	if key != "kms:bypasspolicylockoutsafetycheck" || bypass == nil {
		return nil, false
	}
	return []string{strconv.FormatBool(*bypass)}, true
}

func (c creation) tags() map[string]string {
	tags := make(map[string]string, len(c.in.Tags))
	for _, t := range c.in.Tags {
		tags[*t.TagKey] = *t.TagValue
	}
	return tags
}
