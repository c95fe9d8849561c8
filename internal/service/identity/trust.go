// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

// SetTrust gives a role's record a trust policy, which is not stored thereby. Users and
// roles that the policy names are those that there are now, and a *policy.MalformedError
// is the answer to any other: one who comes to have a name later is another.
func (d *Directory) SetTrust(r kv.Reader, role *Principal, document string) error {
	compiled, err := policy.Parse([]byte(document), policy.KindTrust)
	if err != nil {
		return err
	}
	trusted := map[string]string{}
	arns, _ := compiled.Named()
	for _, name := range arns {
		id, found, err := d.idOf(r, name)
		if err != nil {
			return err
		}
		if !found {
			return &policy.MalformedError{Message: fmt.Sprintf(`Invalid principal in policy: "AWS":"%s"`, name), Element: "Statement.Principal"}
		}
		if id != "" {
			trusted[name] = id
		}
	}
	role.Trust, role.Trusted = document, trusted
	return nil
}

// Trust returns the trust policy of a role, compiled, as the policy of a resource that
// alone lets anybody in: policy.Set.Exclusive. It is nil for a role without one, which
// nobody may assume.
func (d *Directory) Trust(r kv.Reader, role *Principal) (*policy.Attached, error) {
	if role.Trust == "" {
		return nil, nil
	}
	gone, err := d.gone(r, role)
	if err != nil {
		return nil, err
	}
	compiled, err := policy.Parse([]byte(role.Trust), policy.KindTrust)
	if err != nil {
		return nil, fmt.Errorf("trust policy of %s: %w", role.ARN(), err)
	}
	if len(gone) > 0 {
		compiled = compiled.Renamed(func(name string) string {
			if id := gone[name]; id != "" {
				return id
			}
			return name
		})
	}
	return &policy.Attached{Name: role.ARN(), Policy: compiled}, nil
}

// TrustDocument returns a role's trust policy as it is shown: with the unique ids of
// users and roles that are gone in the place of their ARNs.
func (d *Directory) TrustDocument(r kv.Reader, role *Principal) (string, error) {
	gone, err := d.gone(r, role)
	if err != nil || len(gone) == 0 {
		return role.Trust, err
	}
	var out bytes.Buffer
	from, to := jsontext.NewDecoder(strings.NewReader(role.Trust)), jsontext.NewEncoder(&out)
	for {
		token, err := from.ReadToken()
		if errors.Is(err, io.EOF) {
			return strings.TrimSuffix(out.String(), "\n"), nil
		}
		if err == nil && token.Kind() == '"' && strings.Contains(string(from.StackPointer()), "/Principal/AWS") {
			if id := gone[token.String()]; id != "" {
				token = jsontext.String(id)
			}
		}
		if err == nil {
			err = to.WriteToken(token)
		}
		if err != nil {
			return "", fmt.Errorf("trust policy of %s: %w", role.ARN(), err)
		}
	}
}

// gone returns the unique ids of the principals that a trust policy means and that are
// not there any more, by the names which the policy has for them.
func (d *Directory) gone(r kv.Reader, role *Principal) (map[string]string, error) {
	var gone map[string]string
	for name, id := range role.Trusted {
		now, _, err := d.idOf(r, name)
		if err != nil {
			return nil, err
		}
		if now == id {
			continue
		}
		if gone == nil {
			gone = map[string]string{}
		}
		gone[name] = id
	}
	return gone, nil
}
