// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"cmp"
	"context"
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
	"github.com/coffer-secrets/coffer/internal/limits"
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
		call.Endpoint = g.endpoints.of(req, call.SourceIP)
	}
	request, out, err := g.serve(req, call)
	g.noteUse(call)
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
		if sealed := call.sealedDenial(answer); sealed != "" {
			w.Header()[MessageHeader] = []string{sealed}
		}
		body = request.AppendError(body, call.RequestID, answer)
	}
	if err := request.Write(w, status, call.RequestID, body); err != nil {
		g.log.Debug("the client did not take the answer", "request", call.RequestID, "error", err)
	}
	clear(body)
	g.observe(observation)
}

// serve does all steps but the answer, and has the call recorded, whatever becomes of
// it. A call that reads is one snapshot from the lookup of its credential on; one that
// writes has a transaction after that. An error says that nothing of it is kept.
func (g *Gate) serve(req *http.Request, call *Call) (request *wire.Request, out any, err error) {
	ctx := req.Context()
	body, fault := readBody(req)
	defer clear(body) // it may hold a secret; what was decoded from it has copies
	request, fault = g.identify(req, call, body, fault)
	if err := g.audit.Ready(); err != nil {
		return request, nil, errUnrecorded(err)
	}
	if body == nil && fault != nil { // without a body there is no signature to verify
		return request, nil, cmp.Or(g.append(ctx, call, nil, nil, fault), fault)
	}
	in, out, rev, err := g.first(ctx, req, call, request, admission{body, fault})
	if err == nil && call.op.writes {
		out, err = g.write(ctx, call, in)
	} else {
		if err == nil && call.run.wait != nil {
			out, err = g.await(ctx, call, in, out, rev)
		}
		if failed := g.append(ctx, call, in, out, err); failed != nil {
			return request, nil, failed
		}
	}
	if err == nil {
		g.after.add(call.run.later)
	}
	return request, out, err
}

// noteUse leaves for later what there is to write of the use of the call's credential.
func (g *Gate) noteUse(call *Call) {
	if call.verified == nil || call.verified.Used == nil || call.service == nil {
		return
	}
	if write := call.verified.Used(Use{call.Time, call.service.Name, call.Region}); write != nil {
		g.after.add([]later{{"used/" + call.accessKey, write}})
	}
}

// first takes a call up to its validated input, and, if it reads, to its answer so far, of
// a snapshot at rev.
func (g *Gate) first(ctx context.Context, req *http.Request, call *Call, request *wire.Request, a admission) (in, out any, rev kv.Rev, err error) {
	introduces := call.introduces()
	if introduces {
		if in, err = g.introduce(ctx, req, call, request, a); err != nil {
			return in, nil, rev, err
		}
	}
	rev, err = g.store.View(ctx, func(r kv.Reader) (err error) {
		if !introduces {
			in, err = g.admit(r, req, call, request, a)
		}
		if err == nil && !call.op.writes {
			out, err = call.begin(ctx, r, in)
		}
		return err
	})
	return in, out, rev, err
}

// identify finds the operation. What is wrong with the request by now is for admit to
// say, after the signature.
func (g *Gate) identify(req *http.Request, call *Call, body []byte, unread error) (request *wire.Request, fault error) {
	request, fault = new(wire.Request), unread // for the answer, should Identify panic
	defer recovered(&fault)
	request, unknown := g.services.Identify(req, body)
	if request.Service != nil {
		call.service, call.operation = request.Service, request.Operation
		call.op = g.lookup(request.Service, request.Operation)
	}
	if fault == nil && unknown != nil {
		fault = unknown
	}
	return request, fault
}

// admission is what admit decides on: a body, and what was wrong with the request
// before anybody looked at who sent it.
type admission struct {
	body  []byte
	fault error
}

// admit takes a request up to its validated input: it verifies the signature, decodes
// and validates.
func (g *Gate) admit(r kv.Reader, req *http.Request, call *Call, request *wire.Request, a admission) (in any, err error) {
	defer recovered(&err)
	if err := g.authenticate(r, req, a.body, call, request); err != nil {
		return nil, err
	}
	if a.fault != nil {
		return nil, a.fault
	}
	if err := g.bounded(call); err != nil {
		return nil, err
	}
	if call.op == nil {
		return nil, request.Service.NotImplemented(request.Operation)
	}
	return call.decode(request)
}

// decode returns the operation's input, validated. With an error it may be there too.
func (c *Call) decode(request *wire.Request) (in any, err error) {
	in = c.op.newInput()
	if err := request.Decode(in); err != nil {
		return nil, err
	}
	if err := c.op.validate(c, in); err != nil {
		return in, err
	}
	return in, nil
}

// bounded refuses a call that its service's guard refuses, or that is one too many for its
// account. The operation need not be served.
func (g *Gate) bounded(call *Call) error {
	if check := g.guards[call.service]; check != nil {
		if err := check(call); err != nil {
			return err
		}
	}
	if refusal := g.limits.Throughput.Admit(call.service, call.operation, limits.Caller{Account: call.Account, Region: call.Region, Time: call.Time}); refusal != nil {
		return refusal
	}
	return nil
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
func (g *Gate) authenticate(r kv.Reader, req *http.Request, body []byte, call *Call, request *wire.Request) error {
	protocol := request.Protocol()
	presented, err := sigv4.Parse(req)
	if err != nil {
		return notAuthentic(protocol, err)
	}
	call.accessKey, call.token, call.Region = presented.AccessKeyID, presented.SessionToken(), presented.Region
	credential, err := g.directory.Credential(r, call.accessKey, call.token)
	if err != nil {
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
	case !tokenMatches(credential, call.token):
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
