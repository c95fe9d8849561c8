// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package sigv4 signs HTTP requests with AWS Signature Version 4 and verifies them.
//
// A signature is an HMAC over a canonical form of the request: method, path,
// query, the headers that the signer chose, and the SHA-256 of the body. The key
// is derived from the secret access key and a scope: a date, a region and a
// service. It travels in the Authorization header, or, presigned, in the query.
// The rules are AWS's for every service but S3, as in the IAM User Guide, "Create
// a signed AWS API request": the path is normalised and encoded once more than on
// the wire, and the body is always hashed.
//
// A Signer signs. The server's side is in two steps, because the secret is looked
// up between them: Parse finds out who claims to have signed what, and a Verifier
// holds the claim against the secret. Until Verify has returned nil, everything in
// a Presented is only a claim.
//
// Where AWS leaves room, or says less than a server needs, this package is strict:
//
//   - host and every x-amz-* header that is present must be signed. Only X-Amz-Date
//     need not be: what counts of it is in the signed string anyway. Content-Type
//     may be unsigned, as AWS asks for it with S3 only;
//   - the body's hash is computed, never taken over. X-Amz-Content-Sha256, if it is
//     there, must equal it: UNSIGNED-PAYLOAD and the STREAMING-* values, which are
//     S3's, do not match;
//   - a part that is given twice (the Authorization header, a parameter of it or of a
//     presigned query, a signed header's name) is refused, and not chosen from;
//   - a presigned request without X-Amz-Expires, as the SDKs make for STS, is held
//     to the window of a signed header.
package sigv4

import (
	"time"

	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	// DefaultWindow is how far a request's time may be from the server's clock,
	// either way. AWS's API references (Common Errors, RequestExpired) say 15
	// minutes; in practice STS allows that and the JSON services 5.
	DefaultWindow = 15 * time.Minute

	// MaxExpires is the longest that a presigned request may be valid: a week, as
	// AWS says of X-Amz-Expires ("Authenticating requests: using query parameters").
	MaxExpires = 604800 * time.Second
)

// The bounds of what Parse takes in. AWS documents none but the length of an
// identifier of an access key (IAM API, AccessKeyMetadata).
const (
	maxAuthorizationBytes = 4096
	maxAccessKeyIDBytes   = 128
	maxScopePartBytes     = 64 // a region's or a service's name
	maxSignedHeaders      = 100
	maxQueryBytes         = 16 << 10
	maxQueryParameters    = 512
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeLayout = "20060102T150405Z" // ISO 8601 basic format, UTC
	dateLen    = len("20060102")
)

// Credentials are what a request is signed with.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey secret.Value
	SessionToken    string // empty for a long-term key
}
