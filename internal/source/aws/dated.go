// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
)

const (
	// dateLife is how long a date of rotation is believed. Rules are changed seldom.
	dateLife = 6 * time.Hour
	// dateAgain is how long a secret is left alone after it was asked for its date, if
	// that failed or the date has come.
	dateAgain = time.Minute
	// firstLife is the life of a value whose date is being asked for.
	firstLife = time.Minute
	// dateOverdue is how long after its date a rotation is waited for. One that fails does
	// not make the secret be fetched again and again.
	dateOverdue = 10 * time.Minute
	// dateTimeout bounds one question.
	dateTimeout = 5 * time.Second
	// maxDates bounds the secrets whose dates are remembered: more than a cache holds.
	maxDates = 2000
)

// Dated is a Source whose secrets end when their next rotation is due, which
// GetSecretValue does not tell: it asks with DescribeSecret, beside the answers and never
// before one. A role that may not call that is not asked for again.
type Dated struct {
	*Source
	now func() time.Time

	mu     sync.Mutex // guards what follows
	dates  map[described]*date
	denied map[string]bool // roles
	ctx    context.Context // of the questions under way
	cancel context.CancelFunc
	asking sync.WaitGroup
}

// described is a secret, as one of the roles sees it.
type described struct{ arn, role string }

// date is what is known of a secret's next rotation.
type date struct {
	next  time.Time // zero if none is known
	asked time.Time
	until time.Time // for so long it is not asked for
	first bool      // the first question is under way
}

var _ cache.Batcher = (*Dated)(nil)

// NewDated returns a Dated over s. Now is the wall clock; nil means the system's. Forget
// ends the questions that are under way.
func NewDated(s *Source, now func() time.Time) *Dated {
	if now == nil {
		now = time.Now
	}
	d := &Dated{Source: s, now: now, dates: map[described]*date{}, denied: map[string]bool{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Fetch implements cache.Source.
func (d *Dated) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	v, err := d.Source.Fetch(ctx, ref)
	if err == nil {
		v.NotAfter = d.end(ref, v.ARN)
	}
	return v, err
}

// FetchMany implements cache.Batcher.
func (d *Dated) FetchMany(ctx context.Context, refs []cache.Ref, done func(i int, v cache.Value, err error)) {
	d.Source.FetchMany(ctx, refs, func(i int, v cache.Value, err error) {
		if err == nil {
			v.NotAfter = d.end(refs[i], v.ARN)
		}
		done(i, v, err)
	})
}

// Forget implements source.Source.
func (d *Dated) Forget() {
	d.mu.Lock()
	d.cancel()
	d.mu.Unlock()
	d.asking.Wait()
	d.mu.Lock()
	clear(d.dates)
	clear(d.denied)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.mu.Unlock()
	d.Source.Forget()
}

// end returns when a value that was just fetched ends, or zero, and has the date of the
// next rotation asked for if it is not known.
func (d *Dated) end(ref cache.Ref, arn string) time.Time {
	if ref.Kind != cache.Secret || ref.VersionID != "" || ref.Stage != "" && ref.Stage != current || arn == "" {
		return time.Time{}
	}
	now := d.now().Round(0)
	key := described{arn, ref.Role}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.denied[ref.Role] || d.ctx.Err() != nil {
		return time.Time{}
	}
	known := d.dates[key]
	if known == nil {
		if len(d.dates) >= maxDates {
			clear(d.dates)
		}
		known = &date{first: true}
		d.dates[key] = known
	}
	passed := !known.next.IsZero() && !now.Before(known.next)
	if now.Before(known.asked) || !now.Before(known.until) || passed && now.Sub(known.asked) >= dateAgain {
		known.asked, known.until = now, now.Add(dateAgain)
		ctx := d.ctx
		d.asking.Go(func() { d.ask(ctx, key) })
	}
	switch {
	case known.first:
		return now.Add(firstLife)
	case passed && now.Sub(known.next) >= dateOverdue:
		return time.Time{}
	}
	return known.next
}

// ask asks for a secret's date.
func (d *Dated) ask(ctx context.Context, key described) {
	ctx, cancel := context.WithTimeout(ctx, dateTimeout)
	defer cancel()
	out, err := d.describe(ctx, key)
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.dates[key]
	if known == nil {
		return
	}
	known.first = false
	switch {
	case api.AccessDeniedException.Is(err):
		if len(d.denied) >= maxRefused {
			clear(d.denied)
		}
		d.denied[key.role] = true
	case err == nil:
		known.next, known.until = moment(out.NextRotationDate), d.now().Round(0).Add(dateLife)
	}
}

func (d *Dated) describe(ctx context.Context, key described) (*secretsmanager.DescribeSecretOutput, error) {
	caller, err := as(d.caller, key.role)
	if err != nil {
		return nil, err
	}
	return awsjson.Do(ctx, caller, secretsmanager.DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: &key.arn})
}
