// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire is the server's side of AWS's protocols: which operation a request
// names, what it says, and how an answer or an error goes back.
//
// It is strict where a second reading of a request could differ from the one that was
// authorised: names are exact, nothing comes twice, and text is UTF-8. It answers in
// the protocol of the service, and before that is known, in the one that the request
// looks like.
package wire

import (
	"net/http"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/awsquery"
)

// Content types of the two protocols.
const (
	typeJSON = "application/x-amz-json-1.1"
	typeXML  = "text/xml"
	typeForm = "application/x-www-form-urlencoded"
)

// A Request is what a call says before anybody has looked at who calls.
type Request struct {
	// Service is nil if the request names none.
	Service *api.Service
	// Operation is one of the service's, or empty.
	Operation string

	body  []byte
	form  *awsquery.Form // of a Query request
	query bool           // answer an error in XML
}

// Protocol is the one that an error is answered in: the service's, or, before that is
// known, the one that the request looks like.
func (r *Request) Protocol() api.Protocol {
	if r.query {
		return api.Query
	}
	return api.JSON
}

// Decode reads the body into a pointer to the operation's generated request.
func (r *Request) Decode(in any) *api.Error {
	if r.form == nil {
		return decodeJSON(r.body, in)
	}
	if err := r.form.Decode(in); err != nil {
		return api.MalformedInput.New(err.Error())
	}
	return nil
}

// Append appends the body of a successful answer: a pointer to the operation's
// generated response, with its secrets revealed.
func (r *Request) Append(b []byte, requestID string, out any) []byte {
	if r.query {
		return awsquery.AppendAnswer(b, r.Service, r.Operation, requestID, out)
	}
	return api.AppendJSON(b, out)
}

// AppendError appends the body of an error.
func (r *Request) AppendError(b []byte, requestID string, err *api.Error) []byte {
	if r.query {
		return awsquery.AppendError(b, r.Service, requestID, err)
	}
	b = append(b, `{"__type":`...)
	b = api.AppendString(b, err.Code)
	if err.Message != "" {
		member := err.Member
		if member == "" {
			member = "message"
		}
		b = append(b, ',')
		b = append(api.AppendString(b, member), ':')
		b = api.AppendString(b, err.Message)
	}
	if err.Details != nil {
		if members := api.AppendJSON(nil, err.Details); len(members) > len("{}") {
			return append(append(b, ','), members[1:]...)
		}
	}
	return append(b, '}')
}

// Write sends a body that Append or AppendError made. The error is of the connection.
func (r *Request) Write(w http.ResponseWriter, status int, requestID string, body []byte) error {
	h := w.Header()
	h["Content-Type"] = contentJSON
	if r.query {
		h["Content-Type"] = contentXML
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Amzn-Requestid"] = []string{requestID}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// Shared by all answers, which do not change them.
var (
	contentJSON = []string{typeJSON}
	contentXML  = []string{typeXML}
)
