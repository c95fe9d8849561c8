// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/cipher"
	"crypto/rand"
	"sync"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/record"
)

// maxRemembered is how many keys and principals are kept decoded and compiled.
const maxRemembered = 8192

// Options are what a directory is made with.
type Options struct {
	// SessionKey seals the tokens of sessions. Servers that share a store share it. The
	// zero key is one that nobody else has: sessions then end with the directory.
	SessionKey [32]byte
	// ServiceControl has the service control policies of an account, as a policy.Set has
	// them. Nil is none.
	ServiceControl func(account string) [][]policy.Attached
}

// Directory is the principals and access keys of a store. It is for concurrent use.
//
// Its tables are for the services on it, which keep what IAM promises of them. Who
// changes Groups, Policies or Accounts calls Touch in the same transaction.
type Directory struct {
	AccessKeys *record.Table[AccessKey]     // by id
	Principals *record.Table[Principal]     // by account, kind and name
	Groups     *record.Table[Group]         // by account and name
	Policies   *record.Table[ManagedPolicy] // by account and name
	Providers  *record.Table[Provider]      // by account and URL without scheme
	Accounts   *record.Table[Account]       // by account
	// renamed has the name that a user got after its first one, by account and unique id,
	// for the sessions that know an earlier one. See Rename.
	renamed *record.Table[string]
	// uses are the last uses of access keys, by the key's id. They are no part of the
	// key's record, so that a use does not make the credential anew.
	uses *record.Table[Use]

	serviceControl func(account string) [][]policy.Attached
	tokens         cipher.AEAD
	aws            []*ManagedPolicy

	mu    sync.RWMutex
	built map[string]*built // by access key
}

var _ gate.Directory = (*Directory)(nil)

// built is a credential with the records that it was made of: it holds as long as
// the tables return these.
type built struct {
	key        *AccessKey
	principal  *Principal
	account    *Account
	credential *gate.Credential
}

// NewDirectory returns a directory that has nothing remembered.
func NewDirectory(o Options) *Directory {
	if o.SessionKey == [32]byte{} {
		_, _ = rand.Read(o.SessionKey[:]) // never fails
	}
	if o.ServiceControl == nil {
		o.ServiceControl = func(string) [][]policy.Attached { return nil }
	}
	aws, err := awsManaged()
	if err != nil {
		panic(err) // they are part of the program
	}
	return &Directory{
		AccessKeys:     record.Memoised[AccessKey]("iam/key", maxRemembered),
		Principals:     record.Memoised[Principal]("iam/principal", maxRemembered),
		Groups:         record.Memoised[Group]("iam/group", maxRemembered),
		Policies:       record.Memoised[ManagedPolicy]("iam/policy", maxRemembered),
		Providers:      record.Memoised[Provider]("iam/oidc", maxRemembered),
		Accounts:       record.Memoised[Account]("iam/account", maxRemembered),
		renamed:        record.Memoised[string]("iam/renamed", maxRemembered),
		uses:           record.New[Use]("iam/use"),
		serviceControl: o.ServiceControl,
		tokens:         newTokens(o.SessionKey),
		aws:            aws,
		built:          map[string]*built{},
	}
}

// Touch notes that a group or a managed policy of the account changed, so that what was
// made of them is made anew.
func (d *Directory) Touch(tx kv.Tx, account string) error {
	a, err := d.Accounts.Get(tx, account)
	if err != nil {
		return err
	}
	changed := Account{}
	if a != nil {
		changed = *a
	}
	changed.Revision = rand.Text()
	return d.Accounts.Put(tx, &changed, account)
}

// Credential implements gate.Directory. A key whose principal is gone is no key.
func (d *Directory) Credential(r kv.Reader, accessKeyID, sessionToken string) (*gate.Credential, error) {
	known := d.remembered(accessKeyID)
	key, err := d.AccessKeys.Get(r, accessKeyID)
	if err != nil {
		return nil, err
	}
	if key == nil {
		key = d.carried(known, accessKeyID, sessionToken)
	}
	if key == nil {
		return nil, nil
	}
	principal, err := d.owner(r, key)
	if err != nil || principal == nil {
		return nil, err
	}
	account, err := d.Accounts.Get(r, key.Account)
	if err != nil {
		return nil, err
	}
	if known != nil && known.key == key && known.principal == principal && known.account == account {
		return known.credential, nil
	}
	credential, err := d.build(r, key, principal)
	if err != nil {
		return nil, err
	}
	d.remember(accessKeyID, &built{key, principal, account, credential})
	return credential, nil
}

// owner returns the principal that a key stands for, or nil when it is gone.
func (d *Directory) owner(r kv.Reader, key *AccessKey) (*Principal, error) {
	p, err := d.Principals.Get(r, key.Account, string(key.Kind), key.Name)
	if err != nil || key.PrincipalID == "" || p != nil && p.ID == key.PrincipalID {
		return p, err
	}
	name, err := d.renamed.Get(r, key.Account, key.PrincipalID)
	if err != nil || name == nil {
		return nil, err
	}
	return d.Principals.Get(r, key.Account, string(key.Kind), *name)
}

func (d *Directory) remembered(accessKeyID string) *built {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.built[accessKeyID]
}

func (d *Directory) remember(accessKeyID string, b *built) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.built) >= maxRemembered {
		clear(d.built)
	}
	d.built[accessKeyID] = b
}
