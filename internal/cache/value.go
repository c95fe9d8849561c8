// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// Kind is what sort of thing a Ref names.
type Kind uint8

// The kinds.
const (
	Secret Kind = iota
	Parameter
)

// The staging labels that the cache knows of.
const (
	current  = "AWSCURRENT"
	pending  = "AWSPENDING"
	previous = "AWSPREVIOUS"
)

// references is where Parameter Store shows secrets of Secrets Manager.
const references = "/aws/reference/secretsmanager/"

// Ref is what somebody asks for. Refs are compared: two that are equal mean the same.
type Ref struct {
	Kind Kind
	// ID is a name, a full ARN, or (of a secret) an ARN without its suffix.
	ID string
	// VersionID is the id of a secret's version, or the number of a parameter's.
	VersionID string
	// Stage is a secret's staging label, or a parameter's label. A secret that is
	// asked for by neither is asked for by AWSCURRENT.
	Stage string
	// Decrypt asks for the plaintext of a SecureString parameter.
	Decrypt bool
	// Role is the ARN of the IAM role to ask as. Empty means the caller's own.
	Role string
}

// normal returns the one form of refs that mean the same: a secret has its default
// stage, and a parameter's selector is not a part of its name.
func (r Ref) normal() Ref {
	if r.Kind == Secret {
		r.Decrypt = false
		if r.VersionID == "" && r.Stage == "" {
			r.Stage = current
		}
		return r
	}
	if r.VersionID != "" || r.Stage != "" || strings.HasPrefix(r.ID, references) {
		return r
	}
	colons := 0
	if arn.IsARN(r.ID) {
		colons = 5 // before the resource
	}
	if strings.Count(r.ID, ":") != colons+1 {
		return r
	}
	at := strings.LastIndexByte(r.ID, ':')
	name, selector := r.ID[:at], r.ID[at+1:]
	switch {
	case name == "" || selector == "":
	case strings.Trim(selector, "0123456789") == "":
		r.ID, r.VersionID = name, selector
	default:
		r.ID, r.Stage = name, selector
	}
	return r
}

// at returns r under another id.
func (r Ref) at(id string) Ref {
	r.ID = id
	return r
}

// permanent reports whether what r names can't change: a secret's version. (A
// parameter's version can: a parameter that is deleted and made again counts from 1.)
func (r Ref) permanent() bool { return r.Kind == Secret && r.VersionID != "" && r.Stage == "" }

// Value is an answer of a source.
type Value struct {
	// ARN and Name are the thing's own.
	ARN, Name string
	// VersionID is the version's id, or number.
	VersionID string
	// Stages are the version's staging labels. Nobody changes the slice.
	Stages []string
	// Text is the plaintext if it is a string, Binary if it is not.
	Text, Binary secret.Value
	// Created is when the version was made.
	Created time.Time
	// NotAfter caps the life of the entry: the next rotation, if the source tells.
	NotAfter time.Time
	// Ends is when the value itself ends, such as the lease of a database's user: it is
	// no answer after that, not even when the source is down. Zero is never.
	Ends time.Time
	// AsOf is zero if the source gave the value when it was asked. Else the source is
	// unavailable, and something that stands in for it gave what was the value then: the
	// answer is a stale one, and the source is asked again soon.
	AsOf time.Time
	// Parameter has what only a parameter has. It is nil for a secret.
	Parameter *ParameterInfo
}

// ParameterInfo is what Parameter Store tells beside the value. Nobody changes one.
type ParameterInfo struct {
	Type, DataType, Selector *string
	Version                  int64
	// SourceResult is Secrets Manager's answer about a secret that was asked for
	// through Parameter Store; it has the plaintext in it.
	SourceResult secret.Value
}

// Clone returns a Value with plaintext of its own.
func (v Value) Clone() Value {
	v.Text, v.Binary = v.Text.Clone(), v.Binary.Clone()
	if p := v.Parameter; p != nil && !p.SourceResult.IsZero() {
		info := *p
		info.SourceResult = p.SourceResult.Clone()
		v.Parameter = &info
	}
	return v
}

// Wipe overwrites the plaintext.
func (v Value) Wipe() {
	v.Text.Wipe()
	v.Binary.Wipe()
	if v.Parameter != nil {
		v.Parameter.SourceResult.Wipe()
	}
}

// size is the plaintext's length in bytes.
func (v Value) size() int64 {
	n := v.Text.Len() + v.Binary.Len() + len(v.ARN) + len(v.Name) + len(v.VersionID)
	if v.Parameter != nil {
		n += v.Parameter.SourceResult.Len()
	}
	return int64(n)
}

// Status says how an answer came about, in the words of the header X-Cache.
type Status string

// The statuses.
const (
	Hit   Status = "HIT"
	Miss  Status = "MISS"
	Stale Status = "STALE"
)

// Answer is a Value, which belongs to the caller, and where it comes from.
type Answer struct {
	Value
	Status Status
	// Age is how long ago the source gave the value.
	Age time.Duration
}

func (a Answer) clone() Answer {
	a.Value = a.Value.Clone()
	return a
}

// Unavailable is an error of a source that can't be reached or is overloaded: a
// timeout, an I/O error, a throttle, a 5xx. It is the only one under which a stale
// value is served.
type Unavailable struct{ Err error }

// Error implements error.
func (u *Unavailable) Error() string { return "source unavailable: " + u.Err.Error() }

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.Err }
