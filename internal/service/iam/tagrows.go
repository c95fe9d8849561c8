// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) bindTags(g *gate.Gate) {
	users, roles := s.taggedPrincipals(identity.User), s.taggedPrincipals(identity.Role)
	policies, providers := s.taggedPolicies(), s.taggedProviders()

	bindTag(g, iam.TagUser, users, func(in *iam.TagUserInput) tagRequest { return tagRequest{in.UserName, in.Tags} })
	bindUntag(g, iam.UntagUser, users, func(in *iam.UntagUserInput) untagRequest { return untagRequest{in.UserName, in.TagKeys} })
	bindListTags(g, iam.ListUserTags, users, func(in *iam.ListUserTagsInput) tagsRequest {
		return tagsRequest{in.UserName, asked{marker: in.Marker, maxItems: in.MaxItems}}
	}, func(p page[iam.Tag]) *iam.ListUserTagsOutput {
		return &iam.ListUserTagsOutput{Tags: p.entries, IsTruncated: p.truncated, Marker: p.marker}
	})

	bindTag(g, iam.TagRole, roles, func(in *iam.TagRoleInput) tagRequest { return tagRequest{in.RoleName, in.Tags} })
	bindUntag(g, iam.UntagRole, roles, func(in *iam.UntagRoleInput) untagRequest { return untagRequest{in.RoleName, in.TagKeys} })
	bindListTags(g, iam.ListRoleTags, roles, func(in *iam.ListRoleTagsInput) tagsRequest {
		return tagsRequest{in.RoleName, asked{marker: in.Marker, maxItems: in.MaxItems}}
	}, func(p page[iam.Tag]) *iam.ListRoleTagsOutput {
		return &iam.ListRoleTagsOutput{Tags: p.entries, IsTruncated: p.truncated, Marker: p.marker}
	})

	bindTag(g, iam.TagPolicy, policies, func(in *iam.TagPolicyInput) tagRequest { return tagRequest{in.PolicyArn, in.Tags} })
	bindUntag(g, iam.UntagPolicy, policies, func(in *iam.UntagPolicyInput) untagRequest { return untagRequest{in.PolicyArn, in.TagKeys} })
	bindListTags(g, iam.ListPolicyTags, policies, func(in *iam.ListPolicyTagsInput) tagsRequest {
		return tagsRequest{in.PolicyArn, asked{marker: in.Marker, maxItems: in.MaxItems}}
	}, func(p page[iam.Tag]) *iam.ListPolicyTagsOutput {
		return &iam.ListPolicyTagsOutput{Tags: p.entries, IsTruncated: p.truncated, Marker: p.marker}
	})

	bindTag(g, iam.TagOpenIDConnectProvider, providers, func(in *iam.TagOpenIDConnectProviderInput) tagRequest {
		return tagRequest{in.OpenIDConnectProviderArn, in.Tags}
	})
	bindUntag(g, iam.UntagOpenIDConnectProvider, providers, func(in *iam.UntagOpenIDConnectProviderInput) untagRequest {
		return untagRequest{in.OpenIDConnectProviderArn, in.TagKeys}
	})
	bindListTags(g, iam.ListOpenIDConnectProviderTags, providers, func(in *iam.ListOpenIDConnectProviderTagsInput) tagsRequest {
		return tagsRequest{in.OpenIDConnectProviderArn, asked{marker: in.Marker, maxItems: in.MaxItems}}
	}, func(p page[iam.Tag]) *iam.ListOpenIDConnectProviderTagsOutput {
		return &iam.ListOpenIDConnectProviderTagsOutput{Tags: p.entries, IsTruncated: p.truncated, Marker: p.marker}
	})
}
