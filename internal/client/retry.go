// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
)

// leastSkew is the difference between two clocks that is made up for.
const leastSkew = 30 * time.Second

// TransportError is a call that got no answer.
type TransportError struct{ Err error }

// Error implements error.
func (e *TransportError) Error() string { return "no answer: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// transportError returns err as a TransportError, unless it has nothing to do with the
// network.
func transportError(err error) error {
	if _, ok := errors.AsType[*rootsError](err); ok {
		return err
	}
	return &TransportError{err}
}

// Unavailable reports whether err, of a call, says that the service could not be
// reached or is overloaded: an I/O error, a timeout, a throttle, a 5xx, or STS that can't
// reach the issuer of a web identity. A certificate that is not trusted is none of these.
func Unavailable(err error) bool {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Status >= 500 && e.Status != http.StatusNotImplemented || throttled(e) || e.Code == "IDPCommunicationError"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	_, ok := errors.AsType[*TransportError](err)
	return ok || errors.Is(err, context.DeadlineExceeded)
}

// throttled reports whether the server asks for patience: the codes that the AWS SDKs'
// retry behaviour names, and the status.
func throttled(e *api.Error) bool {
	switch e.Code {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
		"RequestThrottled", "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded",
		"LimitExceededException", "SlowDown", "PriorRequestNotComplete",
		"ProvisionedThroughputExceededException", "TransactionInProgressException":
		return true
	}
	return e.Status == http.StatusTooManyRequests
}

// outdated reports whether a signature was refused that a new one may do better than.
func outdated(e *api.Error) bool {
	switch e.Code {
	case "InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestExpiredException",
		"RequestTimeTooSkewed", "RequestInTheFuture", "AuthFailure":
		return true
	}
	return false
}

// expired reports whether the credentials may be too old.
func expired(e *api.Error) bool {
	switch e.Code {
	case "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidToken":
		return true
	}
	return false
}

// run tries until there is an answer, or no more hope.
func (l *call) run(ctx context.Context) ([]byte, error) {
	for {
		answer, header, err := l.limited(ctx)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		wait, again := l.judge(err, header)
		if !again || !l.tries.Sleep(ctx, wait) {
			return nil, err
		}
	}
}

// limited is a try that leaves time for another one.
func (l *call) limited(ctx context.Context) ([]byte, http.Header, error) {
	ctx, cancel := l.tries.Begin(ctx)
	defer cancel()
	return l.try(ctx)
}

// judge decides whether to try again, and how long to wait before.
func (l *call) judge(err error, header http.Header) (time.Duration, bool) {
	_, role := errors.AsType[*RoleError](err)
	if _, login := errors.AsType[*LoginError](err); role || login {
		return 0, false // it has been tried for long enough
	}
	e, answered := errors.AsType[*api.Error](err)
	switch {
	case answered && outdated(e) && !l.resigned:
		l.resigned = true
		l.client.wire.Drop()
		l.client.adjust(header)
		return 0, true
	case answered && outdated(e):
		l.client.skew.Store(0) // what the server tells of its clock does not help
		return 0, false
	case answered && expired(e) && !l.renewed:
		l.renewed = true
		return 0, l.client.credentials.Forget()
	case !Unavailable(err):
		return 0, false
	case answered && throttled(e):
		return l.tries.Backoff(true, header), true
	}
	if !answered {
		l.client.wire.Drop()
	}
	return l.tries.Backoff(false, header), true
}

// adjust makes up for the difference between the server's clock and ours.
func (l *line) adjust(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	if skew := date.Sub(l.now()); skew.Abs() >= leastSkew {
		l.skew.Store(int64(skew))
	} else {
		l.skew.Store(0)
	}
}
