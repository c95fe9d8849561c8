// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Directory knows who may sign. The identity service implements it over the
// store, so that a key that is withdrawn is refused from the next call on.
type Directory interface {
	// Credential returns the credential with that access key, or nil when there is
	// none. A temporary one may be in nothing but the session token, which is what the
	// request came with, or empty. What it returns is shared, and not to be changed.
	Credential(r kv.Reader, accessKeyID, sessionToken string) (*Credential, error)
}

// Credential is an access key with whom it stands for.
type Credential struct {
	AccessKeyID string
	Secret      secret.Value
	// SessionToken is what a temporary credential's requests must carry as
	// X-Amz-Security-Token. Absent for a long-lived key.
	SessionToken secret.Value
	// Expires is when a temporary credential ends. Zero means never.
	Expires time.Time
	// Inactive says that the key was switched off.
	Inactive  bool
	Principal *Principal
	// Used is told of each call that was verified with the credential, whatever became of
	// it, and returns what there is to write of that some time after the call, as Call.Later
	// has it, or nil for nothing. It is called concurrently. It may be nil.
	Used func(Use) func(kv.Tx) error
}

// Use is a use of a credential.
type Use struct {
	Time time.Time
	// Service is the signing name of the service, and Region the one that was signed for.
	Service, Region string
}

// expired reports whether a temporary credential has ended.
func (c *Credential) expired(at time.Time) bool { return !c.Expires.IsZero() && !at.Before(c.Expires) }

// still reports whether what was verified with the earlier credential would be with
// this one, which is of the same access key and may be nil.
func (c *Credential) still(earlier *Credential, at time.Time) bool {
	return c != nil && !c.Inactive && !c.expired(at) &&
		c.Secret.Equal(earlier.Secret) && c.SessionToken.Equal(earlier.SessionToken)
}

// Principal is whoever a call is decided for.
type Principal struct {
	policy.Principal
	// Policies are the identity policies with all that bounds them.
	Policies *policy.Set
	// UserName is the friendly name that CloudTrail shows. Empty for the root.
	UserName string
	// Session describes temporary credentials. Nil for long-lived ones.
	Session *Session
}

// Session is what temporary credentials stand for, as CloudTrail shows it.
type Session struct {
	// Issuer is whose credentials these are: a role, a user, or the root.
	Issuer Issuer
	// Created is when the credentials were made: aws:TokenIssueTime.
	Created time.Time
	// SourceIdentity is who is behind a chain of roles: aws:SourceIdentity. Once set it
	// stays. It may be empty.
	SourceIdentity string
	// Provider is who vouched for the identity that a role was assumed with:
	// aws:FederatedProvider. Empty unless it was assumed with a web identity.
	Provider string
	// Transitive are the keys of the session's tags that pass on to a role which the
	// session assumes.
	Transitive []string
}

// Issuer is a principal of IAM's, as CloudTrail's sessionIssuer has it.
type Issuer struct {
	// Type is "Role", "IAMUser" or "Root".
	Type string
	ARN  string
	// ID is the unique id, and Name the friendly name, which the root has none of.
	ID, Name string
}

// Target is what a call is about: one resource, whether it exists or not.
type Target struct {
	// ARN is what policies match. "*" for no one resource.
	ARN string
	// Asked is what a denial calls the resource, where AWS repeats what the caller
	// asked for. Empty means the ARN.
	Asked string
	// Unnamed says that a denial names no resource, as AWS words those of some services
	// for operations on no one resource.
	Unnamed bool
	// Type is CloudTrail's: "AWS::SecretsManager::Secret". Empty keeps the target
	// out of the audit record's resources.
	Type string
	// Policy is the resource's own policy. Nil when it has none.
	Policy *policy.Attached
	// Exclusive says that the resource's own account is in only through that policy.
	Exclusive bool
	// Unexplained says that a denial does not tell which policy lacks an allow, nor of a
	// deny in the resource's own policy, as STS words those about roles: so that nobody
	// outside learns of a role's trust policy, or whether there is such a role.
	Unexplained bool
	// Granted tells how far the resource lets this caller in by something else than its
	// policy. It is asked only about what the policies do not allow, and don't deny. It may
	// be nil.
	Granted func(action string) (policy.Grant, error)
	// Refused is what a caller is answered whom the resource's policy does not let in, where
	// that is not to tell whether there is such a resource. Nil tells of the policy.
	Refused error
	// Keys looks up condition keys that depend on the resource or the operation
	// (aws:ResourceTag/…, secretsmanager:SecretId). They come in lower case. It may be nil.
	Keys func(key string) ([]string, bool)
}
