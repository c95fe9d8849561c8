// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
)

// What Vault's statuses mean in AWS's words, which is how requests to an agent are told of
// failures, whatever the source.
var (
	invalid  = api.ErrorCode{Code: "ValidationException", Status: http.StatusBadRequest}
	denied   = api.ErrorCode{Code: "AccessDeniedException", Status: http.StatusForbidden}
	notFound = api.ErrorCode{Code: "ResourceNotFoundException", Status: http.StatusNotFound}
	slowDown = api.ErrorCode{Code: "ThrottlingException", Status: http.StatusTooManyRequests}
	failed   = api.ErrorCode{Code: "InternalServiceError"}
)

// The bounds of what an error repeats of Vault's messages: so many, of so many bytes.
const (
	maxMessages = 3
	maxMessage  = 256
)

// refusal returns the error that an answer is, or nil.
func refusal(a *Answer) error {
	code := failed
	switch status := a.Status; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusNotFound:
		code = notFound
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		code = denied
	case status == http.StatusTooManyRequests:
		code = slowDown
	case status == http.StatusPreconditionFailed: // a replica that is behind
		code.Status = http.StatusServiceUnavailable
	case status >= 500:
		code.Status = status
	default:
		code = invalid
	}
	return code.New(messages(a.Body))
}

// messages are what Vault says in its errors, shortened, and nothing else of the body.
func messages(body []byte) string {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 {
		return ""
	}
	var all []string
	for _, m := range answer.Errors[:min(len(answer.Errors), maxMessages)] {
		m = strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f {
				return ' '
			}
			return c
		}, m)
		if len(m) > maxMessage {
			m = strings.ToValidUTF8(m[:maxMessage], "") + "..."
		}
		all = append(all, strings.TrimSpace(m))
	}
	return strings.Join(all, "; ")
}
