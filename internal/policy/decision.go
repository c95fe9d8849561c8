// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

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
	// resource, identity, boundary, session; but of an Allow, identity comes before
	// resource. It is zero if the request is allowed.
	PolicyType Kind
	// Matches has every statement that matched the request, denials first; only
	// Explain fills it.
	Matches []Match
	// Near has every statement that is about the principal, the action and the resource,
	// but has conditions that the request does not meet. Lacking has all kinds of policy
	// whose allow the request needs and does not have, the first one of which is
	// PolicyType unless there is a denial. Only Explain fills them.
	Near    []Match
	Lacking []Kind
}

// Match is one statement that matched a request, or nearly did.
type Match struct {
	// Policy and Holder are the Name and the Holder of the attached policy, and PolicyType
	// is how it is attached.
	Policy, Holder string
	PolicyType     Kind
	// Statement is the statement's place in the document, from zero; it is -1 if the
	// policy could not be read, and for that denies.
	Statement int
	// Sid is the statement's, and may be empty.
	Sid    string
	Effect Effect
	// Actions and Resources are as the document has them. They are empty where it has
	// NotAction or NotResource, and where it has none. They are not to be changed.
	Actions, Resources []string
	// Start and End are where the statement stands in the document: see Position.
	Start, End Position
	// Unmet are the conditions that kept it from matching, of one that nearly did.
	Unmet []Unmet
}

// Refusal returns who may not do what to which resource: all that some services of
// AWS's tell of a denial. See Message.
func (r *Request) Refusal() string {
	if r.Principal.Type == WebIdentity {
		return "Not authorized to perform " + r.Action
	}
	msg := "User: " + r.Principal.ARN + " is not authorized to perform: " + r.Action
	if r.Resource != "" {
		msg += " on resource: " + r.Resource
	}
	return msg
}

// Message returns what AWS tells the principal of a denial: who, what, and which
// type of policy is at fault, but not which policy. It is empty if the request was
// allowed. A Request without a Resource is worded without one, as AWS words those of
// some services. A web identity is told what it may not do, and nothing else.
func (d *Decision) Message(req *Request) string {
	if d.Allowed {
		return ""
	}
	msg := req.Refusal()
	if req.Principal.Type == WebIdentity {
		return msg
	}
	if d.Reason == ExplicitDeny {
		article := "a "
		switch d.PolicyType {
		case KindIdentity:
			article = "an "
		case KindTrust:
			article = "the "
		}
		return msg + " with an explicit deny in " + article + d.PolicyType.String()
	}
	return msg + " because no " + d.PolicyType.String() + " allows the " + req.Action + " action"
}
