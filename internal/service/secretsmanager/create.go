// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"crypto/rand"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// create makes a secret, with its first version if the request has a value.
func (s *Service) create(ctx context.Context, tx kv.Tx, call *gate.Call, in *sm.CreateSecretInput) (*sm.CreateSecretOutput, error) {
	c, err := checkCreate(call, in)
	if err != nil {
		return nil, err
	}
	old, err := s.heads.Get(tx, call.Account, call.Region, keyName(*in.Name))
	if err != nil {
		return nil, err
	}
	if old != nil && !old.gone(call.Time) {
		return s.recreate(ctx, tx, call, old, in, c)
	}
	if old != nil {
		if err := s.erase(tx, call.Time, old); err != nil {
			return nil, err
		}
	}
	if err := s.room(tx, call); err != nil {
		return nil, err
	}
	secret, err := newSecret(call, in)
	if err != nil {
		return nil, err
	}
	if err := s.validateKey(ctx, tx, call, secret); err != nil {
		return nil, err
	}
	if err := secret.addReplicas(tx, call, in.AddReplicaRegions, is(in.ForceOverwriteReplicaSecret, false)); err != nil {
		return nil, err
	}
	if !c.IsZero() {
		v := version{secret, *in.ClientRequestToken}
		if err := s.addVersion(ctx, tx, call, v, c, []string{stageCurrent}); err != nil {
			return nil, err
		}
	}
	if err := s.save(tx, call, secret); err != nil {
		return nil, err
	}
	return s.created(tx, secret, in, c)
}

// room refuses a secret that is one too many for the account and region, if there is a
// quota. It counts them anew: no counter is kept that all writers would share.
func (s *Service) room(r kv.Reader, call *gate.Call) error {
	quota := call.Limits().Quotas.Secrets
	if quota == 0 {
		return nil
	}
	n := 0
	for _, err := range r.Scan(kv.Range{Prefix: s.listed.Key(call.Account, call.Region) + "/"}) {
		if err != nil {
			return err
		}
		if n++; n == quota {
			return sm.LimitExceededException.New("The request failed because it would exceed one of the Secrets Manager quotas.")
		}
	}
	return nil
}

// checkCreate checks what does not depend on what there is, and returns the value.
func checkCreate(call *gate.Call, in *sm.CreateSecretInput) (content, error) {
	if in.ClientRequestToken == nil {
		return content{}, errNoToken
	}
	if err := authorizeParts(call, in); err != nil {
		return content{}, err
	}
	return contentOf(call, in.SecretString, in.SecretBinary)
}

// authorizeParts takes the decisions on what the request does besides.
func authorizeParts(call *gate.Call, in *sm.CreateSecretInput) error {
	var actions []string
	if len(in.Tags) > 0 {
		actions = append(actions, sm.TagResource.Action())
	}
	if len(in.AddReplicaRegions) > 0 {
		actions = append(actions, sm.ReplicateSecretToRegions.Action())
	}
	for _, action := range actions {
		t, err := newTarget(call, *in.Name)
		t.Keys = creation{call: call, in: in}.values
		if err != nil {
			return err
		}
		if err := call.Authorize(action, t); err != nil {
			return err
		}
	}
	return nil
}

// recreate answers a request for a name that is in use: the request that made the
// secret may be repeated.
func (s *Service) recreate(ctx context.Context, r kv.Reader, call *gate.Call, secret *Secret, in *sm.CreateSecretInput, c content) (*sm.CreateSecretOutput, error) {
	if !secret.Deleted.IsZero() {
		return nil, sm.InvalidRequestException.New("You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	same := c.IsZero() && secret.CreateToken == *in.ClientRequestToken
	if !c.IsZero() && !secret.replica() {
		var err error
		if same, err = s.repeated(ctx, r, call, version{secret, *in.ClientRequestToken}, c); err != nil {
			return nil, err
		}
	}
	if !same {
		return nil, sm.ResourceExistsException.Newf("The operation failed because the secret %s already exists.", secret.Name)
	}
	return s.created(r, secret, in, c)
}

func (s *Service) created(r kv.Reader, secret *Secret, in *sm.CreateSecretInput, c content) (*sm.CreateSecretOutput, error) {
	out := &sm.CreateSecretOutput{ARN: &secret.ARN, Name: &secret.Name}
	if !c.IsZero() {
		out.VersionId = in.ClientRequestToken
	}
	var err error
	out.ReplicationStatus, err = s.replication(r, secret)
	return out, err
}

func newSecret(call *gate.Call, in *sm.CreateSecretInput) (*Secret, error) {
	secret := &Secret{
		Account: call.Account, Region: call.Region, Name: *in.Name,
		UID: rand.Text(), ARN: arnOf(call, *in.Name, newSuffix()), CreateToken: *in.ClientRequestToken,
		Description: value(in.Description), KMSKey: keyNamed(call, value(in.KmsKeyId)), Type: value(in.Type),
		Created: call.Time.UTC(), Changed: call.Time.UTC(),
	}
	if len(in.Tags) == 0 {
		return secret, nil
	}
	return secret, secret.addTags(in.Tags)
}

// value is an optional member, empty if it is not there.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// toCreate is what a decision about CreateSecret is taken on.
func (s *Service) toCreate(_ context.Context, r kv.Reader, call *gate.Call, in *sm.CreateSecretInput) (gate.Target, error) {
	t, err := newTarget(call, *in.Name)
	t.Keys = creation{s, r, call, in}.values
	return t, err
}

// creation are the condition keys of a CreateSecret, and of what it does besides, which
// has no service and reader: then the KMS key is not resolved. The tags of the secret
// are those of the request.
type creation struct {
	service *Service
	reader  kv.Reader
	call    *gate.Call
	in      *sm.CreateSecretInput
}

func (c creation) values(key string) ([]string, bool) {
	in := c.in
	switch key {
	case "secretsmanager:name":
		return optional(in.Name)
	case "secretsmanager:description":
		return optional(in.Description)
	case "secretsmanager:type", "secretsmanager:resource/type":
		return optional(in.Type)
	case "secretsmanager:kmskeyid":
		return optional(in.KmsKeyId)
	case "secretsmanager:kmskeyarn":
		if c.service == nil {
			return nil, false
		}
		return c.service.keyARN(c.reader, c.call, in.KmsKeyId)
	case "secretsmanager:addreplicaregions":
		return askedRegions(in.AddReplicaRegions)
	case "secretsmanager:forceoverwritereplicasecret":
		return flag(in.ForceOverwriteReplicaSecret)
	}
	if name, ok := resourceTag(key); ok {
		return askedTags(in.Tags, "aws:requesttag/"+name)
	}
	return askedTags(in.Tags, key)
}

// askedRegions are the regions that a request would replicate a secret to.
func askedRegions(replicas []sm.ReplicaRegionType) (regions []string, found bool) {
	for _, replica := range replicas {
		regions = append(regions, value(replica.Region))
	}
	return regions, regions != nil
}
