// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsquery

import (
	"net/http"

	"github.com/coffer-secrets/coffer/internal/api"
)

// Bounds of what an Error takes from an answer, in bytes.
const (
	maxBody    = 64 << 10
	maxCode    = 128
	maxMessage = 4 << 10
)

// DecodeError makes an error of an answer that is not a success. It never fails: what
// can't be read has the code UnknownError, or InternalFailure from a status of 500 up.
func DecodeError(status int, header http.Header, body []byte) *api.Error {
	code := api.ErrorCode{Code: "UnknownError", Status: status}
	if status >= 500 {
		code.Code = api.InternalFailure.Code
	}
	err := code.New("")
	err.RequestID = api.Cut(header.Get("X-Amzn-RequestId"), maxCode)
	if len(body) > maxBody {
		return err
	}
	root, parseErr := parseXML(body)
	if parseErr != nil || root.children["ErrorResponse"] == nil {
		return err
	}
	response := root.children["ErrorResponse"]
	if id, ok := response.value("RequestId"); ok && err.RequestID == "" {
		err.RequestID = api.Cut(id, maxCode)
	}
	if e := response.children["Error"]; e != nil {
		if name, ok := e.value("Code"); ok && name != "" && len(name) <= maxCode {
			err.Code = name
		}
		message, _ := e.value("Message")
		err.Message = api.Cut(message, maxMessage)
	}
	return err
}
