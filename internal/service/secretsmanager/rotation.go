// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"slices"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/schedule"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Rotation is how a secret is rotated, in its head. A secret that was never configured for
// it has none.
type Rotation struct {
	Enabled bool `json:",omitzero"`
	// Function is the ARN of the function that rotates the secret.
	Function string
	Rules    RotationRules `json:",omitzero"`
	// External and ExternalRole are for the partner of a managed external secret.
	External     []External `json:",omitzero"`
	ExternalRole string     `json:",omitzero"`
	// Counted is what windows are counted from: the last rotation, or value that somebody
	// put in by hand, or else when rotation was turned on.
	Counted time.Time
	// Since is the time after which the next window begins: Counted, or later when the
	// rules were set.
	Since time.Time
	// Tried is when a rotation was last given up until another window.
	Tried time.Time `json:",omitzero"`
	// Last is the last rotation that succeeded.
	Last time.Time `json:",omitzero"`
	// Planned is when the one job is due that looks for a window. Zero if there is none.
	Planned time.Time `json:",omitzero"`
	// Token is that of the last rotation or test, by which a repeated request is known.
	Token string `json:",omitzero"`
	// Run is the rotation under way, or nil. Its job is in the outbox.
	Run *Run `json:",omitzero"`
}

// RotationRules are the rules as the caller gave them. They were valid then.
type RotationRules struct {
	Days                 int64  `json:",omitzero"`
	Expression, Duration string `json:",omitzero"`
}

// External is one item of a managed external secret's rotation metadata.
type External struct{ Key, Value string }

// Run is one rotation: what is done from its first try to its success, or until it is
// given up.
type Run struct {
	// Token is the id of the version that the rotation makes.
	Token string
	// Proof is the RotationToken, which shows that who calls acts for this rotation.
	Proof string
	// Test says that only the function is tested.
	Test bool `json:",omitzero"`
	// Failed is how many tries did.
	Failed int `json:",omitzero"`
	// Until is the end of the window that the rotation is tried in. Zero if it was asked for
	// outside of the schedule.
	Until time.Time `json:",omitzero"`
}

func (r *Rotation) clone() *Rotation {
	if r == nil {
		return nil
	}
	c := *r
	c.External = slices.Clone(r.External)
	if r.Run != nil {
		c.Run = new(*r.Run)
	}
	return &c
}

func (r RotationRules) schedule() schedule.Rules {
	rules, _ := schedule.Parse(r.Days, r.Expression, r.Duration) // they were valid when they were set
	return rules
}

// window returns the window in which the secret is to be rotated next: one that is open, or
// to come.
func (r *Rotation) window(now time.Time) (schedule.Window, bool) {
	rules := r.Rules.schedule()
	next, ok := rules.Next(r.Counted, r.Since)
	if !ok || (next.End.After(now) && !r.Tried.After(next.Start)) {
		return next, ok
	}
	late := rules.Overdue()
	if open, ok := late.Open(r.Counted, now); ok && open.Start.After(later(r.Since, r.Tried)) {
		return open, true
	}
	return late.Next(r.Counted, later(now, r.Tried))
}

// rotationShown is what DescribeSecret and ListSecrets show of a rotation.
type rotationShown struct {
	enabled    *bool
	function   *string
	rules      *sm.RotationRulesType
	metadata   []sm.ExternalSecretRotationMetadataItem
	role       *string
	last, next *api.Time
}

// shown leaves the dates out while rotation is turned off, as AWS does, and keeps what was
// configured. The next date is that of the window by the last success, which may have
// passed.
func (r *Rotation) shown() (shown rotationShown) {
	if r == nil {
		return shown
	}
	shown = rotationShown{enabled: &r.Enabled, function: unlessEmpty(r.Function), role: unlessEmpty(r.ExternalRole)}
	for _, item := range r.External {
		shown.metadata = append(shown.metadata, sm.ExternalSecretRotationMetadataItem{Key: &item.Key, Value: &item.Value})
	}
	rules := r.Rules.schedule()
	if !rules.IsZero() {
		days := r.Rules.Days
		if days == 0 {
			days = rules.Days(r.Counted)
		}
		shown.rules = &sm.RotationRulesType{
			AutomaticallyAfterDays: &days, Duration: unlessEmpty(r.Rules.Duration), ScheduleExpression: unlessEmpty(r.Rules.Expression),
		}
	}
	if next, ok := rules.Next(r.Counted, r.Since); ok && r.Enabled {
		shown.next = dated(next.Last())
	}
	if r.Enabled {
		shown.last = dated(r.Last)
	}
	return shown
}

// pending returns the version that has AWSPENDING, unless it is the current one: then a
// rotation is under way, or has failed.
func (v Versions) pending() (id string, ok bool) {
	id, ok = v.holder(stagePending)
	current, _ := v.holder(stageCurrent)
	return id, ok && id != current
}

// succeed notes the end of a rotation.
func (s *Secret) succeed(call *gate.Call) {
	r, now := s.Rotation, call.Time.UTC()
	r.Run, r.Last, r.Counted, r.Since, r.Tried = nil, now, now, now, time.Time{}
	call.Event(s.event("RotationSucceeded"))
}

// finish notes the success of a rotation whose version is the current one by now, before
// something else happens to the secret.
func (s *Secret) finish(call *gate.Call) {
	if s.Rotation == nil || s.Rotation.Run == nil || s.Rotation.Run.Test {
		return
	}
	if current, _ := s.Versions.holder(stageCurrent); current == s.Rotation.Run.Token {
		s.succeed(call)
	}
}

// drop has nobody go on with a rotation. Only the version of a test goes with it.
func (s *Secret) drop() {
	if s.Rotation == nil || s.Rotation.Run == nil {
		return
	}
	if run := s.Rotation.Run; run.Test {
		s.Versions.take(stagePending, run.Token)
	}
	s.Rotation.Run = nil
}

// makeWay readies a secret's rotation for a new version with those labels. One that is put
// in by hand and becomes the current one ends a rotation that is under way, "in favor of the
// new secret version" (User Guide, "CloudTrail entries", RotationAbandoned), and counts as
// one (API Reference, RotationRulesType).
func (s *Service) makeWay(tx kv.Tx, call *gate.Call, v version, stages []string) error {
	secret, id := v.secret, v.id
	if _, held := secret.Versions.holder(stageCurrent); held && !slices.Contains(stages, stageCurrent) {
		return nil
	}
	secret.finish(call)
	r := secret.Rotation
	if pending, held := secret.Versions.pending(); held && pending != id {
		secret.Versions.take(stagePending, pending)
		call.Event(secret.event("RotationAbandoned"))
		secret.drop()
	}
	if r == nil || (r.Run != nil && r.Run.Token == id) {
		return nil
	}
	r.Counted, r.Since, r.Tried = call.Time.UTC(), call.Time.UTC(), time.Time{}
	return s.plan(tx, call, secret)
}

var errNotProven = sm.InvalidRequestException.New("The RotationToken isn't that of the rotation of this version of the secret.")

// provenBy refuses a RotationToken that is not that of the rotation of that version. It is
// no permission: who gives it needs those that PutSecretValue needs.
func (s *Secret) provenBy(token secret.Text, id string) error {
	if token.IsZero() {
		return nil
	}
	if s.Rotation == nil || s.Rotation.Run == nil || s.Rotation.Run.Token != id ||
		!token.Equal(secret.FromString(s.Rotation.Run.Proof)) {
		return errNotProven
	}
	return nil
}
