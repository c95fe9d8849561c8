// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// The marks around a reference within other text.
const (
	begins = "{{resolve:"
	ends   = "}}"
)

// Text is a text with references in it. Its zero value is the empty text.
type Text struct {
	literals   []string // one before each reference, and one after the last
	references []Reference
}

// Parse reads the value of an environment variable. What is no reference is left as it is;
// what begins like one and is malformed is an error, which holds nothing of the text.
func Parse(s string) (Text, error) {
	if r, ok, err := whole(s); err != nil {
		return Text{}, err
	} else if ok {
		return Of(r), nil
	}
	var t Text
	for {
		before, rest, found := strings.Cut(s, begins)
		t.literals = append(t.literals, before)
		if !found {
			return t, nil
		}
		inner, after, closed := strings.Cut(rest, ends)
		if !closed {
			return Text{}, errOpen
		}
		r, err := resolve(inner)
		if err != nil {
			return Text{}, err
		}
		t.references = append(t.references, r)
		s = after
	}
}

// Of returns the text that is a reference and nothing else.
func Of(r Reference) Text { return Text{[]string{"", ""}, []Reference{r}} }

// Has reports whether s has a reference within other text, which Parse reads.
func Has(s string) bool { return strings.Contains(s, begins) }

// resolve reads what is within the marks.
func resolve(s string) (Reference, error) {
	from, rest, _ := strings.Cut(s, ":")
	switch from {
	case "secretsmanager":
		return dynamic(rest)
	case "ssm":
		return parameter(rest, false)
	case "ssm-secure":
		return parameter(rest, true)
	}
	if r, ok, err := whole(s); ok || err != nil {
		return r, err
	}
	return Reference{}, errSource
}

// dynamic reads CloudFormation's reference to a secret, after the service's name.
func dynamic(s string) (Reference, error) {
	id, rest := s, []string(nil)
	if strings.HasPrefix(s, "arn:") {
		var err error
		if id, rest, err = cutARN(s); err != nil {
			return Reference{}, err
		}
	} else {
		parts := strings.Split(s, ":")
		if id, rest = parts[0], parts[1:]; !isName(id) {
			return Reference{}, errID
		}
	}
	switch {
	case len(rest) == 0:
		return selected(id, nil)
	case rest[0] != "" && rest[0] != "SecretString":
		return Reference{}, errString
	case len(rest) > 4:
		return Reference{}, errParts
	}
	return selected(id, rest[1:])
}

// References returns the references in their order. The slice is the text's own.
func (t Text) References() []Reference { return t.references }

// Getter asks for a value, which is then the caller's. It is the Get of a cache.
type Getter func(ctx context.Context, ref cache.Ref) (cache.Answer, error)

// Fill returns the text with values in the places of its references. The result is the
// caller's. An error names the reference that failed.
func (t Text) Fill(ctx context.Context, get Getter) (secret.Value, error) {
	values := make([]secret.Value, len(t.references))
	defer func() {
		for _, v := range values {
			v.Wipe()
		}
	}()
	size := 0
	for i, r := range t.references {
		v, err := r.Value(ctx, get)
		if err != nil {
			return secret.Value{}, fmt.Errorf("%v: %w", r, err)
		}
		values[i] = v
		size += v.Len()
	}
	for _, l := range t.literals {
		size += len(l)
	}
	filled := make([]byte, 0, size) // so that nothing is left behind by growing it
	for i, l := range t.literals {
		filled = append(filled, l...)
		if i < len(values) {
			filled = append(filled, values[i].Reveal()...)
		}
	}
	return secret.New(filled), nil
}

// errEncrypted keeps the ciphertext of a parameter from being taken for its value, as
// CloudFormation does.
var errEncrypted = errors.New("the parameter is a SecureString: refer to it by ssm-secure")

// Value returns what the reference names, as the caller's. A binary secret is its bytes.
func (r Reference) Value(ctx context.Context, get Getter) (secret.Value, error) {
	answer, err := get(ctx, r.Ref)
	if err != nil {
		return secret.Value{}, err
	}
	v := answer.Text
	if v.IsZero() {
		v = answer.Binary
	}
	if p := answer.Parameter; p != nil {
		p.SourceResult.Wipe()
		if p.Type != nil && *p.Type == "SecureString" && !r.Ref.Decrypt {
			return secret.Value{}, errEncrypted
		}
	}
	if r.Field == "" {
		return v, nil
	}
	defer answer.Wipe()
	return secret.Field(v, r.Field)
}
