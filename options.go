// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"slices"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// Option says which version of a secret or parameter is meant, how fresh it is to be, or
// what is to be made of its value. Those of Config.Defaults come before those of a call.
type Option func(*query)

// query is what a call asks for.
type query struct {
	ref      cache.Ref
	fresh    bool
	maxAge   time.Duration // zero is whatever the cache says
	encoding Encoding
	field    string
	oneLevel bool
}

func (c *Client) newQuery(ref cache.Ref, options []Option) query {
	q := query{ref: ref}
	for _, o := range slices.Concat(c.config.Defaults, options) {
		o(&q)
	}
	return q
}

// VersionID means the version with this id, or of a parameter that with this number.
func VersionID(id string) Option { return func(q *query) { q.ref.VersionID = id } }

// VersionStage means the version with this staging label, or of a parameter with this
// label. Without VersionID and VersionStage, it is AWSCURRENT, and of a parameter the
// latest version.
func VersionStage(label string) Option { return func(q *query) { q.ref.Stage = label } }

// ForceFetch asks the source, whatever is kept. A value that is kept does not stand in
// for a source that can't be reached.
func ForceFetch() Option { return func(q *query) { q.fresh = true } }

// MaxAge asks the source if what is kept is older than that, to the second. If the source
// can't be reached then, what is kept is the answer, for as long as Config.Stale allows.
// It can't make a value fresh for longer than Config.TTL, or the agent's own TTL, says.
func MaxAge(d time.Duration) Option { return func(q *query) { q.maxAge = d } }

// Transform makes of a value what it encodes. A value that does not encode that is an
// error for which errors.Is finds ErrTransform.
func Transform(e Encoding) Option { return func(q *query) { q.encoding = e } }

// Field means one member of a value that is a JSON object: the text of a string, and the
// JSON of anything else. It comes after Transform.
func Field(name string) Option { return func(q *query) { q.field = name } }

// OneLevel makes ParametersByPath leave out what is deeper in the hierarchy than right
// below the path.
func OneLevel() Option { return func(q *query) { q.oneLevel = true } }
