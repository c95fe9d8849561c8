// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package api declares AWS operations as values that a server binds and a client
// calls, so that the two can't disagree.
//
// The packages below it are generated from the facts in aws/*.json: one a service,
// with its request and response structs, its error codes and one Op for each
// operation. Constraints (required members, lengths, patterns, enumerations) are
// struct tags, read by the one validator here: Validate. An Op says nothing of the
// protocol; its Service does, and the codecs (internal/awsjson for clients,
// internal/wire for the server, internal/awsquery for both) follow it.
package api

//go:generate go run ./apigen -models ../../aws -out .

// Protocol is how a service's calls travel.
type Protocol uint8

// The protocols that Coffer speaks.
const (
	// JSON is AWS JSON 1.1: POST /, X-Amz-Target, a JSON body.
	JSON Protocol = iota + 1
	// Query is the AWS Query protocol: a form with Action and Version, answered in XML.
	Query
)

// Service is one AWS service. Services are constants in all but type: never changed.
type Service struct {
	// Name is the signing name, which is also the prefix of IAM actions and of the
	// endpoint: "secretsmanager".
	Name string
	// Title is the name in prose: "Secrets Manager".
	Title string
	// Protocol is how calls travel.
	Protocol Protocol
	// Version is the API's version: "2017-10-17".
	Version string
	// TargetPrefix is the part of X-Amz-Target before the dot. Empty for Query, and for a
	// service with a Path.
	TargetPrefix string
	// Path is what the operation's name follows in the URL of a call to a service that is
	// not AWS's: "/coffer/v1/". Its calls are otherwise those of the JSON protocol. Empty for
	// AWS's own.
	Path string
	// Paths are names that operations have beside their own in the URLs of a service with a
	// Path: "login/aws". It may be nil.
	Paths map[string]string
	// Namespace is the XML namespace of a Query service's answers.
	Namespace string
	// Operations names all operations of AWS's model, in order of name, whether
	// the server binds them or not.
	Operations []string
}

// EventSource is the service as CloudTrail names it: "kms.amazonaws.com". One that is not
// AWS's has its name alone.
func (s *Service) EventSource() string {
	if s.Path != "" {
		return s.Name
	}
	return s.Name + ".amazonaws.com"
}

// Op is one operation: the types of its request and response.
type Op[In, Out any] struct {
	Service *Service
	Name    string
}

// Target is the value of X-Amz-Target: "secretsmanager.GetSecretValue".
func (o Op[In, Out]) Target() string { return o.Service.TargetPrefix + "." + o.Name }

// Action is the operation's IAM action: "secretsmanager:GetSecretValue".
func (o Op[In, Out]) Action() string { return o.Service.Name + ":" + o.Name }
