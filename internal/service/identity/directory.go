// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"sync"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/record"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// maxRemembered is how many keys and principals are kept decoded and compiled.
const maxRemembered = 8192

// Directory is the principals and access keys of a store. It is for concurrent use.
type Directory struct {
	keys       *record.Table[AccessKey]
	principals *record.Table[Principal]

	mu    sync.RWMutex
	built map[string]*built // by access key
}

var _ gate.Directory = (*Directory)(nil)

// built is a credential with the records that it was made of: it holds as long as
// the tables return these.
type built struct {
	key        *AccessKey
	principal  *Principal
	credential *gate.Credential
}

// NewDirectory returns a directory that has nothing remembered.
func NewDirectory() *Directory {
	return &Directory{
		keys:       record.Memoised[AccessKey]("iam/key", maxRemembered),
		principals: record.Memoised[Principal]("iam/principal", maxRemembered),
		built:      map[string]*built{},
	}
}

// Credential implements gate.Directory. A key whose principal is gone is no key.
func (d *Directory) Credential(r kv.Reader, accessKeyID string) (*gate.Credential, error) {
	key, err := d.keys.Get(r, accessKeyID)
	if err != nil || key == nil {
		return nil, err
	}
	principal, err := d.principals.Get(r, key.Account, string(key.Kind), key.Name)
	if err != nil || principal == nil {
		return nil, err
	}
	d.mu.RLock()
	b := d.built[accessKeyID]
	d.mu.RUnlock()
	if b != nil && b.key == key && b.principal == principal {
		return b.credential, nil
	}
	credential, err := build(key, principal)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.built) >= maxRemembered {
		clear(d.built)
	}
	d.built[accessKeyID] = &built{key, principal, credential}
	return credential, nil
}

// build makes the gate's view of a key, with its policies compiled.
func build(key *AccessKey, p *Principal) (*gate.Credential, error) {
	set := &policy.Set{}
	for name, document := range p.Policies {
		compiled, err := policy.Parse([]byte(document), policy.KindIdentity)
		if err != nil {
			return nil, fmt.Errorf("policy %q of %s: %w", name, p.ARN(), err)
		}
		set.Identity = append(set.Identity, policy.Attached{Name: name, Policy: compiled})
	}
	c := &gate.Credential{
		AccessKeyID: key.ID,
		Secret:      secret.New(key.Secret),
		Expires:     key.Expires,
		Inactive:    key.Inactive,
		Principal:   principal(key, p),
	}
	c.Principal.Policies = set
	if key.SessionToken != nil {
		c.SessionToken = secret.New(key.SessionToken)
	}
	return c, nil
}

func principal(key *AccessKey, p *Principal) *gate.Principal {
	out := &gate.Principal{Principal: policy.Principal{ARN: p.ARN(), Account: p.Account, UserID: p.ID}}
	switch p.Kind {
	case Root:
		out.Type = policy.Root
	case User:
		out.Type, out.UserName = policy.User, p.Name
	case Role:
		out.Type, out.Issuer = policy.AssumedRole, p.ARN()
		out.ARN = arn.ARN{
			Partition: "aws", Service: "sts", Account: p.Account,
			Resource: "assumed-role/" + p.Name + "/" + key.Session,
		}.String()
		out.UserID = p.ID + ":" + key.Session
		out.Session = &gate.Session{RoleARN: p.ARN(), RoleID: p.ID, RoleName: p.Name, Created: key.Created}
	}
	return out
}
