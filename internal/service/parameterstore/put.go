// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
)

// maxVersions is how many versions of a parameter are kept:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
const maxVersions = 100

// The messages of AWS about what exists already.
const (
	msgExists = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
	msgTags   = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. " +
		"To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."
	msgTypeNeeded = "A parameter type is required when you create a parameter."
	msgTypeChange = "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter " +
		"from a String type to a SecureString type. You must create a new, unique parameter."
	msgKeyID     = "KeyId is required for SecureString type parameter only."
	msgOldLabels = "You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, " +
		"the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again."
)

// put creates a parameter, or a new version of one. What the request leaves out of
// an existing parameter's settings stays as it is.
func (s *service) put(ctx context.Context, tx kv.Tx, call *gate.Call, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	name, key, err := creatable(call, *in.Name)
	if err != nil {
		return nil, err
	}
	if isTrue(in.Overwrite) && len(in.Tags) > 0 {
		return nil, api.ValidationException.New(msgTags)
	}
	old, err := s.heads.Get(tx, segments(call, key)...)
	if err != nil {
		return nil, err
	}
	if old != nil && old.expired(call.Time) {
		if err := s.act(tx, call, old); err != nil {
			return nil, err
		}
		old = nil
	}
	var p *Parameter
	operation, tier := changeCreate, ""
	if old == nil {
		p, err = create(call, name, in)
	} else {
		operation, tier = changeUpdate, old.Current.Tier
		p, err = s.advance(tx, call, old, in)
	}
	if err != nil {
		return nil, err
	}
	if err := s.fit(tx, call, p, tier, in.Tier); err != nil {
		return nil, err
	}
	if err := s.setValue(ctx, tx, call, &p.Current, parameterARN(call, key), in.Value.Value); err != nil {
		return nil, err
	}
	if err := p.wake(tx, call); err != nil {
		return nil, err
	}
	if err := s.heads.Put(tx, p, segments(call, key)...); err != nil {
		return nil, err
	}
	if err := p.tell(tx, call, change{Operation: operation}); err != nil {
		return nil, err
	}
	return &ssm.PutParameterOutput{Version: &p.Current.Number, Tier: &p.Current.Tier}, nil
}

// create returns a new parameter without its value.
func create(call *gate.Call, name string, in *ssm.PutParameterInput) (*Parameter, error) {
	if in.Type == nil {
		return nil, api.ValidationException.New(msgTypeNeeded)
	}
	p := &Parameter{Name: name, Generation: rand.Text(), Oldest: 1, Current: Version{Number: 1, DataType: dataTypeText}}
	if len(in.Tags) > 0 {
		t := gate.Target{ARN: parameterARN(call, p.key()), Keys: putConditions(in).values}
		if err := call.Authorize(ssm.AddTagsToResource.Action(), t); err != nil {
			return nil, err
		}
		var err error
		if p.Tags, err = readTags(in.Tags); err != nil {
			return nil, err
		}
	}
	return p, p.Current.settle(call, in)
}

// advance returns old with a new current version, without its value, and keeps the
// one before.
func (s *service) advance(tx kv.Tx, call *gate.Call, old *Parameter, in *ssm.PutParameterInput) (*Parameter, error) {
	if !isTrue(in.Overwrite) {
		return nil, ssm.ParameterAlreadyExists.New(msgExists)
	}
	// AWS documents the refusal for hierarchies; outside of one it lets the type change,
	// which Terraform's aws_ssm_parameter relies on.
	if in.Type != nil && *in.Type != old.Current.Type && strings.Contains(old.key(), "/") {
		return nil, ssm.HierarchyTypeMismatchException.New(msgTypeChange)
	}
	p := *old // which is shared, as its maps are: they are not written to
	p.Current.Number++
	if err := p.Current.settle(call, in); err != nil {
		return nil, err
	}
	if p.Current.Number-p.Oldest >= maxVersions {
		if len(p.labelsOf(p.Oldest)) > 0 {
			return nil, ssm.ParameterMaxVersionLimitExceeded.Newf(msgOldLabels, p.Name, p.Oldest)
		}
		if err := s.versions.Delete(tx, call.Account, call.Region, p.Generation, number(p.Oldest)); err != nil {
			return nil, err
		}
		p.Oldest++
	}
	return &p, s.versions.Put(tx, &old.Current, call.Account, call.Region, old.Generation, number(old.Current.Number))
}

// settle gives v, which holds the settings of the version before or those of a new
// parameter, the settings of the request, and checks them and the value.
func (v *Version) settle(call *gate.Call, in *ssm.PutParameterInput) error {
	v.Modified, v.User = call.Time.UTC(), call.Principal.ARN
	assign(&v.Type, in.Type)
	assign(&v.Description, in.Description)
	assign(&v.AllowedPattern, in.AllowedPattern)
	if in.DataType != nil && *in.DataType != "" {
		v.DataType = *in.DataType
	}
	if err := v.settleKey(in.KeyId); err != nil {
		return err
	}
	if err := v.settlePolicies(call.Time, in.Policies); err != nil {
		return err
	}
	var err error
	if v.Tier, err = chooseTier(in.Tier, v.Tier, in.Value.Len(), len(v.Policies) > 0); err != nil {
		return err
	}
	return checkValue(v, in.Value.Value)
}

// settlePolicies takes the policies of the request. If it has none, they stay as they
// are, and the time for a change begins anew.
func (v *Version) settlePolicies(now time.Time, text *string) (err error) {
	if text != nil {
		v.Assigned, v.Acted = now.UTC(), nil
		v.Policies, v.Expires, err = readPolicies(*text, now)
		return err
	}
	acted := v.Acted
	v.Acted = nil // the slice is the version's before, too
	for _, i := range acted {
		if policy := storedPolicy(v.Policies[i]); policy.Type != policyNoChange {
			v.Acted = append(v.Acted, i)
		}
	}
	return nil
}

func (v *Version) settleKey(keyID *string) error {
	if v.Type != ssm.ParameterTypeSecureString {
		v.KeyID = ""
		if keyID != nil {
			return api.ValidationException.New(msgKeyID)
		}
		return nil
	}
	assign(&v.KeyID, keyID)
	if v.KeyID == "" {
		v.KeyID = kmsservice.AliasSSM
	}
	return nil
}

func assign(to, from *string) {
	if from != nil {
		*to = *from
	}
}
