// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package policy is the policy language of IAM: it reads policy documents, and
// decides by them whether a principal may perform an action on a resource.
//
// A document is parsed once into an immutable Policy. A Set is all policies that
// bear on one request, by the way they are attached; Evaluate holds a Request
// against a Set. The rules are AWS's: everything is denied unless allowed, an
// explicit deny in any policy is final, and boundaries, session policies and service
// control policies only ever take away. The policy of a resource stands beside the
// identity policies within an account, and lets in from another account whom the
// identity policies there allow too. The root user of an account needs no allow in it.
//
// What the engine does not evaluate it does not accept: Parse refuses a document with
// an operator, a principal or a value that could not be held against a request,
// because a Deny that is partly understood is a hole. What can't be trusted at
// evaluation, such as a policy that failed to load, denies.
//
// References: the IAM User Guide's grammar of the policy language, its policy
// evaluation logic, and its pages on each policy element, on policy variables and on
// conditions with multiple keys or values.
package policy

// MaxDocument is the longest document in bytes that Parse reads: the longest that
// IAM's API takes (policyDocumentType). The smaller quotas, which differ by what a
// policy is attached to and do not count white space, are the caller's to apply.
const MaxDocument = 131072

// Kind says how a policy is attached, and with that what its document may hold and
// what its statements can do.
type Kind uint8

// The kinds of policy. The zero Kind is none of them.
const (
	// KindIdentity is attached to a user, group or role, and grants.
	KindIdentity Kind = iota + 1
	// KindBoundary is the permissions boundary of a user or role, and only limits.
	KindBoundary
	// KindSession was passed when a session was made, and only limits.
	KindSession
	// KindServiceControl limits all principals of an account, its root user too.
	KindServiceControl
	// KindResource is attached to a resource, and names the principals it is about.
	KindResource
	// KindTrust is the policy of a role about who may assume it. It names principals as
	// KindResource does, and no resource: that is the role.
	KindTrust
)

var kindNames = [...]string{"no policy", "identity-based policy", "permissions boundary", "session policy", "service control policy", "resource-based policy", "role trust policy"}

// String returns the kind as AWS words it in a denial, for example "session policy".
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return kindNames[0]
	}
	return kindNames[k]
}

// namesPrincipals reports whether the statements of the kind say whom they are about.
func (k Kind) namesPrincipals() bool { return k == KindResource || k == KindTrust }

// Effect is what a statement does when it matches.
type Effect uint8

// The effects. Deny is the zero Effect.
const (
	Deny Effect = iota
	Allow
)

// String returns the effect as a document has it.
func (e Effect) String() string {
	if e == Allow {
		return "Allow"
	}
	return "Deny"
}

// The versions of the policy language.
const (
	Version2012 = "2012-10-17"
	Version2008 = "2008-10-17"
)

// Policy is a compiled document. It never changes, and is safe for concurrent use.
type Policy struct {
	kind       Kind
	version    string
	statements []statement
	// byEffect has the indexes of the statements of each effect, in order.
	byEffect [2][]int
	// places are where the statements stand in the document, for explanations. They are not
	// with the statements, so that these stay together.
	places []place
}

type statement struct {
	sid        string
	effect     Effect
	principals *principals // nil but in the policy of a resource
	actions    matcher
	resources  matcher
	conditions []condition
}

// Kind returns what the document was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// Version returns the version of the language that the document is written in,
// Version2008 if it names none. IAM refuses new managed policies that are not of
// Version2012, which is the caller's to do.
func (p *Policy) Version() string { return p.version }

// matches reports whether the statement is about the request, whoever makes it. Actions
// are what statements differ in most.
func (s *statement) matches(req *Request) bool {
	if !s.about(req) {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].met(s.effect, req) {
			return false
		}
	}
	return true
}

// about reports whether the statement is about the action and the resource.
func (s *statement) about(req *Request) bool {
	return s.actions.matches(req.Action, req) && s.resources.matches(req.Resource, req)
}

// matcher is Action and NotAction, or Resource and NotResource.
type matcher struct {
	patterns []pattern
	not      bool
	written  []string // as the document has them
}

// named returns what the document names to have it match, and not to have it left out.
func (m *matcher) named() []string {
	if m.not {
		return nil
	}
	return m.written
}

func (m *matcher) matches(text string, req *Request) bool {
	for i := range m.patterns {
		if m.patterns[i].matches(text, req) {
			return !m.not
		}
	}
	return m.not
}
