// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/sigv4"
	"github.com/coffer-secrets/coffer/internal/wire"
)

// ServeHTTP takes one call through the gate.
func (g *Gate) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	started := g.now()
	call := &Call{
		RequestID: NewID(), Time: started, gate: g,
		UserAgent: req.UserAgent(), Secure: req.TLS != nil,
	}
	if addr, err := netip.ParseAddrPort(req.RemoteAddr); err == nil {
		call.SourceIP = addr.Addr().Unmap()
	}
	request, out, err := g.serve(req, call)
	observation := Observation{Service: "unknown", Operation: "unknown", Elapsed: g.now().Sub(started)}
	if call.op != nil {
		observation.Service, observation.Operation = call.op.service.Name, call.op.name
	}
	status, body := http.StatusOK, make([]byte, 0, 1024)
	if err == nil {
		body = request.Append(body, call.RequestID, out)
	} else {
		answer := call.answer(err)
		g.report(call, answer, err)
		observation.Code, status = answer.Code, answer.HTTPStatus()
		body = request.AppendError(body, call.RequestID, answer)
	}
	if err := request.Write(w, status, call.RequestID, body); err != nil {
		g.log.Debug("the client did not take the answer", "request", call.RequestID, "error", err)
	}
	clear(body)
	g.observe(observation)
}

// serve does all steps but the answer. What fails before there is a transaction is
// recorded here; transact records the rest.
func (g *Gate) serve(req *http.Request, call *Call) (*wire.Request, any, error) {
	body, unread := readBody(req)
	defer clear(body) // it may hold a secret; what was decoded from it has copies
	request, in, err := g.admit(req, call, body, unread)
	if err != nil {
		if failed := g.append(req.Context(), call, in, nil, err); failed != nil {
			err = failed
		}
		return request, nil, err
	}
	out, err := g.transact(req.Context(), call, in)
	return request, out, err
}

// admit takes a request up to its validated input: it finds the operation, verifies
// the signature, decodes and validates. unread is why the body is not there.
func (g *Gate) admit(req *http.Request, call *Call, body []byte, unread error) (request *wire.Request, in any, err error) {
	request = new(wire.Request) // for the answer, should Identify panic
	defer recovered(&err)
	request, unknown := g.services.Identify(req, body)
	if request.Service != nil {
		call.service, call.operation = request.Service, request.Operation
		call.op = g.lookup(request.Service, request.Operation)
	}
	if unread != nil {
		return request, nil, unread
	}
	if err := g.authenticate(req, body, call, request); err != nil {
		return request, nil, err
	}
	if unknown != nil {
		return request, nil, unknown
	}
	if call.op == nil {
		return request, nil, request.Service.NotImplemented(request.Operation)
	}
	in = call.op.newInput()
	if err := request.Decode(in); err != nil {
		return request, nil, err
	}
	if err := request.Service.Validate(in); err != nil {
		return request, in, err
	}
	return request, in, nil
}

// What a body that can't be had is answered with (AWS: "Common Errors" of each
// service, as RequestEntityTooLarge is).
var (
	requestAborted  = api.ErrorCode{Code: "RequestAbortedException", Status: http.StatusBadRequest}
	requestTimedOut = api.ErrorCode{Code: "RequestTimeoutException", Status: http.StatusRequestTimeout}
)

func readBody(req *http.Request) ([]byte, error) {
	if req.ContentLength > MaxBody {
		return nil, api.RequestEntityTooLarge.Newf("The request body is larger than %d bytes.", MaxBody)
	}
	var body []byte
	var err error
	if req.ContentLength >= 0 {
		body = make([]byte, req.ContentLength)
		_, err = io.ReadFull(req.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(req.Body, MaxBody+1))
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, requestTimedOut.New("The request body took too long to arrive.")
	case err != nil:
		return nil, requestAborted.New("The request body could not be read to its end.")
	case len(body) > MaxBody:
		return nil, api.RequestEntityTooLarge.Newf("The request body is larger than %d bytes.", MaxBody)
	}
	return body, nil
}

// authenticate verifies the signature, and sets who calls. An unknown key takes as
// long as a wrong secret.
func (g *Gate) authenticate(req *http.Request, body []byte, call *Call, request *wire.Request) error {
	protocol := request.Protocol()
	presented, err := sigv4.Parse(req)
	if err != nil {
		return notAuthentic(protocol, err)
	}
	call.accessKey, call.Region = presented.AccessKeyID, presented.Region
	var credential *Credential
	if _, err := g.store.View(req.Context(), func(r kv.Reader) (err error) {
		credential, err = g.directory.Credential(r, presented.AccessKeyID)
		return err
	}); err != nil {
		return err
	}
	terms := sigv4.Terms{Now: call.Time}
	if request.Service != nil {
		terms.Service = request.Service.Name
	}
	if credential != nil {
		terms.Secret = credential.Secret
	}
	if err := g.verifier.Verify(presented, body, terms); err != nil {
		return notAuthentic(protocol, err)
	}
	switch {
	case credential.Inactive:
		return notAuthentic(protocol, sigv4.UnknownKey.Err())
	case !tokenMatches(credential, presented.SessionToken()):
		return notAuthentic(protocol, sigv4.InvalidToken.Err())
	case credential.expired(call.Time):
		return notAuthentic(protocol, sigv4.ExpiredToken.Err())
	}
	call.admitAs(credential)
	return nil
}

// tokenMatches compares a session's token in constant time. A long-lived key comes
// without one.
func tokenMatches(c *Credential, token string) bool {
	return subtle.ConstantTimeCompare(c.SessionToken.Reveal(), []byte(token)) == 1
}

// notAuthentic words a signature's fault for the protocol.
func notAuthentic(protocol api.Protocol, err error) error {
	fault, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		return err
	}
	answer := fault.JSON()
	if protocol == api.Query {
		answer = fault.Query()
	}
	return api.ErrorCode{Code: answer.Code, Status: answer.Status}.New(answer.Message)
}

// NewID returns a random UUID (version 4), as AWS's request and event ids are.
func NewID() string {
	var u [16]byte
	_, _ = rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	var b [36]byte
	hex.Encode(b[:], u[:4])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	hex.Encode(b[9:], u[4:6])
	hex.Encode(b[14:], u[6:8])
	hex.Encode(b[19:], u[8:10])
	hex.Encode(b[24:], u[10:])
	return string(b[:])
}
