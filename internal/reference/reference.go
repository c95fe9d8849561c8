// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package reference reads references to secrets and parameters, as they stand in
// environment variables and settings for values that are fetched when they are needed.
//
// These are CloudFormation's dynamic references, which may stand within other text:
//
//	{{resolve:secretsmanager:ID:SecretString:json-key:version-stage:version-id}}
//	{{resolve:ssm:NAME:version}}
//	{{resolve:ssm-secure:NAME:version}}
//
// where all after ID and NAME is optional, and an ID or NAME may be an ARN; what ECS takes
// as valueFrom, and the references of other sources, which are the whole text:
//
//	arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX
//	arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX:json-key:version-stage:version-id
//	arn:aws:ssm:REGION:ACCOUNT:parameter/NAME
//	kms:CIPHERTEXT, vault:PATH#field, doppler:NAME#field, file:/PATH#field
//
// The latter may be written {{resolve:vault:PATH#field}} to stand within other text. In
// lists there are names without anything else as well: see ParseItem.
//
// A text may be secret where it is no reference. So no error holds any of it.
package reference

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source"
)

const (
	// maxID bounds names in bytes: no ARN and no parameter's name is longer (Name of
	// GetParameter, SecretId of GetSecretValue).
	maxID = 2048
	// maxField bounds the name of a member in bytes. A secret has 64 KiB for all.
	maxField = 2048
	// maxCiphertext is the most that KMS's Decrypt takes, in bytes.
	maxCiphertext = 6144
	// maxVersion bounds the number of a parameter's version in digits: it is 64 bits long.
	maxVersion = 18
)

// Errors of what begins like a reference and is none.
var (
	errOpen     = errors.New("a reference has no end: }} is missing")
	errSource   = errors.New("a reference names a source that is not known")
	errID       = errors.New("a reference has no name, or one that can't be")
	errARN      = errors.New("a reference has an ARN that can't be")
	errString   = errors.New("a reference to a secret has something else than SecretString after the name")
	errParts    = errors.New("a reference has too many parts, or too few")
	errVersions = errors.New("a reference has a version stage and a version id")
	errNumber   = errors.New("a reference to a parameter has a version that is not a number")
	errBase64   = errors.New("a reference to a KMS ciphertext is not base64, or too long")
	errField    = errors.New("a reference has an empty field, or one that can't be")
)

// Reference names a value. References are compared: two that are equal mean the same.
type Reference struct {
	Ref cache.Ref
	// Field is the member of the value, which then is a JSON object, or empty for the
	// whole value.
	Field string
}

// shownCiphertext is how much of a ciphertext names it in a message, in bytes.
const shownCiphertext = 16

// String names the value in messages.
func (r Reference) String() string {
	name := r.Ref.ID
	if from, rest := source.Cut(name); from == "kms" && len(rest) > shownCiphertext {
		name = "kms:" + rest[:shownCiphertext] + "..."
	}
	if r.Field != "" {
		name += "#" + r.Field
	}
	return name
}

// ParseItem reads what names a value in a list: the references that are a whole text, and
// beside them
//
//	/prod/api/key             a parameter, as is ssm:NAME
//	prod/db                   a secret, as is secretsmanager:NAME
//
// each with #field at its end if it is a member that is meant. Parameters are decrypted.
func ParseItem(s string) (Reference, error) {
	name, field, err := cutField(s)
	if err != nil {
		return Reference{}, err
	}
	if r, ok, err := whole(name); err != nil {
		return Reference{}, err
	} else if ok {
		if field != "" && r.Field != "" {
			return Reference{}, errField
		}
		r.Field += field // one of them is empty
		return r, nil
	}
	ref := cache.Ref{Kind: cache.Secret, ID: name}
	if id, ok := strings.CutPrefix(name, "secretsmanager:"); ok {
		ref.ID = id
	} else if id, ok := strings.CutPrefix(name, "ssm:"); ok {
		ref = cache.Ref{Kind: cache.Parameter, ID: id, Decrypt: true}
	} else if strings.HasPrefix(name, "/") {
		ref = cache.Ref{Kind: cache.Parameter, ID: name, Decrypt: true}
	}
	if !isName(ref.ID) {
		return Reference{}, errID
	}
	return Reference{ref, field}, nil
}

// whole reads a reference that is a whole text. It reports whether s is meant as one.
func whole(s string) (Reference, bool, error) {
	if parts := strings.SplitN(s, ":", 4); len(parts) == 4 && parts[0] == "arn" {
		switch {
		case parts[2] == "secretsmanager":
			r, err := secretARN(s)
			return r, true, err
		case parts[2] == "ssm" && strings.Contains(parts[3], ":parameter/"):
			r, err := parameter(s, true)
			return r, true, err
		}
	}
	from, rest := source.Cut(s)
	if from == "" || from == "file" && (!strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "//")) {
		return Reference{}, false, nil // file:./x and file:///x are others' URLs
	}
	r, err := other(from, rest)
	return r, true, err
}

// other reads a reference of a source that is not AWS's.
func other(from, rest string) (Reference, error) {
	if from == "kms" {
		if len(rest) > base64.StdEncoding.EncodedLen(maxCiphertext) {
			return Reference{}, errBase64
		}
		if b, err := base64.StdEncoding.DecodeString(rest); err != nil || len(b) == 0 || strings.ContainsAny(rest, "\r\n") {
			return Reference{}, errBase64
		}
		return Reference{Ref: cache.Ref{ID: "kms:" + rest}}, nil
	}
	name, field, err := cutField(rest)
	if err != nil {
		return Reference{}, err
	}
	if !isText(name, maxID) {
		return Reference{}, errID
	}
	return Reference{cache.Ref{ID: from + ":" + name}, field}, nil
}

// cutField cuts #field off.
func cutField(s string) (name, field string, err error) {
	name, field, found := strings.Cut(s, "#")
	if found && !isText(field, maxField) {
		return "", "", errField
	}
	return name, field, nil
}

// arnParts is how many parts with colons between the ARN of a secret has, and
// parameterARNParts that of a parameter.
const (
	arnParts          = 7
	parameterARNParts = 6
)

// secretARN reads the ARN of a secret with what ECS allows after it: nothing, or three
// parts that may be empty.
func secretARN(s string) (Reference, error) {
	id, rest, err := cutARN(s)
	if err != nil {
		return Reference{}, err
	}
	if len(rest) != 0 && len(rest) != 3 {
		return Reference{}, errParts
	}
	return selected(id, rest)
}

// cutARN cuts the ARN of a secret off what follows it.
func cutARN(s string) (id string, rest []string, err error) {
	parts := strings.Split(s, ":")
	if len(parts) < arnParts {
		return "", nil, errARN
	}
	id = strings.Join(parts[:arnParts], ":")
	a, err := arn.Parse(id)
	if err != nil || a.Service != "secretsmanager" || parts[5] != "secret" || !isName(parts[6]) {
		return "", nil, errARN
	}
	return id, parts[arnParts:], nil
}

// selected adds the member, the stage and the version of a secret, as far as they are given.
func selected(id string, parts []string) (Reference, error) {
	r := Reference{Ref: cache.Ref{Kind: cache.Secret, ID: id}}
	for i, to := range []*string{&r.Field, &r.Ref.Stage, &r.Ref.VersionID} {
		if i < len(parts) && parts[i] != "" {
			if !isText(parts[i], maxField) {
				return Reference{}, errField
			}
			*to = parts[i]
		}
	}
	if r.Ref.Stage != "" && r.Ref.VersionID != "" {
		return Reference{}, errVersions
	}
	return r, nil
}

// parameter reads the name or ARN of a parameter, with its version if it has one.
func parameter(s string, decrypt bool) (Reference, error) {
	ref := cache.Ref{Kind: cache.Parameter, Decrypt: decrypt}
	parts := strings.Split(s, ":")
	n := 1
	if arn.IsARN(s) {
		n = parameterARNParts
	}
	if len(parts) != n && len(parts) != n+1 {
		return Reference{}, errParts
	}
	ref.ID = strings.Join(parts[:n], ":")
	if n == 1 && !isName(ref.ID) {
		return Reference{}, errID
	}
	if n == parameterARNParts {
		name, ok := strings.CutPrefix(parts[5], "parameter/")
		if a, err := arn.Parse(ref.ID); err != nil || a.Service != "ssm" || !ok || !isName(name) {
			return Reference{}, errARN
		}
	}
	if len(parts) > n {
		if ref.VersionID = parts[n]; !isNumber(ref.VersionID) {
			return Reference{}, errNumber
		}
	}
	return Reference{Ref: ref}, nil
}

func isNumber(s string) bool {
	return s != "" && len(s) <= maxVersion && strings.Trim(s, "0123456789") == ""
}

// isName reports whether s has only what names of secrets and parameters have: letters,
// digits and /_+=.@- (Name of CreateSecret; those of parameters have less).
func isName(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20 // lower case, of a letter
		if ('a' > c || c > 'z') && ('0' > s[i] || s[i] > '9') && strings.IndexByte("/_+=.@-", s[i]) < 0 {
			return false
		}
	}
	return true
}

// isText reports whether s is text without control characters, and not empty.
func isText(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
