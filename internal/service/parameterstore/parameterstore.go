// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package parameterstore serves Parameter Store, which is the part of AWS Systems
// Manager that keeps parameters: names in a hierarchy, each with up to 100 versions.
//
// A parameter is one record: its current version, its tags, and which label is on
// which version. Older versions are records of their own, under the parameter's
// generation, a random name that a parameter gets when it is created, so that one
// that is deleted and created again never meets its predecessor's versions. Keys
// follow the hierarchy, level by level, so that a path is one range of keys.
//
// The value of a String or StringList is as safe as every record is, and no more. That
// of a SecureString is encrypted under a KMS key besides, with the parameter's ARN as
// encryption context, by calls to KMS that are decided and recorded as the caller's.
//
// A parameter whose Expiration policy has passed does not exist for any operation from
// that instant on. Its records are erased by a job at that time, which also publishes the
// events of all policies: see Parameter.Wake.
package parameterstore

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/record"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
)

// maxRemembered is how many parameters are kept decoded. At 8 KiB a value it bounds
// them to 32 MiB.
const maxRemembered = 4096

// maxRememberedPolicies is how many parameters' resource policies are kept decoded and compiled.
const maxRememberedPolicies = 1024

// service is Parameter Store over a store. It is for concurrent use.
type service struct {
	gate      *gate.Gate
	keys      *kmsservice.Service
	directory Directory
	heads     *record.Table[Parameter]
	tiers     *record.Table[tiered] // heads, without a memory
	versions  *record.Table[Version]
	policies  *record.Table[resourcePolicies]
}

// Bind binds Parameter Store's operations to the gate. Keys has the account's key
// alias/aws/ssm, under which a SecureString is encrypted by default; the gate serves
// KMS too. Directory knows whom a resource policy may name.
func Bind(g *gate.Gate, keys *kmsservice.Service, directory Directory) {
	s := &service{
		gate:      g,
		keys:      keys,
		directory: directory,
		heads:     record.Memoised[Parameter]("ssm/parameter", maxRemembered),
		tiers:     record.New[tiered]("ssm/parameter"),
		versions:  record.New[Version]("ssm/version"),
		policies:  record.Memoised[resourcePolicies](tablePolicies, maxRememberedPolicies),
	}
	g.Job(kindPolicies, jobs.Handler{Do: s.enforce})
	gate.Write(g, ssm.PutParameter, gate.Row[ssm.PutParameterInput]{
		Access: gate.AccessWrite, Targets: gate.One(s.putTarget),
	}, s.put)
	gate.Read(g, ssm.GetParameter, on(s.sharedTarget, gate.AccessRead, func(in *ssm.GetParameterInput) *string { return in.Name }), s.get)
	gate.Read(g, ssm.GetParameters, listed(s.sharedTarget, gate.AccessRead, func(in *ssm.GetParametersInput) []string { return in.Names }), s.getMany)
	gate.Read(g, ssm.GetParametersByPath, gate.Row[ssm.GetParametersByPathInput]{
		Access: gate.AccessRead, Targets: gate.One(pathTarget),
	}, s.getByPath)
	gate.Read(g, ssm.GetParameterHistory, on(s.sharedTarget, gate.AccessRead, func(in *ssm.GetParameterHistoryInput) *string { return in.Name }), s.history)
	gate.Read(g, ssm.DescribeParameters, gate.Row[ssm.DescribeParametersInput]{
		Access: gate.AccessList, Targets: gate.One(allTarget),
	}, s.describe)
	gate.Write(g, ssm.DeleteParameter, on(s.ownTarget, gate.AccessWrite, func(in *ssm.DeleteParameterInput) *string { return in.Name }), s.delete)
	gate.Write(g, ssm.DeleteParameters, listed(s.ownTarget, gate.AccessWrite, func(in *ssm.DeleteParametersInput) []string { return in.Names }), s.deleteMany)
	gate.Write(g, ssm.LabelParameterVersion, on(s.ownTarget, gate.AccessWrite, func(in *ssm.LabelParameterVersionInput) *string { return in.Name }), s.label)
	gate.Write(g, ssm.UnlabelParameterVersion, on(s.ownTarget, gate.AccessWrite, func(in *ssm.UnlabelParameterVersionInput) *string { return in.Name }), s.unlabel)
	s.bindTags(g)
	s.bindPolicies(g)
}

// bindTags binds the operations on tags, which are shared by all of Systems Manager.
func (s *service) bindTags(g *gate.Gate) {
	gate.Write(g, ssm.AddTagsToResource, gate.Row[ssm.AddTagsToResourceInput]{
		Access: gate.AccessTagging,
		Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.AddTagsToResourceInput) (gate.Target, error) {
			return s.tagTarget(r, call, resource{*in.ResourceType, *in.ResourceId}, conditions{requested: requested(in.Tags)})
		}),
	}, s.addTags)
	gate.Write(g, ssm.RemoveTagsFromResource, gate.Row[ssm.RemoveTagsFromResourceInput]{
		Access: gate.AccessTagging,
		Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.RemoveTagsFromResourceInput) (gate.Target, error) {
			return s.tagTarget(r, call, resource{*in.ResourceType, *in.ResourceId}, conditions{keys: in.TagKeys})
		}),
	}, s.removeTags)
	gate.Read(g, ssm.ListTagsForResource, gate.Row[ssm.ListTagsForResourceInput]{
		Access: gate.AccessRead,
		Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.ListTagsForResourceInput) (gate.Target, error) {
			return s.tagTarget(r, call, resource{*in.ResourceType, *in.ResourceId}, conditions{})
		}),
	}, s.listTags)
}

// bindPolicies binds the operations on resource policies.
func (s *service) bindPolicies(g *gate.Gate) {
	gate.Write(g, ssm.PutResourcePolicy, gate.Row[ssm.PutResourcePolicyInput]{
		Access: gate.AccessPermissions,
		Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.PutResourcePolicyInput) (gate.Target, error) {
			return s.policyTarget(r, call, *in.ResourceArn)
		}),
	}, s.putPolicy)
	gate.Read(g, ssm.GetResourcePolicies, gate.Row[ssm.GetResourcePoliciesInput]{
		Access: gate.AccessList,
		Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.GetResourcePoliciesInput) (gate.Target, error) {
			return s.policyTarget(r, call, *in.ResourceArn)
		}),
	}, s.getPolicies)
	gate.Write(g, ssm.DeleteResourcePolicy, gate.Row[ssm.DeleteResourcePolicyInput]{
		Access: gate.AccessPermissions,
		Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *ssm.DeleteResourcePolicyInput) (gate.Target, error) {
			return s.policyTarget(r, call, *in.ResourceArn)
		}),
	}, s.deletePolicy)
}

// on makes the row of an operation on the one parameter that a member names.
func on[In any](find finder, access gate.Access, name func(*In) *string) gate.Row[In] {
	return gate.Row[In]{Access: access, Targets: gate.One(func(_ context.Context, r kv.Reader, call *gate.Call, in *In) (gate.Target, error) {
		return find.named(r, call, *name(in))
	})}
}

// listed makes the row of an operation on the parameters that a member names.
func listed[In any](find finder, access gate.Access, names func(*In) []string) gate.Row[In] {
	return gate.Row[In]{Access: access, Targets: func(_ context.Context, r kv.Reader, call *gate.Call, in *In) ([]gate.Target, error) {
		return find.listed(r, call, names(in))
	}}
}
