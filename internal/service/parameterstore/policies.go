// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
)

// The policies of a parameter: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
const (
	policyExpiration   = "Expiration"
	policyNotify       = "ExpirationNotification"
	policyNoChange     = "NoChangeNotification"
	policyVersion      = "1.0"
	maxPolicies        = 10
	statusPending      = "Pending"
	msgPoliciesLimit   = "You can assign a maximum of 10 policies to a parameter."
	msgPolicyType      = "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification."
	msgPolicyAttribute = "A policy attribute or its value is invalid."
	msgPolicyConflict  = "There is a conflict in the policies specified for this parameter. You can't, for example, specify two Expiration policies for a parameter. Review your policies, and try again."
)

// inlinePolicy is one policy of a parameter.
type inlinePolicy struct {
	Type       string
	Version    string
	Attributes policyAttributes
}

type policyAttributes struct {
	Timestamp string
	Before    string
	After     string
	Unit      string
}

// readPolicies reads the Policies of a request: a JSON array. It returns the policies
// one by one, and when the parameter expires. [{}] takes all policies away.
//
// Expiration is kept by every operation. The notifications are kept with the
// parameter and shown, and nobody is notified by this version.
func readPolicies(text string) (policies []string, expires time.Time, err error) {
	var all []jsontext.Value
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil, expires, api.ValidationException.Newf("Invalid policies input: %s.", text)
	}
	if len(all) > maxPolicies {
		return nil, expires, ssm.PoliciesLimitExceededException.New(msgPoliciesLimit)
	}
	for _, raw := range all {
		if err := raw.Compact(); err != nil {
			return nil, expires, err
		}
		if len(all) == 1 && string(raw) == "{}" {
			return nil, expires, nil
		}
		var p inlinePolicy
		if json.Unmarshal(raw, &p, json.RejectUnknownMembers(true)) != nil {
			return nil, expires, ssm.InvalidPolicyAttributeException.New(msgPolicyAttribute)
		}
		at, err := p.check()
		if err != nil {
			return nil, expires, err
		}
		if p.Type == policyExpiration {
			if !expires.IsZero() {
				return nil, expires, ssm.IncompatiblePolicyException.New(msgPolicyConflict)
			}
			expires = at
		}
		policies = append(policies, string(raw))
	}
	return policies, expires, nil
}

// check refuses a policy that is not as documented, and returns the time of an
// Expiration.
func (p *inlinePolicy) check() (at time.Time, err error) {
	a, ok := p.Attributes, false
	switch p.Type {
	case policyExpiration:
		// The formats are Java's ISO_INSTANT and ISO_OFFSET_DATE_TIME.
		at, err = time.Parse("2006-01-02T15:04:05.999999999Z07:00", a.Timestamp)
		if err != nil {
			at, err = time.Parse("2006-01-02T15:04:05.999999999Z07:00:00", a.Timestamp)
		}
		ok = err == nil && a == policyAttributes{Timestamp: a.Timestamp}
	case policyNotify:
		ok = isPeriod(a.Before, a.Unit) && a.After == "" && a.Timestamp == ""
	case policyNoChange:
		ok = isPeriod(a.After, a.Unit) && a.Before == "" && a.Timestamp == ""
	default:
		return at, ssm.InvalidPolicyTypeException.New(msgPolicyType)
	}
	if !ok || p.Version != policyVersion {
		return at, ssm.InvalidPolicyAttributeException.New(msgPolicyAttribute)
	}
	return at.UTC(), nil
}

func isPeriod(n, unit string) bool {
	count, err := strconv.ParseUint(n, 10, 31)
	return err == nil && count > 0 && (unit == "Days" || unit == "Hours")
}

// shownPolicies are a version's policies as answers have them.
func shownPolicies(v *Version) []ssm.ParameterInlinePolicy {
	out := []ssm.ParameterInlinePolicy{}
	for _, text := range v.Policies {
		var p struct{ Type string }
		_ = json.Unmarshal([]byte(text), &p) // it was read before it was stored
		out = append(out, ssm.ParameterInlinePolicy{PolicyText: new(text), PolicyType: new(p.Type), PolicyStatus: new(statusPending)})
	}
	return out
}
