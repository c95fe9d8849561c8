// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// MaxKeys is how many long-lived access keys a user or root may have (IAM User
// Guide, "IAM and AWS STS quotas").
const MaxKeys = 2

// Errors of administration, to be tested with errors.Is.
var (
	ErrNoPrincipal = errors.New("no such principal")
	ErrNameTaken   = errors.New("the name is taken, if in another case")
	ErrNoKey       = errors.New("no such access key")
	ErrKeyTaken    = errors.New("the access key is another principal's")
	ErrTooManyKeys = fmt.Errorf("a principal has %d access keys at most: delete one first", MaxKeys)
)

// Names are AWS's (IAM API Reference, CreateUser; STS API Reference, AssumeRole).
var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	namePattern    = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	sessionPattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	keyIDPattern   = regexp.MustCompile(`^\w{16,128}$`)
)

// PutPrincipal creates a principal, or gives one that exists other inline policies: its
// id, its keys, and whatever else it has stay. Each policy is checked.
func (d *Directory) PutPrincipal(tx kv.Tx, p Principal, now time.Time) (*Principal, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	old, err := d.Principals.Get(tx, p.Account, string(p.Kind), p.Name)
	if err == nil && old == nil {
		err = d.checkName(tx, &p)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case old != nil:
		changed := *old
		changed.Policies, changed.From = p.Policies, p.From
		p = changed
	case p.Kind == Root:
		p.ID, p.Created = p.Account, now.UTC()
	case p.Kind == User:
		p.ID, p.Created = NewID(PrefixUser), now.UTC()
	case p.Kind == Role:
		p.ID, p.Created = NewID(PrefixRole), now.UTC()
	}
	return &p, d.Principals.Put(tx, &p, p.Account, string(p.Kind), p.Name)
}

// checkName refuses a new principal whose name differs from another's in case alone.
func (d *Directory) checkName(r kv.Reader, p *Principal) error {
	for item, err := range d.Principals.All(r, "", p.Account, string(p.Kind)) {
		if err != nil {
			return err
		}
		if strings.EqualFold(item.Value.Name, p.Name) {
			return fmt.Errorf("%s %s: %w: %s", p.Kind, p.Name, ErrNameTaken, item.Value.Name)
		}
	}
	return nil
}

// EnsurePrincipal makes a principal that is not there, or, if replace says so, gives
// one that is there its policies. It refuses to change what the configuration file
// owns.
func (d *Directory) EnsurePrincipal(tx kv.Tx, p Principal, replace bool, now time.Time) error {
	old, err := d.Principals.Get(tx, p.Account, string(p.Kind), p.Name)
	if err != nil {
		return err
	}
	if old != nil && !replace {
		return nil
	}
	if old != nil && old.From != "" {
		return fmt.Errorf("%s %s belongs to the %s: change it there", p.Kind, p.Name, old.From)
	}
	_, err = d.PutPrincipal(tx, p, now)
	return err
}

func (p *Principal) check() error {
	if !accountPattern.MatchString(p.Account) {
		return fmt.Errorf("account %q: an account id is 12 digits", p.Account)
	}
	switch p.Kind {
	case Root:
		if len(p.Policies) > 0 {
			return errors.New("the root of an account has no policies: it may do everything")
		}
		p.Name = string(Root)
	case User, Role:
		if !namePattern.MatchString(p.Name) {
			return fmt.Errorf("name %q: 1 to 64 letters, digits and _+=,.@-", p.Name)
		}
	default:
		return fmt.Errorf("principal kind %q: root, user or role", p.Kind)
	}
	for name, document := range p.Policies {
		if _, err := policy.Parse([]byte(document), policy.KindIdentity); err != nil {
			return fmt.Errorf("policy %q of %s %s: %w", name, p.Kind, p.Name, err)
		}
	}
	return nil
}

// DeletePrincipal removes a principal and its access keys. Its sessions end.
func (d *Directory) DeletePrincipal(tx kv.Tx, account string, kind Kind, name string) error {
	p, err := d.Principals.Get(tx, account, string(kind), name)
	if err != nil || p == nil {
		return err
	}
	keys, err := d.Keys(tx, account, kind, name)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := d.drop(tx, k.ID); err != nil {
			return err
		}
	}
	if err := d.renamed.Delete(tx, account, p.ID); err != nil {
		return err
	}
	return d.Principals.Delete(tx, account, string(kind), name)
}

// HasPrincipal reports whether there is such a principal.
func (d *Directory) HasPrincipal(r kv.Reader, account string, kind Kind, name string) (bool, error) {
	p, err := d.Principals.Get(r, account, string(kind), name)
	return p != nil, err
}

// AllPrincipals returns all principals, or those of one account.
func (d *Directory) AllPrincipals(r kv.Reader, account string) ([]*Principal, error) {
	var segments []string
	if account != "" {
		segments = []string{account}
	}
	var all []*Principal
	for item, err := range d.Principals.All(r, "", segments...) {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Value)
	}
	return all, nil
}

// NewKey asks for an access key.
type NewKey struct {
	Account string
	Kind    Kind
	Name    string
	// ID and Secret fix the key, for tests and for moving keys from elsewhere.
	// Empty means random ones.
	ID     string
	Secret secret.Value
	// Session and Duration are for a role, whose keys are temporary: the session's
	// name, and how long it lasts.
	Session  string
	Duration time.Duration
}

// MaxSession is how long a role's session may last (STS API Reference, AssumeRole).
const MaxSession = 12 * time.Hour

// DefaultMaxSession is how long a role's session may last unless the role says otherwise
// (IAM API Reference, CreateRole).
const DefaultMaxSession = time.Hour

// SessionLimit is how long a session of the role may last.
func (p *Principal) SessionLimit() time.Duration {
	return cmp.Or(time.Duration(p.MaxSessionSeconds)*time.Second, DefaultMaxSession)
}

// CreateKey makes an access key for a principal that exists. A role's key comes
// with a session token. A fixed key that the principal has already is replaced.
func (d *Directory) CreateKey(tx kv.Tx, n NewKey, now time.Time) (*GrantedKey, error) {
	p, err := d.Principals.Get(tx, n.Account, string(n.Kind), n.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fmt.Errorf("%s %s in account %s: %w", n.Kind, n.Name, n.Account, ErrNoPrincipal)
	}
	key := &AccessKey{
		ID: n.ID, Secret: n.Secret.Reveal(), Created: now.UTC(),
		Account: p.Account, Kind: p.Kind, Name: p.Name, Session: n.Session, Fixed: n.ID != "",
	}
	if err := d.complete(tx, key, n, now); err != nil {
		return nil, err
	}
	if err := d.AccessKeys.Put(tx, key, key.ID); err != nil {
		return nil, err
	}
	granted := &GrantedKey{ID: key.ID, Secret: secret.New(key.Secret), Expires: key.Expires}
	if key.SessionToken != nil {
		granted.SessionToken = secret.New(key.SessionToken)
	}
	return granted, nil
}

// complete fills in what was not asked for, and checks what was.
func (d *Directory) complete(r kv.Reader, key *AccessKey, n NewKey, now time.Time) error {
	prefix := prefixLongLived
	if key.Kind == Role {
		if !sessionPattern.MatchString(n.Session) {
			return fmt.Errorf("session name %q: 2 to 64 letters, digits and _+=,.@-", n.Session)
		}
		if n.Duration <= 0 || n.Duration > MaxSession {
			return fmt.Errorf("a role's session lasts up to %s", MaxSession)
		}
		prefix, key.Expires = prefixTemporary, now.UTC().Add(n.Duration)
		key.SessionToken = []byte(rand.Text() + rand.Text() + rand.Text() + rand.Text())
	} else if err := d.checkCount(r, n); err != nil {
		return err
	}
	if err := d.checkOwner(r, key); err != nil {
		return err
	}
	if key.ID == "" {
		key.ID = uniqueID(prefix, accessKeyLen)
	}
	if key.Secret == nil {
		key.Secret = newSecret()
	}
	if !keyIDPattern.MatchString(key.ID) {
		return fmt.Errorf("access key id %q: 16 to 128 letters, digits and _", key.ID)
	}
	if len(key.Secret) < 16 || len(key.Secret) > 256 {
		return errors.New("a secret access key has 16 to 256 characters")
	}
	return nil
}

// checkOwner keeps a fixed key from being taken away from another principal.
func (d *Directory) checkOwner(r kv.Reader, key *AccessKey) error {
	if key.ID == "" {
		return nil
	}
	old, err := d.AccessKeys.Get(r, key.ID)
	if err == nil && old != nil && (old.Account != key.Account || old.Kind != key.Kind || old.Name != key.Name) {
		err = fmt.Errorf("%s: %w: %s %s in account %s", key.ID, ErrKeyTaken, old.Kind, old.Name, old.Account)
	}
	return err
}

func (d *Directory) checkCount(r kv.Reader, n NewKey) error {
	keys, err := d.Keys(r, n.Account, n.Kind, n.Name)
	if err != nil {
		return err
	}
	count := 0
	for _, k := range keys {
		if k.ID != n.ID {
			count++
		}
	}
	if count >= MaxKeys {
		return ErrTooManyKeys
	}
	return nil
}
