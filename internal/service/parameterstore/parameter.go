// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"fmt"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// Parameter is the record of one parameter, at its account, region and levels.
type Parameter struct {
	// Name is as it was created: a name of one level has a leading slash or not, and
	// is the same parameter either way.
	Name string
	// Generation tells the parameter from those of the same name before it.
	Generation string
	Tags       map[string]string `json:",omitzero"`
	// Labels has the number of the version that each label is on, so that a label
	// can't be on two.
	Labels map[string]int64 `json:",omitzero"`
	// Policed says that the parameter has resource policies, which are a record of their
	// own.
	Policed bool `json:",omitzero"`
	// Oldest is the number of the oldest version that is kept.
	Oldest int64
	// Wake is when the policies are looked at next, if they are.
	Wake    time.Time `json:",omitzero"`
	Current Version
}

// Version is one version of a parameter: in its Parameter while it is the current
// one, and from then on a record under account, region, generation and number.
type Version struct {
	Number         int64
	Type           string
	Tier           string // Standard or Advanced
	DataType       string
	KeyID          string    `json:",omitzero"` // as the caller named it
	AllowedPattern string    `json:",omitzero"`
	Description    string    `json:",omitzero"`
	Policies       []string  `json:",omitzero"` // each the JSON text of one
	Expires        time.Time `json:",omitzero"` // of the Expiration policy
	Assigned       time.Time `json:",omitzero"` // when the policies were given
	Acted          []int     `json:",omitzero"` // the policies, by their place, that were acted on
	Modified       time.Time
	User           string // ARN
	// Value is the plaintext, or the ciphertext of a SecureString.
	Value []byte
}

// Format keeps the value out of logs.
func (v Version) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "version %d", v.Number) }

// Format keeps the value out of logs.
func (p Parameter) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "parameter %s", p.Name) }

// expired reports whether the Expiration policy has passed.
func (p *Parameter) expired(now time.Time) bool {
	return !p.Current.Expires.IsZero() && !now.Before(p.Current.Expires)
}

// key is the parameter's canonical name.
func (p *Parameter) key() string { return strings.TrimPrefix(p.Name, "/") }

// parameterARN is the ARN of the parameter with that canonical name.
func parameterARN(call *gate.Call, key string) string { return call.ARN("ssm", "parameter/"+key) }

// segments is where the record of that canonical name is.
func segments(call *gate.Call, key string) []string {
	return append([]string{call.Account, call.Region}, strings.Split(key, "/")...)
}

// find returns the parameter with that canonical name, or nil when there is none or
// it has expired.
func (s *service) find(r kv.Reader, call *gate.Call, key string) (*Parameter, error) {
	p, err := s.heads.Get(r, segments(call, key)...)
	if err != nil || p == nil || p.expired(call.Time) {
		return nil, err
	}
	return p, nil
}

// named finds a parameter for the operations that take no ARN, and no selector.
func (s *service) named(r kv.Reader, call *gate.Call, asked string) (*Parameter, error) {
	ref, err := refer(call, asked)
	if err != nil {
		return nil, err
	}
	if ref.name == "" || ref.selector != "" {
		return nil, api.ValidationException.New(msgName)
	}
	p, err := s.find(r, call, ref.key)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, ref.notFound()
	}
	return p, nil
}

// number is a version's number as a segment, in the order of numbers.
func number(n int64) string { return fmt.Sprintf("%016x", n) }

// version returns a version of p by its number, or nil when it is not kept.
func (s *service) version(r kv.Reader, call *gate.Call, p *Parameter, n int64) (*Version, error) {
	if n == p.Current.Number {
		return &p.Current, nil
	}
	if n < p.Oldest || n > p.Current.Number {
		return nil, nil
	}
	return s.versions.Get(r, call.Account, call.Region, p.Generation, number(n))
}

// remove deletes p at once, and has its older versions deleted afterwards.
func (s *service) remove(tx kv.Tx, call *gate.Call, p *Parameter) error {
	if err := s.heads.Delete(tx, segments(call, p.key())...); err != nil {
		return err
	}
	if p.Policed {
		if err := s.policies.Delete(tx, call.Account, call.Region, p.Generation); err != nil {
			return err
		}
	}
	if p.Oldest == p.Current.Number {
		return nil
	}
	return jobs.Erase(tx, call.Time, s.versions.Key(call.Account, call.Region, p.Generation)+"/")
}
