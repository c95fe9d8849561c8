// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsjson

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
)

// Bounds of what an Error takes from an answer, which may come from anything that
// stands between us and AWS.
const (
	maxCode    = 128      // bytes
	maxMessage = 4 << 10  // bytes
	maxBody    = 64 << 10 // bytes of an error's body that are looked at
)

// DecodeError makes an error of an answer that is not a success. It never fails: what
// has no code gets one after its status.
func DecodeError(status int, header http.Header, body []byte) *api.Error {
	var fields struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"` // takes Message, too
	}
	if len(body) <= maxBody {
		// What can't be read leaves the fields empty, or as far as it was read.
		_ = json.Unmarshal(body, &fields)
	}
	code := ""
	for _, name := range []string{header.Get("X-Amzn-ErrorType"), fields.Type, fields.Code} {
		if code == "" {
			code = bare(name)
		}
	}
	if code == "" {
		code = statusCode(status)
	}
	err := api.ErrorCode{Code: code, Status: status}.New(api.Cut(fields.Message, maxMessage))
	err.RequestID = api.Cut(header.Get("X-Amzn-RequestId"), maxCode)
	return err
}

// bare returns the code alone: the name may have a namespace before it, and a link
// behind it, as in "com.amazonaws.kms#NotFoundException:http://...".
func bare(name string) string {
	name, _, _ = strings.Cut(name, ":")
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		name = name[i+1:]
	}
	if len(name) > maxCode || strings.ContainsFunc(name, notInCode) {
		return ""
	}
	return name
}

func notInCode(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-')
}

// statusCode names an answer that says nothing of itself, such as a proxy's page.
func statusCode(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return api.ThrottlingException.Code
	case status == http.StatusServiceUnavailable:
		return api.ServiceUnavailable.Code
	case status == http.StatusRequestEntityTooLarge:
		return api.RequestEntityTooLarge.Code
	case status >= 500:
		return api.InternalFailure.Code
	}
	return "UnknownError"
}
