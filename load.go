// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// bound is a field with a tag.
type bound struct {
	name  string // Database.Password
	index []int
	tag   tag
}

// fields returns the fields of a struct type that have tags, in their order.
func fields(t reflect.Type, outer bound) ([]bound, error) {
	var all []bound
	for i := range t.NumField() {
		f := t.Field(i)
		text, tagged := f.Tag.Lookup("coffer")
		b := bound{outer.name + f.Name, append(slices.Clone(outer.index), i), tag{}}
		switch {
		case tagged && !f.IsExported():
			return nil, fmt.Errorf("coffer: field %s has a tag and is not exported", b.name)
		case tagged:
			var err error
			if b.tag, err = parseTag(text); err != nil {
				return nil, fmt.Errorf("coffer: field %s: %w", b.name, err)
			}
			if b.tag.kind == aPath && f.Type != pathType {
				return nil, fmt.Errorf("coffer: field %s: a path is a map[string]string, and not a %s", b.name, f.Type)
			}
			all = append(all, b)
		case f.Type.Kind() == reflect.Struct && (f.IsExported() || f.Anonymous):
			b.name += "."
			inner, err := fields(f.Type, b)
			if err != nil {
				return nil, err
			}
			all = append(all, inner...)
		}
	}
	return all, nil
}

var pathType = reflect.TypeFor[map[string]string]()

// target returns the struct that into points to, and its fields.
func target(into any) (reflect.Value, []bound, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return v, nil, fmt.Errorf("coffer: want a pointer to a struct, and not %T", into)
	}
	all, err := fields(v.Elem().Type(), bound{})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("coffer: %T has no field with a coffer tag", into)
	}
	return v.Elem(), all, err
}

// Load is like the function Load.
func (c *Client) Load(ctx context.Context, into any, options ...Option) error {
	v, all, err := target(into)
	if err != nil {
		return err
	}
	_, err = c.load(ctx, v, all, options)
	return err
}

// load fills the fields, all or none, and returns a hash of what is in each: zero for
// what is not there.
func (c *Client) load(ctx context.Context, into reflect.Value, all []bound, options []Option) ([]uint64, error) {
	filled := reflect.New(into.Type()).Elem()
	filled.Set(into)
	hashes, errs := make([]uint64, len(all)), make([]error, len(all))
	each(len(all), func(i int) {
		hashes[i], errs[i] = c.fill(ctx, filled.FieldByIndex(all[i].index), &all[i].tag, options)
	})
	failed := Errors{}
	for i, err := range errs {
		if err != nil {
			failed[all[i].name] = fmt.Errorf("field %s: %w", all[i].name, err)
		}
	}
	if len(failed) > 0 {
		return nil, failed
	}
	into.Set(filled)
	return hashes, nil
}

// seed makes hashes of values that mean nothing outside of this process.
var seed = maphash.MakeSeed()

// fill sets one field.
func (c *Client) fill(ctx context.Context, field reflect.Value, t *tag, options []Option) (hash uint64, err error) {
	options = append(slices.Clone(options), t.options()...)
	if t.kind == aPath {
		return c.fillPath(ctx, field, t, options)
	}
	var s Secret
	if t.kind == aParameter {
		var answer cache.Answer
		answer, err = c.get(ctx, c.newQuery(cache.Ref{Kind: cache.Parameter, ID: t.id, Decrypt: true}, options))
		s = secretOf(answer)
	} else {
		s, err = c.Secret(ctx, t.id, options...)
	}
	if t.optional && errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	hash = maphash.Bytes(seed, s.value.Reveal())
	if field.Type() == secretType {
		field.Set(reflect.ValueOf(s))
		return hash, nil
	}
	defer s.value.Wipe()
	if err := assign(field, t, s.value); err != nil {
		return 0, &Error{ID: t.id, Code: codeTransform, Err: err}
	}
	return hash, nil
}

func (c *Client) fillPath(ctx context.Context, field reflect.Value, t *tag, options []Option) (hash uint64, err error) {
	values, err := c.ParametersByPath(ctx, t.id, options...)
	if err != nil {
		return 0, err
	}
	b, err := json.Marshal(values)
	if err != nil {
		return 0, err
	}
	defer clear(b)
	field.Set(reflect.ValueOf(values))
	return maphash.Bytes(seed, b), nil
}

// interval is how often Watch asks.
func (c *Client) interval(options []Option) time.Duration {
	if q := c.newQuery(cache.Ref{}, options); q.maxAge > 0 {
		return q.maxAge
	}
	if c.config.TTL > 0 {
		return c.config.TTL
	}
	return cache.DefaultTTL
}

// Watch is like the function Watch: it fills what into points to, and yields nil when it
// has. What is there is not to be used by others while the loop's body does not run.
func (c *Client) Watch(ctx context.Context, into any, options ...Option) iter.Seq[error] {
	return func(yield func(error) bool) {
		v, all, err := target(into)
		if err != nil {
			yield(err)
			return
		}
		every := c.interval(options)
		// Half of it, because what was fetched after a tick is younger at the next one.
		options = append(slices.Clone(options), MaxAge(max(every/2, 1)))
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		var before []uint64
		for {
			now, err := c.load(ctx, v, all, options)
			if ctx.Err() != nil {
				return
			}
			if (err != nil || !slices.Equal(now, before)) && !yield(err) {
				return
			}
			if err == nil {
				before = now
			}
			select {
			case <-ticks.C:
			case <-ctx.Done():
				return
			}
		}
	}
}
