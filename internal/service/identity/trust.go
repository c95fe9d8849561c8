// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/arn"
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
	moved, err := d.moved(r, role)
	if err != nil {
		return nil, err
	}
	compiled, err := policy.Parse([]byte(role.Trust), policy.KindTrust)
	if err != nil {
		return nil, fmt.Errorf("trust policy of %s: %w", role.ARN(), err)
	}
	if len(moved) > 0 {
		compiled = compiled.Renamed(func(name string) string { return cmp.Or(moved[name], name) })
	}
	return &policy.Attached{Name: role.ARN(), Policy: compiled}, nil
}

// TrustDocument returns a role's trust policy as it is shown: with the names that users
// have now, and in the place of those who are gone their unique ids.
func (d *Directory) TrustDocument(r kv.Reader, role *Principal) (string, error) {
	moved, err := d.moved(r, role)
	if err != nil || len(moved) == 0 {
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
			token = jsontext.String(cmp.Or(moved[token.String()], token.String()))
		}
		if err == nil {
			err = to.WriteToken(token)
		}
		if err != nil {
			return "", fmt.Errorf("trust policy of %s: %w", role.ARN(), err)
		}
	}
}

// moved returns, for the principals that a trust policy names and that have not these
// names any more, what they are called: the ARN that they have now, or the unique id when
// they are gone.
func (d *Directory) moved(r kv.Reader, role *Principal) (map[string]string, error) {
	var moved map[string]string
	for name, id := range role.Trusted {
		now, _, err := d.idOf(r, name)
		if err != nil {
			return nil, err
		}
		if now == id {
			continue
		}
		if moved == nil {
			moved = map[string]string{}
		}
		if moved[name], err = d.nameOf(r, name, id); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// nameOf returns the ARN of the user with that unique id, who had another one, or the id
// when there is no such user. Roles keep their names.
func (d *Directory) nameOf(r kv.Reader, former, id string) (string, error) {
	a, err := arn.Parse(former)
	if err != nil || !strings.HasPrefix(a.Resource, "user/") {
		return id, nil
	}
	p, err := d.owner(r, &AccessKey{Account: a.Account, Kind: User, Name: a.Resource[strings.LastIndexByte(a.Resource, '/')+1:], PrincipalID: id})
	if err != nil || p == nil {
		return id, err
	}
	return p.ARN(), nil
}
