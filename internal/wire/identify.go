// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/awsquery"
)

// Services are those that a server speaks for. They are not changed after use.
type Services []*api.Service

// Identify finds the operation that a request names, of all that the models declare,
// served or not. body is the whole body, which the Request keeps. The Request is never
// nil, so that an error can be answered.
func (s Services) Identify(req *http.Request, body []byte) (*Request, *api.Error) {
	r := &Request{body: body}
	for _, service := range s {
		if operation, ok := strings.CutPrefix(req.URL.Path, service.Path); ok && service.Path != "" {
			return r, byPath(r, req.Method, service, operation)
		}
	}
	if target := req.Header["X-Amz-Target"]; len(target) > 0 {
		return r, s.byTarget(r, target)
	}
	// The form of a presigned POST is in its URL, beside the signature.
	if isForm(req) && (len(body) > 0 || req.URL.RawQuery == "") {
		r.query = true
		return r, s.byAction(r, string(body))
	}
	if req.Method == http.MethodGet || req.URL.RawQuery != "" {
		r.query = true
		return r, s.byAction(r, req.URL.RawQuery)
	}
	return r, api.UnknownOperationException.New("The request names no operation: X-Amz-Target is missing.")
}

// byPath looks for the operation of a service that is not AWS's. The path is what counts,
// whatever else the request has.
func byPath(r *Request, method string, service *api.Service, operation string) *api.Error {
	if name, ok := service.Paths[operation]; ok {
		operation = name
	}
	if r.Service = service; method != http.MethodPost || !has(service, operation) {
		return api.UnknownOperationException.Newf("POST %s and the name of an operation; this is none that the server knows.", service.Path)
	}
	r.Operation = operation
	return nil
}

func isForm(req *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	return err == nil && mediaType == typeForm
}

func (s Services) byTarget(r *Request, target []string) *api.Error {
	prefix, operation, _ := strings.Cut(target[0], ".")
	if len(target) == 1 {
		for _, service := range s {
			if service.Protocol == api.JSON && service.TargetPrefix == prefix && prefix != "" {
				r.Service = service
			}
		}
	}
	if r.Service == nil || !has(r.Service, operation) {
		return api.UnknownOperationException.New("X-Amz-Target names no operation that this server knows.")
	}
	r.Operation = operation
	return nil
}

// byAction looks for the operation of a form. Of several services with an operation of
// that name, the version tells which is meant.
func (s Services) byAction(r *Request, text string) *api.Error {
	form, err := awsquery.ParseForm(text)
	if err != nil {
		return api.MalformedInput.New(err.Error())
	}
	action, version, ok := form.Action()
	if !ok {
		return api.MissingAction.New("The request is missing an action or a required parameter.")
	}
	for _, service := range s {
		if service.Protocol == api.Query && service.Version == version && has(service, action) {
			r.Service, r.Operation, r.form = service, action, form
			return nil
		}
	}
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	return api.InvalidAction.Newf("Could not find operation %s for version %s", cut(action), cut(version))
}

// has reports whether the service declares the operation.
func has(service *api.Service, operation string) bool {
	_, found := slices.BinarySearch(service.Operations, operation)
	return found
}

// cut bounds what an error repeats of a request.
func cut(s string) string {
	const limit = 128 // bytes; the longest operation has 35
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}
