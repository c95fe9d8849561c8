// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
)

// The policies of a parameter: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
const (
	policyExpiration   = "Expiration"
	policyNotify       = "ExpirationNotification"
	policyNoChange     = "NoChangeNotification"
	policyVersion      = "1.0"
	maxPolicies        = 10
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
func readPolicies(text string, now time.Time) (policies []string, expires time.Time, err error) {
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
		at, err := p.check(now)
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
// Expiration, which is yet to come.
func (p *inlinePolicy) check(now time.Time) (at time.Time, err error) {
	a, ok := p.Attributes, false
	switch p.Type {
	case policyExpiration:
		at, ok = readTimestamp(a.Timestamp)
		ok = ok && a == policyAttributes{Timestamp: a.Timestamp} && at.After(now)
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
	return at, nil
}

// timestamp is the form of Java's ISO_INSTANT and ISO_OFFSET_DATE_TIME, which AWS names.
var timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d(:\d\d)?)$`)

func readTimestamp(text string) (time.Time, bool) {
	if !timestamp.MatchString(text) {
		return time.Time{}, false
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00:00", "2006-01-02T15:04Z07:00:00",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// The units of periods.
const (
	unitDays  = "Days"
	unitHours = "Hours"
)

func isPeriod(n, unit string) bool {
	count, err := strconv.ParseUint(n, 10, 31)
	return err == nil && count > 0 && (unit == unitDays || unit == unitHours)
}

// storedPolicy returns a policy of a version, which was read before it was stored.
func storedPolicy(text string) (p inlinePolicy) {
	_ = json.Unmarshal([]byte(text), &p)
	return p
}

// due is when a version's policy is to be acted on: at once, if the time for it had passed
// before it was given. Zero means never.
func (p *inlinePolicy) due(v *Version) (at time.Time) {
	switch a := p.Attributes; {
	case p.Type == policyExpiration:
		return v.Expires
	case p.Type == policyNoChange:
		return shift(v.Modified, a.After, a.Unit, 1)
	case !v.Expires.IsZero():
		at = shift(v.Expires, a.Before, a.Unit, -1)
		if given := v.assigned(); at.Before(given) {
			at = given
		}
	}
	return at
}

// assigned is when the version's policies were given.
func (v *Version) assigned() time.Time { return cmp.Or(v.Assigned, v.Modified) }

// shift is t with a period added, or taken away.
func shift(t time.Time, n, unit string, sign int) time.Time {
	count, _ := strconv.Atoi(n) // as isPeriod has seen
	days, hours := count, 0
	if unit == unitHours {
		days, hours = count/24, count%24
	}
	return t.AddDate(0, 0, sign*days).Add(time.Duration(sign*hours) * time.Hour)
}

// The statuses of policies:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterInlinePolicy.html.
// No policy fails: what can't be done is tried again.
const (
	statusPending    = "Pending"
	statusInProgress = "InProgress"
	statusFinished   = "Finished"
)

// shownPolicies are the policies of a version of p as answers have them.
func shownPolicies(call *gate.Call, p *Parameter, v *Version) []ssm.ParameterInlinePolicy {
	out := []ssm.ParameterInlinePolicy{}
	for i, text := range v.Policies {
		policy, status := storedPolicy(text), statusPending
		due := policy.due(v)
		switch {
		case slices.Contains(v.Acted, i):
			status = statusFinished
		case v.Number == p.Current.Number && !due.IsZero() && !call.Time.Before(due):
			status = statusInProgress
		}
		out = append(out, ssm.ParameterInlinePolicy{PolicyText: &text, PolicyType: &policy.Type, PolicyStatus: &status})
	}
	return out
}
