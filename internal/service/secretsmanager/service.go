// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package secretsmanager serves AWS Secrets Manager.
//
// A secret is one record, its head, with everything but the values: description,
// tags, dates, and which versions have which staging labels. So a label moves in one
// write, and whatever lists or describes reads no value. Each value is a record of its
// own, below the secret's unique id, which is another one each time the name is created
// anew. A version that has lost its last label is in an index beside the head, in the
// order of age: a new value costs the same however many there were before. Another index
// has the secrets in the order in which they were made, for lists.
//
// A value is encrypted as AWS does it: under a data key of its own, which is encrypted
// under the secret's KMS key for that secret and version, by calls that the gate
// decides and records as the caller's. Values are compared in memory, after
// decryption: no hash of a value is kept.
//
// A secret whose recovery window is over is gone from that instant on, on every path;
// what remains of it is erased by a job soon afterwards, or when its name is used again.
package secretsmanager

import (
	"context"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/record"
	"github.com/coffer-secrets/coffer/internal/secret"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
)

// maxRemembered is how many heads are kept decoded: 20 MiB or so.
const maxRemembered = 8192

// maxPolicies is how many resource policies are kept decoded and compiled. At 20 KiB a
// document, and some times that compiled, it bounds them to about 100 MiB.
const maxPolicies = 1024

// Service is Secrets Manager over a store. It is for concurrent use.
type Service struct {
	heads *record.Table[Secret]
	// listed is the same table without a memory, for scans that would push out of it
	// what is read one by one.
	listed *record.Table[Secret]
	values *record.Table[Value]
	// deprecated is the index of the versions that the heads don't have.
	deprecated *record.Table[Version]
	policies   *record.Table[ResourcePolicy]
	keys       *kmsservice.Service
	directory  Directory
	gate       *gate.Gate
	functions  Invoker // nil: there are none
	rotating   holds
}

// Bind binds Secrets Manager's operations and jobs to the gate. Keys makes the key that
// secrets are encrypted under by default; directory knows whom a policy may name; functions
// are what rotates secrets, and may be nil.
func Bind(g *gate.Gate, keys *kmsservice.Service, directory Directory, functions Invoker) *Service {
	s := newService(keys)
	s.gate, s.directory, s.functions = g, directory, functions
	g.Job(kindExpire, jobs.Handler{Do: s.expire})
	g.Job(kindWindow, jobs.Handler{Do: s.look, AtOnce: windowsAtOnce})
	g.Job(kindRotate, jobs.Handler{Do: s.tryRotation, AtOnce: rotationsAtOnce})
	g.Job(kindIndex, jobs.Handler{Do: s.index})
	g.Job(kindReplicate, jobs.Handler{Do: s.replicate, AtOnce: replicasAtOnce})
	gate.Write(g, sm.CreateSecret, valued(gate.Row[sm.CreateSecretInput]{Access: gate.AccessWrite, Targets: gate.One(s.toCreate)},
		func(in *sm.CreateSecretInput) (*secret.Text, *secret.Blob) { return &in.SecretString, &in.SecretBinary }), s.create)
	gate.Read(g, sm.GetSecretValue, on(s, gate.AccessRead, func(in *sm.GetSecretValueInput) *string { return in.SecretId }, askedGet), s.get)
	gate.Write(g, sm.PutSecretValue, valued(on(s, gate.AccessWrite, func(in *sm.PutSecretValueInput) *string { return in.SecretId }),
		func(in *sm.PutSecretValueInput) (*secret.Text, *secret.Blob) {
			return &in.SecretString, &in.SecretBinary
		}), s.put)
	gate.Write(g, sm.UpdateSecret, valued(on(s, gate.AccessWrite, func(in *sm.UpdateSecretInput) *string { return in.SecretId }, askedUpdate),
		func(in *sm.UpdateSecretInput) (*secret.Text, *secret.Blob) { return &in.SecretString, &in.SecretBinary }), s.update)
	gate.Read(g, sm.DescribeSecret, on(s, gate.AccessRead, func(in *sm.DescribeSecretInput) *string { return in.SecretId }), s.describe)
	gate.Read(g, sm.BatchGetSecretValue, gate.Row[sm.BatchGetSecretValueInput]{
		Access: gate.AccessList, Targets: unnamed[sm.BatchGetSecretValueInput],
	}, s.batch)
	gate.Read(g, sm.ListSecrets, gate.Row[sm.ListSecretsInput]{Access: gate.AccessList, Targets: unnamed[sm.ListSecretsInput]}, s.list)
	gate.Read(g, sm.ListSecretVersionIds, on(s, gate.AccessRead, func(in *sm.ListSecretVersionIdsInput) *string { return in.SecretId }), s.listVersions)
	gate.Write(g, sm.UpdateSecretVersionStage, on(s, gate.AccessWrite, func(in *sm.UpdateSecretVersionStageInput) *string { return in.SecretId }, askedMove), s.moveStage)
	gate.Write(g, sm.DeleteSecret, on(s, gate.AccessWrite, func(in *sm.DeleteSecretInput) *string { return in.SecretId }, askedDelete), s.remove)
	gate.Write(g, sm.RestoreSecret, on(s, gate.AccessWrite, func(in *sm.RestoreSecretInput) *string { return in.SecretId }), s.restore)
	gate.Write(g, sm.RotateSecret, on(s, gate.AccessWrite, func(in *sm.RotateSecretInput) *string { return in.SecretId }, askedRotate), s.rotate)
	gate.Write(g, sm.CancelRotateSecret, on(s, gate.AccessWrite, func(in *sm.CancelRotateSecretInput) *string { return in.SecretId }), s.cancelRotation)
	gate.Write(g, sm.TagResource, on(s, gate.AccessTagging, func(in *sm.TagResourceInput) *string { return in.SecretId }, askedTag), s.tag)
	gate.Write(g, sm.UntagResource, on(s, gate.AccessTagging, func(in *sm.UntagResourceInput) *string { return in.SecretId }, askedUntag), s.untag)
	s.bindPolicies(g)
	s.bindReplication(g)
	gate.Read(g, sm.GetRandomPassword, gate.Row[sm.GetRandomPasswordInput]{Access: gate.AccessRead, Targets: unnamed[sm.GetRandomPasswordInput]}, randomPassword)
	return s
}

// bindPolicies binds the operations on resource policies.
func (s *Service) bindPolicies(g *gate.Gate) {
	gate.Write(g, sm.PutResourcePolicy, on(s, gate.AccessPermissions, func(in *sm.PutResourcePolicyInput) *string { return in.SecretId }, askedPolicy), s.putPolicy)
	gate.Read(g, sm.GetResourcePolicy, on(s, gate.AccessRead, func(in *sm.GetResourcePolicyInput) *string { return in.SecretId }), s.getPolicy)
	gate.Write(g, sm.DeleteResourcePolicy, on(s, gate.AccessPermissions, func(in *sm.DeleteResourcePolicyInput) *string { return in.SecretId }), s.deletePolicy)
	gate.Read(g, sm.ValidateResourcePolicy, gate.Row[sm.ValidateResourcePolicyInput]{
		Access: gate.AccessPermissions, Targets: gate.One(s.toValidate),
		Actions: []string{sm.ValidateResourcePolicy.Action(), sm.PutResourcePolicy.Action()},
	}, s.validatePolicy)
}

// bindReplication binds the operations on replicas.
func (s *Service) bindReplication(g *gate.Gate) {
	gate.Write(g, sm.ReplicateSecretToRegions, on(s, gate.AccessWrite, func(in *sm.ReplicateSecretToRegionsInput) *string { return in.SecretId }, askedReplicas), s.replicateTo)
	gate.Write(g, sm.RemoveRegionsFromReplication, on(s, gate.AccessWrite, func(in *sm.RemoveRegionsFromReplicationInput) *string { return in.SecretId }), s.withdrawFrom)
	gate.Write(g, sm.StopReplicationToReplica, on(s, gate.AccessWrite, func(in *sm.StopReplicationToReplicaInput) *string { return in.SecretId }), s.promote)
}

func newService(keys *kmsservice.Service) *Service {
	return &Service{
		heads:      record.Memoised[Secret](tableHeads, maxRemembered),
		listed:     record.New[Secret](tableHeads),
		values:     record.New[Value](tableValues),
		deprecated: record.New[Version](tableDeprecated),
		policies:   record.Memoised[ResourcePolicy](tablePolicies, maxPolicies),
		keys:       keys,
	}
}

// on makes the row of an operation on the one secret that a member names. Asks, if it is
// given, has what the request says for condition keys.
func on[In any](s *Service, access gate.Access, id func(*In) *string, asks ...asked[In]) gate.Row[In] {
	var says asked[In]
	if len(asks) > 0 {
		says = asks[0]
	}
	return gate.Row[In]{Access: access, Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		t, err := s.target(r, call, *id(in))
		t.Keys = conditions[In]{s, r, call, t.ARN, *id(in), in, says}.values
		return t, err
	})}
}

// unnamed is the Targets of operations on no one secret, which denials don't name.
func unnamed[In any](context.Context, kv.Reader, *gate.Call, *In) ([]gate.Target, error) {
	return []gate.Target{everything}, nil
}

// everything is what decisions on no one secret are taken on.
var everything = gate.Target{ARN: "*", Unnamed: true}
