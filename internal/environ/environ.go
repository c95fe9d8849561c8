// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package environ puts values in the places of the references in a process's environment
// (see the package reference for what these look like).
//
// It is all or nothing: an environment with a reference that can't be resolved is refused,
// because a program that takes a reference for a password fails later, and elsewhere.
// Errors name the variable, the reference and the reason, and hold no value.
package environ

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/reference"
)

// fetchers is how many values are asked for at once.
const fetchers = 16

// ours is how the names of Coffer's own settings begin. There, references are meant for
// Coffer.
const ours = "COFFER_"

var (
	errBinary = errors.New("the value is binary: an environment variable can't hold it")
	errNUL    = errors.New("the value has a NUL byte: an environment variable can't hold it")
)

// variable is a variable with references in it.
type variable struct {
	at   int // its index in the environment
	name string
	text reference.Text
}

// Resolve returns a copy of an environment, of strings NAME=VALUE, in which values stand in
// the places of references. If only is not empty, it lists the names of the variables that
// are looked at; those that begin with COFFER_ never are. Each value is asked for once,
// all at the same time, and get is to give up when ctx ends.
//
// The error joins those of all variables that failed, in the order of their names.
func Resolve(ctx context.Context, env, only []string, get reference.Getter) ([]string, error) {
	env = slices.Clone(env)
	var wanted []variable
	var failed []error
	for i, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || strings.HasPrefix(name, ours) || len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		text, err := reference.Parse(value)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		} else if len(text.References()) > 0 {
			wanted = append(wanted, variable{i, name, text})
		}
	}
	if len(failed) > 0 {
		return nil, join(failed)
	}
	got := fetch(ctx, wanted, get)
	defer got.wipe()
	for _, v := range wanted {
		value, err := v.text.Fill(ctx, got.get)
		if err == nil && bytes.IndexByte(value.Reveal(), 0) >= 0 {
			err = errNUL
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", v.name, err))
			continue
		}
		env[v.at] = v.name + "=" + value.RevealString()
		value.Wipe()
	}
	if len(failed) > 0 {
		return nil, join(failed)
	}
	return env, nil
}

// join joins errors in the order of the variables' names: that of an environment is chance.
func join(failed []error) error {
	slices.SortFunc(failed, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(failed...)
}

// answers are what was fetched.
type answers map[cache.Ref]*outcome

type outcome struct {
	answer cache.Answer
	err    error
}

// fetch asks for all that the variables refer to, each once.
func fetch(ctx context.Context, wanted []variable, get reference.Getter) answers {
	all := answers{}
	var wg sync.WaitGroup
	places := make(chan struct{}, fetchers)
	for _, v := range wanted {
		for _, r := range v.text.References() {
			if all[r.Ref] != nil {
				continue
			}
			to := new(outcome)
			all[r.Ref] = to
			places <- struct{}{}
			wg.Go(func() {
				defer func() { <-places }()
				if to.answer, to.err = get(ctx, r.Ref); to.err == nil && to.answer.Text.IsZero() {
					to.err = errBinary
				}
			})
		}
	}
	wg.Wait()
	return all
}

// get is a reference.Getter of what was fetched.
func (a answers) get(_ context.Context, ref cache.Ref) (cache.Answer, error) {
	o := a[ref]
	if o.err != nil {
		return cache.Answer{}, o.err
	}
	answer := o.answer
	answer.Value = answer.Clone()
	return answer, nil
}

func (a answers) wipe() {
	for _, o := range a {
		o.answer.Wipe()
	}
}
