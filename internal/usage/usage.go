// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package usage tells from the audit log which permissions principals have used, the
// smallest policy that would have allowed it, and what they are granted beside it.
//
// What counts is what succeeded. A call that a service made for a principal is the
// principal's too, and takes a permission of its own. A session counts for its role, or
// for the user or the root that it is of.
package usage

import (
	"cmp"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/audit"
)

// Use is a permission that was used: an action on a resource.
type Use struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	// Via is the service that made the calls for the principal, as kms:ViaService has it.
	Via   string    `json:"via,omitempty"`
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
}

// Usage is what each principal used, by ARN.
type Usage map[string][]Use

// Service is how the operations of the server are authorised, as far as the log does not
// say it.
type Service struct {
	// Open has the operations, as service:Name, that take no permission.
	Open map[string]bool
	// Actions has the IAM actions of the others.
	Actions map[string][]string
}

// Collect reads records, which are in their order.
func (s *Service) Collect(records iter.Seq2[audit.Record, error]) (Usage, error) {
	found := map[string]map[Use]*Use{}
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		who := principalOf(&r.UserIdentity)
		if who == "" || r.ErrorCode != "" || r.EventType == audit.TypeServiceEvent {
			continue
		}
		for _, u := range s.uses(&r) {
			if found[who] == nil {
				found[who] = map[Use]*Use{}
			}
			known := found[who][u]
			if known == nil {
				known = &Use{Action: u.Action, Resource: u.Resource, Via: u.Via}
				found[who][u] = known
			}
			known.Count++
			known.Last = r.EventTime
		}
	}
	out := Usage{}
	for who, uses := range found {
		for _, u := range uses {
			out[who] = append(out[who], *u)
		}
		slices.SortFunc(out[who], func(a, b Use) int {
			return cmp.Or(strings.Compare(a.Action, b.Action), strings.Compare(a.Resource, b.Resource), strings.Compare(a.Via, b.Via))
		})
	}
	return out, nil
}

// principalOf is whose policies a caller has, or empty if nobody's.
func principalOf(u *audit.UserIdentity) string {
	switch {
	case u.Type == "Unknown" || u.Type == "AWSService" || u.Type == "WebIdentityUser":
		return ""
	case u.SessionContext != nil && u.SessionContext.SessionIssuer != nil && u.SessionContext.SessionIssuer.ARN != "":
		return u.SessionContext.SessionIssuer.ARN
	}
	return u.ARN
}

// uses are the permissions that a call took.
func (s *Service) uses(r *audit.Record) (all []Use) {
	service := strings.TrimSuffix(r.EventSource, ".amazonaws.com")
	name := service + ":" + r.EventName
	actions, served := s.Actions[name]
	if !served || s.Open[name] {
		return nil
	}
	via := ""
	if r.UserIdentity.InvokedBy != "" {
		via = strings.TrimSuffix(r.UserIdentity.InvokedBy, ".amazonaws.com") + "." + r.AWSRegion + ".amazonaws.com"
	}
	for _, resource := range resourcesOf(name, r) {
		for _, action := range actions {
			all = append(all, Use{Action: action, Resource: resource, Via: via})
		}
	}
	return all
}

// onEverything are the operations that are authorised on no one resource, although their
// records list some.
var onEverything = map[string]bool{"secretsmanager:BatchGetSecretValue": true, "kms:CreateKey": true}

// resourcesOf are the resources that a call was authorised on, as a policy names them.
func resourcesOf(name string, r *audit.Record) []string {
	in := func(service, resource string) string {
		return arn.ARN{Partition: "aws", Service: service, Region: r.AWSRegion, Account: r.RecipientAccountID, Resource: resource}.String()
	}
	switch name {
	case "secretsmanager:CreateSecret":
		return []string{pattern(in("secretsmanager", "secret:"+parameter(r, "name")+unknownSuffix))}
	case "ssm:GetParametersByPath":
		return []string{in("ssm", "parameter/"+strings.Trim(parameter(r, "path"), "/"))}
	case "ssm:DescribeParameters":
		return []string{in("ssm", "*")}
	}
	if len(r.Resources) == 0 || onEverything[name] {
		return []string{"*"}
	}
	all := map[string]bool{}
	for _, resource := range r.Resources {
		all[pattern(resource.ARN)] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// unknownSuffix stands for the characters that Secrets Manager adds to a name, which are
// others when a secret of the name is made anew.
const unknownSuffix = "-??????"

// pattern is the ARN of a resource for a policy.
func pattern(resource string) string {
	a, err := arn.Parse(resource)
	if err != nil || a.Service != "secretsmanager" || len(a.Resource) < len(unknownSuffix) {
		return resource
	}
	return resource[:len(resource)-len(unknownSuffix)] + unknownSuffix
}

// parameter is a text of the request.
func parameter(r *audit.Record, name string) string {
	var all map[string]any
	if json.Unmarshal(r.RequestParameters, &all) != nil {
		return ""
	}
	text, _ := all[name].(string)
	return text
}
