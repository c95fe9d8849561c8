// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
)

const (
	// maxAnswer bounds what an issuer answers, in bytes. Entra ID's tokens, with all of the
	// groups that fit, have about 20 KiB.
	maxAnswer = 64 << 10
	// requestTimeout bounds one request.
	requestTimeout = 10 * time.Second
	// maxDescription is how much of an error's description is shown, in bytes.
	maxDescription = 500
)

// Error is an error that the issuer names (RFC 6749, section 5.2; RFC 8628, section 3.5).
type Error struct {
	// Code is the error's name, such as "access_denied".
	Code string
	// Description is what the issuer says beside. It may be empty.
	Description string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Description == "" {
		return "the issuer says " + e.Code
	}
	return "the issuer says " + e.Code + ": " + e.Description
}

// statusError is an answer that is none.
type statusError int

// Error implements error.
func (e statusError) Error() string { return fmt.Sprintf("the answer has the status %d", int(e)) }

// post sends a form as the client. An answer that is of no interest has nowhere to go.
func (i *Issuer) post(ctx context.Context, to string, form url.Values, answer any) error {
	form.Set("client_id", i.config.ClientID)
	return i.do(ctx, http.MethodPost, to, form, answer)
}

// do sends a request, and reads the JSON that is answered.
func (i *Issuer) do(ctx context.Context, method, to string, form url.Values, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, errSlow)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("not a URL that can be used")
	}
	req.Header.Set("Accept", "application/json")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := i.config.Transport.RoundTrip(req)
	if err != nil {
		return &unansweredError{cause(ctx, err)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	defer clear(body)
	switch {
	case err != nil:
		return &unansweredError{cause(ctx, err)}
	case len(body) > maxAnswer:
		return fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	case res.StatusCode != http.StatusOK:
		return refusal(res.StatusCode, body, form)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return errors.New("the answer is not the JSON that it should be")
	}
	return nil
}

var errSlow = fmt.Errorf("no answer within %v", requestTimeout)

// unansweredError is a request that may be answered another time.
type unansweredError struct{ err error }

func (e *unansweredError) Error() string { return e.err.Error() }
func (e *unansweredError) Unwrap() error { return e.err }

// cause returns why the context ended, if that is why there was an error.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// refusal reads an answer that is no success. What was sent is not in it, even if the
// issuer says it back.
func refusal(status int, body []byte, sent url.Values) error {
	var answer struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if status/100 != 4 || json.Unmarshal(body, &answer) != nil || answer.Code == "" || !plain(answer.Code, maxDescription) {
		return statusError(status)
	}
	for _, name := range []string{"device_code", "refresh_token", "token"} {
		if s := sent.Get(name); s != "" && (strings.Contains(answer.Description, s) || strings.Contains(answer.Code, s)) {
			return statusError(status)
		}
	}
	text := strings.Join(strings.Fields(answer.Description), " ")
	if !plain(text, maxDescription) {
		text = ""
	}
	return &Error{Code: answer.Code, Description: text}
}

// plain reports whether text can be shown on a terminal: it is short, and each character
// can be seen or is a space.
func plain(text string, most int) bool {
	return len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsGraphic(r) })
}

// temporary reports whether a request that failed so may be made again.
func temporary(err error) bool {
	if status, ok := errors.AsType[statusError](err); ok {
		return status >= 500 || status == http.StatusTooManyRequests
	}
	_, ok := errors.AsType[*unansweredError](err)
	return ok
}
