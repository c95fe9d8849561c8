// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsidentity

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// maxAnswer bounds the answer of STS, in bytes. It has about 500.
const maxAnswer = 16 << 10

// namespace is that of STS's answers.
const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// Identity is somebody in AWS.
type Identity struct {
	// Account is the account, ARN the caller as GetCallerIdentity names it, and UserID the
	// unique id.
	Account, ARN, UserID string
}

// Principal is the user or the role behind the caller, as IAM names it: of a session of a
// role the role, without its path, which STS doesn't tell.
func (i *Identity) Principal() string {
	a, err := arn.Parse(i.ARN)
	if err != nil {
		return i.ARN
	}
	if rest, ok := strings.CutPrefix(a.Resource, "assumed-role/"); ok && a.Service == "sts" {
		role, _, _ := strings.Cut(rest, "/")
		a.Service, a.Resource = "iam", "role/"+role
	}
	return a.String()
}

// Session is the name of the session, of a session of a role, and else that of the user.
func (i *Identity) Session() string { return i.ARN[strings.LastIndexAny(i.ARN, "/:")+1:] }

// ask sends the request.
func (v *Verifier) ask(ctx context.Context, req *http.Request) (*Identity, error) {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := v.transport.RoundTrip(req.WithContext(bounded)) // which follows no redirect
	if err != nil {
		return nil, unreachable(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, unreachable(err)
	case len(body) > maxAnswer:
		return nil, unreachable(fmt.Errorf("the answer is longer than %d bytes", maxAnswer))
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || bytes.Contains(body, []byte("<Code>Throttling")):
		return nil, unreachable(fmt.Errorf("it answers %d", res.StatusCode))
	case res.StatusCode >= 400:
		return nil, &Error{Kind: Refused, Message: "AWS STS does not take the request for authentic", cause: refusal(res.StatusCode, body)}
	case res.StatusCode != http.StatusOK:
		return nil, unreachable(fmt.Errorf("it answers %d", res.StatusCode))
	}
	return read(body)
}

func unreachable(cause error) error {
	return &Error{Kind: Unreachable, Message: "AWS STS can't be asked", cause: cause}
}

// refusal is the error code of an answer, for our log.
func refusal(status int, body []byte) error {
	var fault struct {
		Code string `xml:"Error>Code"`
	}
	if xml.Unmarshal(body, &fault) == nil && fault.Code != "" && len(fault.Code) <= 64 {
		return errors.New(fault.Code)
	}
	return fmt.Errorf("status %d", status)
}

// read reads an answer of GetCallerIdentity, and takes nothing else for one.
func read(body []byte) (*Identity, error) {
	var answer struct {
		XMLName xml.Name `xml:"GetCallerIdentityResponse"`
		Results []struct {
			ARN     []string `xml:"Arn"`
			Account []string `xml:"Account"`
			UserID  []string `xml:"UserId"`
		} `xml:"GetCallerIdentityResult"`
	}
	wrong := unreachable(errors.New("its answer is not one of GetCallerIdentity"))
	d := xml.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&answer); err != nil || answer.XMLName.Space != namespace || len(answer.Results) != 1 ||
		len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
		return nil, wrong
	}
	r := answer.Results[0]
	if len(r.ARN) != 1 || len(r.Account) != 1 || len(r.UserID) != 1 {
		return nil, wrong
	}
	i := &Identity{Account: r.Account[0], ARN: r.ARN[0], UserID: r.UserID[0]}
	a, err := arn.Parse(i.ARN)
	if err != nil || !arn.IsAccount(i.Account) || a.Account != i.Account || a.Service != "iam" && a.Service != "sts" || a.Resource == "" {
		return nil, wrong
	}
	return i, nil
}
