// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package password makes random passwords by Secrets Manager's rules
// (GetRandomPassword): characters are drawn uniformly from the types that are
// included, less those that are excluded one by one.
//
// A password that must have each included type is drawn anew until it does, so that
// every password that fits the rules is as likely as every other; putting the missing
// characters in afterwards would favour some.
package password

import (
	"crypto/rand"
	"errors"
	"strings"

	"github.com/coffer-secrets/coffer/internal/secret"
)

// Bounds of a password's length, in characters (Secrets Manager API Reference,
// GetRandomPassword).
const (
	DefaultLength = 32
	MaxLength     = 4096
)

// The types of characters, as AWS lists them.
const (
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numbers     = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	space       = " "
)

// Errors of Generate, to be tested with errors.Is.
var (
	// ErrLength says that the length is not from 1 to MaxLength.
	ErrLength = errors.New("password: length out of range")
	// ErrTooShort says that the password has not room for one of each included type.
	ErrTooShort = errors.New("password: too short for one of each included type")
	// ErrNothingLeft says that every character is excluded.
	ErrNothingLeft = errors.New("password: every character is excluded")
)

// Rules say what a password looks like. The zero value means DefaultLength characters
// of all types but the space.
type Rules struct {
	// Length is in characters; zero means DefaultLength.
	Length int
	// Exclude are characters that the password must not have.
	Exclude string
	// ExcludeNumbers and the like leave a whole type out.
	ExcludeNumbers, ExcludePunctuation, ExcludeUppercase, ExcludeLowercase bool
	// IncludeSpace adds the space, as a type of its own.
	IncludeSpace bool
	// RequireEach asks for at least one character of each type that is included. A
	// type of which Exclude leaves nothing is not included.
	RequireEach bool
}

// Generate returns a password by the rules. The error is one of this package's.
func Generate(r Rules) (secret.Value, error) {
	length := r.Length
	if length == 0 {
		length = DefaultLength
	}
	if length < 1 || length > MaxLength {
		return secret.Value{}, ErrLength
	}
	types := r.types()
	if len(types) == 0 {
		return secret.Value{}, ErrNothingLeft
	}
	if r.RequireEach && length < len(types) {
		return secret.Value{}, ErrTooShort
	}
	alphabet := strings.Join(types, "")
	password := make([]byte, length)
	for {
		draw(password, alphabet)
		if !r.RequireEach || hasEach(password, types) {
			return secret.New(password), nil
		}
	}
}

// types returns what is left of each included type.
func (r *Rules) types() []string {
	var left []string
	for _, t := range []struct {
		out   bool
		chars string
	}{
		{r.ExcludeLowercase, lowercase},
		{r.ExcludeUppercase, uppercase},
		{r.ExcludeNumbers, numbers},
		{r.ExcludePunctuation, punctuation},
		{!r.IncludeSpace, space},
	} {
		if t.out {
			continue
		}
		chars := strings.Map(func(c rune) rune {
			if strings.ContainsRune(r.Exclude, c) {
				return -1
			}
			return c
		}, t.chars)
		if chars != "" {
			left = append(left, chars)
		}
	}
	return left
}

// draw fills b with characters of the alphabet, each as likely as the others: random
// bytes beyond the largest multiple of the alphabet's length are not used.
func draw(b []byte, alphabet string) {
	fair := 256 - 256%len(alphabet)
	var random [256]byte
	defer clear(random[:])
	for filled := 0; filled < len(b); {
		_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
		for _, r := range random {
			if filled < len(b) && int(r) < fair {
				b[filled] = alphabet[int(r)%len(alphabet)]
				filled++
			}
		}
	}
}

func hasEach(b []byte, types []string) bool {
	for _, t := range types {
		if !strings.ContainsAny(t, string(b)) {
			return false
		}
	}
	return true
}
