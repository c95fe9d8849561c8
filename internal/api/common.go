// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package api

// The errors that any operation may answer, whatever its model declares:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html and
// its like of each service. Those of signatures are internal/sigv4's.
var (
	// AccessDeniedException refuses a caller, in the JSON protocol.
	AccessDeniedException = ErrorCode{Code: "AccessDeniedException", Status: 400, Member: "Message"}
	// AccessDenied refuses a caller, in the Query protocol.
	AccessDenied = ErrorCode{Code: "AccessDenied", Status: 403}
	// ValidationException is a request that breaks a constraint, in the JSON protocol.
	ValidationException = ErrorCode{Code: "ValidationException", Status: 400}
	// ValidationError is a request that breaks a constraint, in the Query protocol.
	ValidationError = ErrorCode{Code: "ValidationError", Status: 400}
	// SerializationException is a JSON body that can't be read.
	SerializationException = ErrorCode{Code: "SerializationException", Status: 400, Member: "Message"}
	// MalformedInput is a form that can't be read, in the Query protocol.
	MalformedInput = ErrorCode{Code: "MalformedInput", Status: 400}
	// UnknownOperationException is an X-Amz-Target that names no operation.
	UnknownOperationException = ErrorCode{Code: "UnknownOperationException", Status: 400}
	// InvalidAction is an Action and a Version that name no operation.
	InvalidAction = ErrorCode{Code: "InvalidAction", Status: 400}
	// MissingAction is a request that names no operation at all.
	MissingAction = ErrorCode{Code: "MissingAction", Status: 400}
	// NotImplemented is an operation of AWS's model that this server does not serve.
	NotImplemented = ErrorCode{Code: "NotImplemented", Status: 501}
	// RequestEntityTooLarge is a body over the server's limit.
	RequestEntityTooLarge = ErrorCode{Code: "RequestEntityTooLargeException", Status: 413}
	// ThrottlingException asks the caller to come slower, in the JSON protocol.
	ThrottlingException = ErrorCode{Code: "ThrottlingException", Status: 400}
	// Throttling asks the caller to come slower, in the Query protocol.
	Throttling = ErrorCode{Code: "Throttling", Status: 400}
	// ServiceUnavailable is a server that can't answer for the moment.
	ServiceUnavailable = ErrorCode{Code: "ServiceUnavailable", Status: 503}
	// InternalFailure is a fault of the server, whose cause is in its log only.
	InternalFailure = ErrorCode{Code: "InternalFailure", Status: 500}
)

// Denied is the code with which the service refuses a caller.
func (s *Service) Denied() ErrorCode {
	if s.Protocol == Query {
		return AccessDenied
	}
	return AccessDeniedException
}

// Throttled is the code with which the service asks a caller to come slower.
func (s *Service) Throttled() ErrorCode {
	if s.Protocol == Query {
		return Throttling
	}
	return ThrottlingException
}

// NotImplemented returns the error for an operation that is declared and not served.
func (s *Service) NotImplemented(operation string) *Error {
	return NotImplemented.Newf("The operation %s:%s is not implemented by this server.", s.Name, operation)
}
