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
	// Service is a service that acts for itself.
	Service
)

// Principal is who asks. Which policies apply to it is for the Set to say.
type Principal struct {
	// Type decides what the principal may do without being allowed to: Root.
	Type PrincipalType
	// Account is the 12 digits of the account that the principal belongs to.
	Account string
	// ARN is the principal's, for a session that of the session. Denials name it.
	ARN string
	// Role is the ARN of the role of an AssumedRole, and is empty otherwise.
	Role string
	// UserID is the unique id: what aws:userid is.
	UserID string
	// Tags are those of the user, or of the role and the session: aws:PrincipalTag.
	Tags map[string]string
}

// Context looks up condition keys that are not of the principal: of the request,
// the resource, the connection. It is asked only for keys that a policy mentions.
type Context interface {
	// Values returns the values of a condition key, and whether the request has the
	// key at all. The key is as the policy writes it, and is looked up without regard
	// to case, the name of a tag included. The caller does not change the slice.
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
	// Granted says that the resource itself lets the principal in, by a rule that is
	// no policy here. It stands in for the allow of an identity policy, and for
	// nothing else.
	Granted bool
	// Context may be nil: the request then has no condition keys of its own.
	Context Context
}

// Attached is a policy in its place.
type Attached struct {
	// Name says which policy it is in explanations: a policy's ARN, or the name of an
	// inline policy.
	Name string
	// Policy is nil when the policy can't be read, which denies everything.
	Policy *Policy
}

// Set is all policies that bear on a request. The zero Set allows nothing, but to
// the root user. It is read only, and safe to share between evaluations.
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
	// Resource is the policy of the resource, or nil. Parse makes none that could be
	// here, and anything that is here denies.
	Resource *Attached
}

// Reason is why a request was allowed or denied.
type Reason uint8

// The reasons. ImplicitDeny is the zero Reason.
const (
	ImplicitDeny Reason = iota
	ExplicitDeny
	ExplicitAllow
)

// String returns "implicit deny", "explicit deny" or "allow".
func (r Reason) String() string {
	switch r {
	case ExplicitDeny:
		return "explicit deny"
	case ExplicitAllow:
		return "allow"
	}
	return "implicit deny"
}

// Decision is the answer to a Request. The zero Decision denies.
type Decision struct {
	Allowed bool
	Reason  Reason
	// PolicyType is the kind of policy that denied: that has a Deny, or that lacks an
	// Allow. If there are several it is the first in the order service control,
	// resource, identity, boundary, session. It is zero if the request is allowed.
	PolicyType Kind
	// Matches has every statement that matched the request, denials first; only
	// Explain fills it.
	Matches []Match
}

// Match is one statement that matched a request.
type Match struct {
	// Policy is the Name of the attached policy, and PolicyType how it is attached.
	Policy     string
	PolicyType Kind
	// Statement is the statement's place in the document, from zero; it is -1 if the
	// policy could not be read, and for that denies.
	Statement int
	// Sid is the statement's, and may be empty.
	Sid    string
	Effect Effect
}

// Message returns what AWS tells the principal of a denial: who, what, and which
// type of policy is at fault, but not which policy. It is empty if the request was
// allowed. A Request without a Resource is worded without one, as AWS words those of
// some services.
func (d *Decision) Message(req *Request) string {
	if d.Allowed {
		return ""
	}
	msg := "User: " + req.Principal.ARN + " is not authorized to perform: " + req.Action
	if req.Resource != "" {
		msg += " on resource: " + req.Resource
	}
	if d.Reason == ExplicitDeny {
		article := "a "
		if d.PolicyType == KindIdentity {
			article = "an "
		}
		return msg + " with an explicit deny in " + article + d.PolicyType.String()
	}
	return msg + " because no " + d.PolicyType.String() + " allows the " + req.Action + " action"
}
