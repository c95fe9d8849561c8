// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/http"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
)

// Contract says whose clients expect to be understood.
type Contract string

// The contracts. The empty one is ExtensionContract.
const (
	// ExtensionContract is that of the AWS Parameters and Secrets Lambda Extension.
	ExtensionContract Contract = "extension"
	// AgentContract is that of the AWS Secrets Manager Agent.
	AgentContract Contract = "agent"
)

func (c Contract) rules() *contract {
	if c == AgentContract {
		return &agentRules
	}
	return &extensionRules
}

// contract is how values and errors are written, and what is refused. It is not changed.
type contract struct {
	// body appends a value.
	body func(b []byte, v *cache.Value) []byte
	// failure is the answer where the store has an error.
	failure func(f failure) reply
	// tokenStatus and tokenText are the answer where no token is shown that is known.
	tokenStatus int
	tokenText   string
	// strict refuses parameters that are not known.
	strict bool
	// limit bounds the requests that are under way at once. Zero is no bound: there are
	// no more than connections, and others wait for these.
	limit int64
}

// maxAgentRequests is the Secrets Manager Agent's default of max_conn: AWS Secrets Manager
// User Guide, "AWS Secrets Manager Agent".
const maxAgentRequests = 800

const (
	limitExceeded = "Connection limit exceeded"
	failedText    = "an unexpected error occurred while executing request"
)

var extensionRules = contract{
	body: appendBody, tokenStatus: http.StatusUnauthorized, tokenText: "bad session token or header key",
	failure: func(f failure) reply {
		status := http.StatusBadRequest
		if f.throttle != nil {
			status = http.StatusTooManyRequests
		}
		return reply{status, plainText, []byte(failedText)}
	},
}

var agentRules = contract{
	body: appendAgentBody, tokenStatus: http.StatusForbidden, tokenText: "Bad Token",
	strict: true, limit: maxAgentRequests,
	failure: func(f failure) reply {
		b := api.AppendString([]byte(`{"__type":`), f.code)
		if f.message != "" {
			b = api.AppendString(append(b, `,"message":`...), f.message)
		}
		return reply{f.status, jsonText, append(b, '}')}
	},
}

const (
	plainText = "text/plain; charset=utf-8"
	jsonText  = "application/json"
)

// reply is an answer that is no value.
type reply struct {
	status int
	kind   string
	body   []byte
}

// write returns the status.
func (r reply) write(w http.ResponseWriter) int {
	h := w.Header()
	h["Content-Type"] = []string{r.kind}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
	return r.status
}

// appendAgentBody writes a secret as the Secrets Manager Agent does: what is absent is
// left out, and the time is a string of seconds.
func appendAgentBody(b []byte, v *cache.Value) []byte {
	b = append(b, '{')
	for _, m := range [...]struct{ name, value string }{{`"ARN":`, v.ARN}, {`"Name":`, v.Name}, {`"VersionId":`, v.VersionID}} {
		if m.value != "" {
			b = append(api.AppendString(append(b, m.name...), m.value), ',')
		}
	}
	if !v.Text.IsZero() {
		b = append(appendSecret(append(b, `"SecretString":`...), v.Text), ',')
	}
	if !v.Binary.IsZero() {
		b = append(appendBinary(append(b, `"SecretBinary":`...), v.Binary), ',')
	}
	if v.Stages != nil {
		b = append(appendStages(append(b, `"VersionStages":`...), v.Stages), ',')
	}
	if !v.Created.IsZero() {
		b = append(appendSeconds(append(b, `"CreatedDate":"`...), v.Created), '"', ',')
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

// appendSeconds appends Unix time with milliseconds.
func appendSeconds(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	b = strconv.AppendInt(b, ms/1000, 10)
	rest := max(0, ms%1000)
	return append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}
