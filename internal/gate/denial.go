// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/base64"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// MessageHeader is the header of a denial that has the encoded authorization message:
// what was decided and by which statements, for those who may call
// sts:DecodeAuthorizationMessage. Where AWS sends such messages, which it does not for
// these services, they are in the text, which here is AWS's own.
const MessageHeader = "X-Coffer-Authorization-Message"

const (
	// maxMessage bounds an encoded message, in characters: AWS's are of 10,240 at most
	// (STS API Reference, DecodeAuthorizationMessage), but proxies do not let headers
	// through that are much longer than this.
	maxMessage = 4096
	// maxMessageMatches and maxMessageKeys bound what one tells.
	maxMessageMatches = 16
	maxMessageKeys    = 32
	// messageScope keeps messages and page tokens apart, which one key seals.
	messageScope = "authorization message"
)

// denial is what an encoded authorization message holds, in little space.
type denial struct {
	PrincipalID string `json:"i"`
	Principal   string `json:"p"`
	Action      string `json:"a"`
	Resource    string `json:"r"`
	Explicit    bool   `json:"x,omitzero"`
	// Matches are the statements that matched, denials first.
	Matches []denialMatch `json:"m,omitzero"`
	// Keys are the condition keys that the policies asked about.
	Keys []keyAsked `json:"c,omitzero"`
}

type denialMatch struct {
	Sid       string   `json:"s,omitzero"`
	Allow     bool     `json:"y,omitzero"`
	Actions   []string `json:"a,omitzero"`
	Resources []string `json:"r,omitzero"`
}

// denial is what the verdict tells the account of the principal. Of a resource of another
// account, or one that is not to be told from none, it has nothing that only that account's
// policy tells or asks about.
func (v *Verdict) denial() denial {
	p := &v.Request.Principal
	d := denial{PrincipalID: p.UserID, Principal: p.ARN, Action: v.Request.Action, Resource: v.Request.Resource}
	foreign := p.Account != v.Request.Account || v.Target.Refused != nil
	if v.Target.Refused != nil && v.Target.Asked != "" {
		d.Resource = v.Target.Asked
	}
	for _, m := range v.Decision.Matches {
		if foreign && ofResource(m.PolicyType) || len(d.Matches) == maxMessageMatches {
			continue
		}
		d.Explicit = d.Explicit || m.Effect == policy.Deny
		d.Matches = append(d.Matches, denialMatch{m.Sid, m.Effect == policy.Allow, m.Actions, m.Resources})
	}
	if !foreign {
		d.Keys = v.asked[:min(len(v.asked), maxMessageKeys)]
	}
	return d
}

// refusal returns the last denial of the call, or of the calls that it made.
func (c *Call) refusal() *Verdict {
	if c.run == nil {
		return nil
	}
	if c.run.refused != nil {
		return c.run.refused
	}
	for _, n := range slices.Backward(c.run.nested) {
		if n.err != nil && n.call.run.refused != nil {
			return n.call.run.refused
		}
	}
	return nil
}

// sealedDenial returns the encoded message of the denial that the call ends with, or
// nothing if it ends otherwise, or nobody has an account whose members could read it. A
// message that is too long tells less.
func (c *Call) sealedDenial(answer *api.Error) string {
	if c.service == nil || answer.Code != c.service.Denied().Code {
		return ""
	}
	v := c.refusal()
	if v == nil || v.Request.Principal.Account == "" {
		return ""
	}
	d := v.denial()
	for _, less := range []func(){
		func() {},
		func() { d.Keys = nil },
		func() { d.Matches = nil },
	} {
		less()
		plain, err := json.Marshal(&d)
		if err != nil {
			return "" // text that is not UTF-8 is in no request that was decoded
		}
		sealed := c.gate.tokens.aead.Seal(nil, nil, plain, scope(messageScope, v.Request.Principal.Account))
		if base64.RawURLEncoding.EncodedLen(len(sealed)) <= maxMessage {
			return base64.RawURLEncoding.EncodeToString(sealed)
		}
	}
	return ""
}

// AuthorizationMessage opens an encoded authorization message of the caller's account,
// and returns it in AWS's JSON. It reports false for any other text.
func (c *Call) AuthorizationMessage(encoded string) (string, bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	plain, err := c.gate.tokens.aead.Open(nil, nil, sealed, scope(messageScope, c.Principal.Account))
	if err != nil {
		return "", false
	}
	var d denial
	if err := json.Unmarshal(plain, &d); err != nil {
		return "", false
	}
	text, err := json.Marshal(d.decoded())
	return string(text), err == nil
}
