// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4

import "net/http"

// Kind says why a request is not authentic. Its zero value is no kind.
type Kind uint8

// The kinds. Parse and Verify report all but ExpiredToken and InvalidToken, which
// are for the one who looks up the access key and its session.
const (
	_                    Kind = iota
	MissingToken              // no signature at all
	IncompleteSignature       // parts of the signature are missing or malformed
	InvalidSignature          // the signature, its scope or its time is wrong
	UnknownKey                // no such access key
	InvalidToken              // the session token is not one of the access key
	ExpiredToken              // the session is over
	RequestExpired            // the presigned request's time is over
	MalformedQueryString      // the query can't be decoded
)

// Answer is what a client is told, in the terms of its protocol.
type Answer struct {
	Code    string
	Message string
	Status  int // the HTTP status
}

const (
	mismatchMessage = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	invalidTokenMessage = "The security token included in the request is invalid"
	expiredTokenMessage = "The security token included in the request is expired"
)

// answers has, for each Kind, what AWS's services answer: those of the JSON
// protocols first, those of the Query protocol second. An Error without a message
// of its own has the one here.
var answers = [...][2]Answer{
	MissingToken: {
		{"MissingAuthenticationTokenException", "Missing Authentication Token", http.StatusBadRequest},
		{"MissingAuthenticationToken", "Request is missing Authentication Token", http.StatusForbidden},
	},
	IncompleteSignature: {
		{"IncompleteSignatureException", "The request signature does not conform to AWS standards.", http.StatusBadRequest},
		{"IncompleteSignature", "The request signature does not conform to AWS standards.", http.StatusBadRequest},
	},
	InvalidSignature: {
		{"InvalidSignatureException", mismatchMessage, http.StatusBadRequest},
		{"SignatureDoesNotMatch", mismatchMessage, http.StatusForbidden},
	},
	UnknownKey: {
		{"UnrecognizedClientException", invalidTokenMessage + ".", http.StatusBadRequest},
		{"InvalidClientTokenId", invalidTokenMessage + ".", http.StatusForbidden},
	},
	InvalidToken: {
		{"UnrecognizedClientException", invalidTokenMessage, http.StatusBadRequest},
		{"InvalidClientTokenId", invalidTokenMessage, http.StatusForbidden},
	},
	ExpiredToken: {
		{"ExpiredTokenException", expiredTokenMessage, http.StatusBadRequest},
		{"ExpiredToken", expiredTokenMessage, http.StatusForbidden},
	},
	RequestExpired: {
		{"RequestExpired", "Request has expired.", http.StatusBadRequest},
		{"RequestExpired", "Request has expired.", http.StatusBadRequest},
	},
	MalformedQueryString: {
		{"MalformedQueryString", "The query string contains a syntax error.", http.StatusBadRequest},
		{"MalformedQueryString", "The query string contains a syntax error.", http.StatusNotFound},
	},
}

// Error says that a request is not authentic, and how AWS says so. It never holds
// a signature, a secret or a token. All errors of Parse and Verify are of this type.
type Error struct {
	Kind    Kind
	Message string // empty for the kind's own
}

// Err returns an Error of the kind with the kind's own message.
func (k Kind) Err() *Error { return &Error{Kind: k} }

// JSON returns the answer of the JSON protocols (Secrets Manager, Parameter Store, KMS).
func (e *Error) JSON() Answer { return e.answer(0) }

// Query returns the answer of the Query protocol (STS, IAM).
func (e *Error) Query() Answer { return e.answer(1) }

func (e *Error) answer(protocol int) Answer {
	a := answers[e.Kind][protocol]
	if e.Message != "" {
		a.Message = e.Message
	}
	return a
}

// Error implements error.
func (e *Error) Error() string {
	a := e.JSON()
	return "sigv4: " + a.Code + ": " + a.Message
}
