// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import "github.com/coffer-secrets/coffer/internal/api"

// ExplainAccess is the operation coffer:ExplainAccess: how a call would be decided, and by
// what. It is authorised on the principal that is asked about.
var ExplainAccess = api.Op[ExplainAccessInput, ExplainAccessOutput]{Service: Service, Name: "ExplainAccess"}

// ExplainAccessInput is the request of ExplainAccess.
type ExplainAccessInput struct {
	// Principal is an ARN (of a user, a role, a role's session or a root), or user/NAME,
	// role/NAME, root or a name in the caller's account.
	Principal *string `json:"Principal,omitzero" aws:"required; len=1..2048"`
	// Action is an IAM action: "secretsmanager:GetSecretValue".
	Action *string `json:"Action,omitzero" aws:"required; len=3..128"`
	// Resource is an ARN, or a name that the action's service would take for one, or a star.
	Resource *string `json:"Resource,omitzero" aws:"required; len=1..2048"`
	// Context are condition keys that the call is supposed to have.
	Context []ContextKey `json:"Context,omitzero" aws:"len=..64"`
}

// ContextKey is a condition key with its values.
type ContextKey struct {
	Key    *string  `json:"Key,omitzero" aws:"required; len=1..256"`
	Values []string `json:"Values,omitzero" aws:"required; len=1..64" each:"len=..2048"`
}

// ExplainAccessOutput is the response of ExplainAccess.
type ExplainAccessOutput struct {
	// Principal is the principal's ARN.
	Principal *string `json:"Principal,omitzero"`
	// Allowed says that the call would be allowed with all that it comes to.
	Allowed *bool `json:"Allowed,omitzero"`
	// Decisions are in the order in which the call would come to them. Those that another
	// service is asked for are ways to the same: the last of them counts.
	Decisions []AccessDecision `json:"Decisions,omitzero"`
}

// Values of AccessDecision.Decision.
const (
	DecisionAllowed      = "allowed"
	DecisionExplicitDeny = "explicitDeny"
	DecisionImplicitDeny = "implicitDeny"
)

// AccessDecision is one decision that a call would come to.
type AccessDecision struct {
	Action   *string `json:"Action,omitzero"`
	Resource *string `json:"Resource,omitzero"`
	// Via is the service that would make the call for the principal.
	Via      *string `json:"Via,omitzero"`
	Decision *string `json:"Decision,omitzero"`
	// Matched are the statements that matched, denials first, and Unmet those that only a
	// condition keeps from it.
	Matched []AccessStatement `json:"Matched,omitzero"`
	Unmet   []AccessStatement `json:"Unmet,omitzero"`
	// Lacking are the kinds of policy that would have to allow the call and do not.
	Lacking []string `json:"Lacking,omitzero"`
	// Changes say in words what would have to change for the call to be allowed.
	Changes []string `json:"Changes,omitzero"`
}

// AccessStatement is one statement of a policy. Of a policy of another account it has the
// kind and the effect alone.
type AccessStatement struct {
	PolicyType *string `json:"PolicyType,omitzero"`
	// Policy is the name of an inline policy, or the ARN of a managed one. The policy of a
	// resource has none.
	Policy     *string `json:"Policy,omitzero"`
	AttachedTo *string `json:"AttachedTo,omitzero"`
	Sid        *string `json:"Sid,omitzero"`
	// Statement is the statement's number in the document, from 1. Of a policy that can't be
	// read there is none.
	Statement  *int32            `json:"Statement,omitzero"`
	Effect     *string           `json:"Effect,omitzero"`
	Conditions []AccessCondition `json:"Conditions,omitzero"`
}

// AccessCondition is a condition that is not met.
type AccessCondition struct {
	Operator *string  `json:"Operator,omitzero"`
	Key      *string  `json:"Key,omitzero"`
	Wanted   []string `json:"Wanted,omitzero"`
	// Has are the values that the call has, none if it does not have the key.
	Has []string `json:"Has,omitzero"`
}

// ListAccess is the operation coffer:ListAccess: who of the caller's account could make a
// call, and whom of others the policy of the resource lets in.
var ListAccess = api.Op[ListAccessInput, ListAccessOutput]{Service: Service, Name: "ListAccess"}

// ListAccessInput is the request of ListAccess.
type ListAccessInput struct {
	Action   *string      `json:"Action,omitzero" aws:"required; len=3..128"`
	Resource *string      `json:"Resource,omitzero" aws:"required; len=1..2048"`
	Context  []ContextKey `json:"Context,omitzero" aws:"len=..64"`
	// MaxResults is how many principals one answer looks at, of which those that have
	// access are in it. It is 200 by default.
	MaxResults *int32  `json:"MaxResults,omitzero" aws:"range=1..1000"`
	NextToken  *string `json:"NextToken,omitzero" aws:"len=1..4096"`
}

// ListAccessOutput is the response of ListAccess.
type ListAccessOutput struct {
	Principals []AccessPrincipal `json:"Principals,omitzero"`
	// NextToken goes on after the principals that were looked at. It is not there at the
	// end.
	NextToken *string `json:"NextToken,omitzero"`
}

// Values of AccessPrincipal.Access.
const (
	// AccessNow is that of a principal whose call would be allowed.
	AccessNow = "allowed"
	// AccessConditional is that of one whose call would be allowed if it had what it is
	// not supposed to have here, such as an address: see ListAccessInput.Context.
	AccessConditional = "conditional"
	// AccessOutside is that of one of another account, or of none, whom the policy of the
	// resource lets in as far as it goes: the policies of that account have to allow it too.
	AccessOutside = "outside"
)

// AccessPrincipal is somebody who could make a call.
type AccessPrincipal struct {
	// Principal is an ARN, the name of a service, or a star for everybody.
	Principal *string `json:"Principal,omitzero"`
	Access    *string `json:"Access,omitzero"`
	// Allowing are the statements that allow the call or, of a conditional access, would.
	Allowing []AccessStatement `json:"Allowing,omitzero"`
}
