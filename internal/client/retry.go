// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
)

const (
	// maxTries is how often a call is sent.
	maxTries = 3
	// firstWait bounds the random wait before the second try. It doubles.
	firstWait = 100 * time.Millisecond
	// throttleWait is firstWait for a server that asks for patience.
	throttleWait = 500 * time.Millisecond
	// longestWait bounds the wait that a server may ask for.
	longestWait = 20 * time.Second
	// longestTry bounds one try of a call that has no deadline.
	longestTry = 10 * time.Second
	// leastSkew is the difference between two clocks that is made up for.
	leastSkew = 30 * time.Second
)

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
// reached or is overloaded: an I/O error, a timeout, a throttle, a 5xx. A certificate
// that is not trusted is none of these.
func Unavailable(err error) bool {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Status >= 500 && e.Status != http.StatusNotImplemented || throttled(e)
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
		l.tries++
		answer, header, err := l.limited(ctx)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		wait, again := l.judge(err, header)
		if !again || l.tries >= maxTries || !sleep(ctx, wait) {
			return nil, err
		}
	}
}

// limited is a try that leaves time for another one.
func (l *call) limited(ctx context.Context) ([]byte, http.Header, error) {
	limit := longestTry
	if deadline, ok := ctx.Deadline(); ok {
		if limit = time.Until(deadline); l.tries < maxTries {
			limit /= 2
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return l.try(ctx)
}

// judge decides whether to try again, and how long to wait before.
func (l *call) judge(err error, header http.Header) (time.Duration, bool) {
	e, answered := errors.AsType[*api.Error](err)
	switch {
	case answered && outdated(e) && !l.resigned:
		l.resigned = true
		l.client.dropConnections()
		l.client.adjust(header)
		return 0, true
	case answered && expired(e) && !l.renewed:
		l.renewed = true
		return 0, l.client.credentials.Forget()
	case !Unavailable(err):
		return 0, false
	case answered && throttled(e):
		return max(l.backoff(throttleWait), retryAfter(header)), true
	}
	if !answered {
		l.client.dropConnections()
	}
	return max(l.backoff(firstWait), retryAfter(header)), true
}

// backoff is a random wait. Its source is the system's: all environments restored from
// one snapshot would draw the same numbers from Go's own.
func (l *call) backoff(first time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(first<<(l.tries-1)))
}

// adjust makes up for the difference between the server's clock and ours.
func (c *Client) adjust(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	if skew := date.Sub(c.now()); skew.Abs() >= leastSkew {
		c.skew.Store(int64(skew))
	} else {
		c.skew.Store(0)
	}
}

// retryAfter is the wait that the server asks for, in seconds.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestWait)
}

// sleep waits, unless that would outlast ctx.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
