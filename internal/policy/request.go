// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

// PrincipalType is what kind of identity signed a request.
type PrincipalType uint8

// The types of principal.
const (
	// User is an IAM user, with its own keys or a session of its own.
	User PrincipalType = iota + 1
	// Root is the root user of an account.
	Root
	// AssumedRole is a session of a role.
	AssumedRole
	// FederatedUser is a session made by GetFederationToken. It has nothing without
	// a session policy.
	FederatedUser
	// Service is a service that acts for itself. It belongs to no account: what it may
	// do is what the policies of resources allow it.
	Service
	// WebIdentity is somebody whom an identity provider vouches for, before a role is
	// assumed. It belongs to no account either.
	WebIdentity
)

// Principal is who asks. Which policies apply to it is for the Set to say.
type Principal struct {
	// Type decides what the principal may do without being allowed to: Root.
	Type PrincipalType
	// Account is the 12 digits of the account that the principal belongs to.
	Account string
	// ARN is the principal's, for a session that of the session, and for a Service its
	// name, such as rotation.amazonaws.com. Denials name it.
	ARN string
	// Issuer is what a session was made of: the ARN of the role of an AssumedRole, that
	// of the user of a FederatedUser, the identity provider of a WebIdentity. It is
	// empty otherwise.
	Issuer string
	// UserID is the unique id: what aws:userid is.
	UserID string
	// Tags are those of the user, or of the role and the session: aws:PrincipalTag.
	Tags map[string]string
}

// alien reports whether the principal is of no account.
func (p *Principal) alien() bool { return p.Type == Service || p.Type == WebIdentity }

// hasPolicies reports whether identity policies say what the principal may do.
func (p *Principal) hasPolicies() bool { return p.Type != Root && !p.alien() }

// Context looks up condition keys that are not of the principal: of the request,
// the resource, the connection. It is asked only for keys that a policy mentions.
type Context interface {
	// Values returns the values of a condition key, and whether the request has the
	// key at all. The key comes in lower case, the name of a tag included, as keys have
	// no case. The value of a binary key is in base64. The caller does not change the
	// slice.
	Values(key string) ([]string, bool)
}

// Request is what a decision is about.
type Request struct {
	Principal Principal
	// Account is the 12 digits of the account that the request acts in: the one that
	// owns the resource. A principal of another account, or of none, is refused
	// unless a policy of the resource lets it in.
	Account string
	// Action is service:Operation, without wildcards.
	Action string
	// Resource is the ARN of the resource; a star for an action that concerns no
	// single one; or, of a resource that does not exist, the name by which it was
	// asked, which only the pattern * matches.
	Resource string
	// Granted is how far the resource lets the principal in by a rule that is no policy
	// here.
	Granted Grant
	// Context may be nil: the request then has no condition keys of its own.
	Context Context
	// Given, if it is not nil, is asked for each condition key before anything else, the
	// principal's own included: it is what a simulation supposes.
	Given Context
}

// Grant is how far a resource lets a principal in by something else than its policy,
// such as a grant of KMS. It stands beside the resource's policy, and gets past no
// explicit deny, and past nothing that limits.
type Grant uint8

// The grants. NotGranted is the zero Grant.
const (
	NotGranted Grant = Grant(stranger)
	// GrantedToAccount lets the principal's account in: its identity policies say who.
	GrantedToAccount Grant = Grant(delegated)
	// GrantedToPrincipal lets the principal in without an identity policy.
	GrantedToPrincipal Grant = Grant(granted)
)

// Attached is a policy in its place.
type Attached struct {
	// Name says which policy it is in explanations: a policy's ARN, or the name of an
	// inline policy.
	Name string
	// Holder is the ARN of the user, group or role that it is attached to, for
	// explanations. Empty where there is none.
	Holder string
	// Policy is nil when the policy can't be read, which denies everything.
	Policy *Policy
}

// Set is all policies that bear on a request. The zero Set allows nothing, but to
// the root user of the resource's account. It is read only, and safe to share between evaluations.
type Set struct {
	// Identity has the policies of the user and its groups, or of the role.
	Identity []Attached
	// Boundary is the permissions boundary of the user or role, or nil.
	Boundary *Attached
	// Session has the policies that were passed when the session was made. One of
	// them must allow, if there are any.
	Session []Attached
	// ServiceControl has a list for each level from the organization's root down to
	// the account. In each level, one policy must allow.
	ServiceControl [][]Attached
	// Resource is the policy of the resource, or nil.
	Resource *Attached
	// Exclusive says that the resource's own account, its root user too, is in only
	// through that policy, as with KMS keys.
	Exclusive bool
}
