// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// LoginWithAWS is the operation coffer:LoginWithAWS, also POST /coffer/v1/login/aws: a
// session of a role here for whoever proves that it is a principal of AWS's which the
// configuration lets in. It is called without a signature.
var LoginWithAWS = api.Op[LoginWithAWSInput, LoginWithAWSOutput]{Service: Service, Name: "LoginWithAWS"}

// LoginWithAWSInput is the request of LoginWithAWS: a request of STS's GetCallerIdentity,
// signed and not sent, with this server's name in the signed header X-Coffer-Server-ID.
type LoginWithAWSInput struct {
	// Method is POST, URL that of STS, and Body the form.
	Method *string `json:"Method,omitzero" aws:"required; len=1..16"`
	URL    *string `json:"URL,omitzero" aws:"required; len=1..2048"`
	Body   *string `json:"Body,omitzero" aws:"required; len=1..1024"`
	// Headers are the request's. Whoever has them can repeat the request for a while.
	Headers []LoginHeader `json:"Headers,omitzero" aws:"required; len=1..20"`
	// RoleArn is the role of the session. Without one it is the first that the
	// configuration has for the principal.
	RoleArn *string `json:"RoleArn,omitzero" aws:"len=20..2048"`
	// DurationSeconds is how long the session lasts: an hour by default.
	DurationSeconds *int32 `json:"DurationSeconds,omitzero" aws:"range=900..43200"`
}

// LoginHeader is a header of a signed request.
type LoginHeader struct {
	Name  *string     `json:"Name,omitzero" aws:"required; len=1..128"`
	Value secret.Text `json:"Value,omitzero" aws:"required; len=0..8192"`
}

// LoginWithAWSOutput is the response of LoginWithAWS. It has the form of what a
// credential_process of AWS's SDKs prints.
type LoginWithAWSOutput struct {
	Version         *int32      `json:"Version,omitzero"`
	AccessKeyId     *string     `json:"AccessKeyId,omitzero"`
	SecretAccessKey secret.Text `json:"SecretAccessKey,omitzero"`
	SessionToken    secret.Text `json:"SessionToken,omitzero"`
	// Expiration is a time of RFC 3339.
	Expiration *string `json:"Expiration,omitzero"`
	// AssumedRoleArn is the session.
	AssumedRoleArn *string `json:"AssumedRoleArn,omitzero"`
}
