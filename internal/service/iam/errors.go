// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// What DeleteUser, DeleteGroup, DeleteRole and DeletePolicy answer while something
// hangs on what is to be deleted, in AWS's words.
var (
	errHasKeys     = iam.DeleteConflictException.New("Cannot delete entity, must delete access keys first.")
	errHasGroups   = iam.DeleteConflictException.New("Cannot delete entity, must remove users from group first.")
	errHasAttached = iam.DeleteConflictException.New("Cannot delete entity, must detach all policies first.")
	errHasInline   = iam.DeleteConflictException.New("Cannot delete entity, must delete policies first.")
)

var (
	errMarker  = api.ValidationError.New("Invalid Marker.")
	errExpired = api.ValidationError.New("1 validation error detected: Value 'Expired' at 'status' failed to satisfy constraint: " +
		"Member must satisfy enum value set: [Active, Inactive]")
	errNoUser = api.ValidationError.New("Must specify userName when calling with non-User credentials")

	errDuplicateTags = iam.InvalidInputException.New("Duplicate tag keys found.")
	errSameTags      = iam.InvalidInputException.New("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	errReservedTag   = iam.InvalidInputException.New("Tag keys and values that begin with aws: are reserved for system use.")
	errTooManyTags   = iam.LimitExceededException.New("The number of tags has reached the maximum limit.")
)

// noun is what AWS's messages call a kind of entity.
type noun string

const (
	userNoun   noun = "user"
	groupNoun  noun = "group"
	roleNoun   noun = "role"
	policyNoun noun = "policy"

	// What only ARNs and records have.
	providerNoun noun = "oidc-provider"
	mfaNoun      noun = "mfa"
)

// nounOf returns what a principal is called. The root is a user to IAM's API.
func nounOf(k identity.Kind) noun {
	if k == identity.Role {
		return roleNoun
	}
	return userNoun
}

func noSuch(n noun, name string) error {
	return iam.NoSuchEntityException.Newf("The %s with name %s cannot be found.", n, name)
}

func noSuchKey(id string) error {
	return iam.NoSuchEntityException.Newf("The Access Key with id %s cannot be found.", id)
}

// noSuchInline answers for an inline policy that a user, group or role has not.
func noSuchInline(n noun, name string) error {
	return iam.NoSuchEntityException.Newf("The %s policy with name %s cannot be found.", n, name)
}

// noSuchPolicy answers for a managed policy that is not there.
func noSuchPolicy(arn string) error {
	return iam.NoSuchEntityException.Newf("Policy %s was not found.", arn)
}

// notAttachable answers for a managed policy that can't be attached.
func notAttachable(arn string) error {
	return iam.NoSuchEntityException.Newf("Policy %s does not exist or is not attachable.", arn)
}

// noSuchBoundary answers for a managed policy that can't be a permissions boundary.
func noSuchBoundary(arn string) error {
	return iam.NoSuchEntityException.Newf("Scope ARN: %s does not exist or is not attachable.", arn)
}

func alreadyExists(n noun, name string) error {
	return iam.EntityAlreadyExistsException.Newf("%s with name %s already exists.", map[noun]string{
		userNoun: "User", groupNoun: "Group", roleNoun: "Role",
	}[n], name)
}

// modifiable refuses to change what the configuration file owns: it would be put back
// when the server starts again.
func modifiable(p *identity.Principal) error {
	if p.From == "" {
		return nil
	}
	return iam.UnmodifiableEntityException.Newf("The %s %s belongs to the %s of the server. Change it there.", p.Kind, p.Name, p.From)
}
