// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// build makes the gate's view of a key, with its policies compiled.
func (d *Directory) build(r kv.Reader, key *AccessKey, p *Principal) (*gate.Credential, error) {
	set, err := d.PolicySet(r, p)
	if err != nil {
		return nil, err
	}
	if key.Terms != nil {
		if key.Terms.Federated != "" && p.Kind == Root { // who has no policies to be limited
			all, err := d.managed(r, "arn:aws:iam::aws:policy/AdministratorAccess")
			if err != nil {
				return nil, err
			}
			set.Identity = []policy.Attached{all}
		}
		if err := d.limit(r, set, key); err != nil {
			return nil, err
		}
	}
	c := &gate.Credential{
		AccessKeyID: key.ID,
		Secret:      secret.New(key.Secret),
		Expires:     key.Expires,
		Inactive:    key.Inactive,
		Principal:   key.caller(p),
	}
	c.Principal.Policies = set
	if key.SessionToken != nil {
		c.SessionToken = secret.New(key.SessionToken)
	} else {
		c.Used = d.used(key.ID)
	}
	return c, nil
}

// PolicySet returns all policies that bear on what a principal does with long-lived
// credentials, compiled. A managed policy that is not there denies everything.
func (d *Directory) PolicySet(r kv.Reader, p *Principal) (*policy.Set, error) {
	set := &policy.Set{ServiceControl: d.serviceControl(p.Account)}
	if err := d.collect(r, &set.Identity, p.ARN(), p.Policies, p.Attached); err != nil {
		return nil, err
	}
	groups, err := d.GroupsOf(r, p)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := d.collect(r, &set.Identity, g.ARN(), g.Policies, g.Attached); err != nil {
			return nil, err
		}
	}
	if p.Boundary != "" {
		bound, err := d.managed(r, p.Boundary)
		if err != nil {
			return nil, err
		}
		bound.Holder = p.ARN()
		set.Boundary = &bound
	}
	return set, nil
}

// As returns a principal as it calls with long-lived credentials or, if it is a role, in
// a session of that name of which nothing else is known.
func (d *Directory) As(r kv.Reader, p *Principal, session string) (*gate.Principal, error) {
	set, err := d.PolicySet(r, p)
	if err != nil {
		return nil, err
	}
	out := (&AccessKey{Account: p.Account, Kind: p.Kind, Name: p.Name, Session: session}).caller(p)
	out.Policies = set
	return out, nil
}

// GroupPolicySet returns the policies that a group gives its members, under the service
// control policies of its account.
func (d *Directory) GroupPolicySet(r kv.Reader, g *Group) (*policy.Set, error) {
	set := &policy.Set{ServiceControl: d.serviceControl(g.Account)}
	return set, d.collect(r, &set.Identity, g.ARN(), g.Policies, g.Attached)
}

// collect adds the inline and the managed policies of a principal or group.
func (d *Directory) collect(r kv.Reader, to *[]policy.Attached, owner string, inline map[string]string, attached []string) error {
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		compiled, err := policy.Parse([]byte(inline[name]), policy.KindIdentity)
		if err != nil {
			return fmt.Errorf("policy %q of %s: %w", name, owner, err)
		}
		*to = append(*to, policy.Attached{Name: name, Holder: owner, Policy: compiled})
	}
	for _, name := range attached {
		a, err := d.managed(r, name)
		if err != nil {
			return err
		}
		a.Holder = owner
		*to = append(*to, a)
	}
	return nil
}

// limit applies the session policies of a key.
func (d *Directory) limit(r kv.Reader, set *policy.Set, key *AccessKey) error {
	for i, document := range key.Terms.Policies {
		compiled, err := policy.Parse([]byte(document), policy.KindSession)
		if err != nil {
			return fmt.Errorf("session policy %d of %s: %w", i+1, key.ID, err)
		}
		set.Session = append(set.Session, policy.Attached{Name: "session policy", Policy: compiled})
	}
	for _, name := range key.Terms.PolicyARNs {
		a, err := d.managed(r, name)
		if err != nil {
			return err
		}
		set.Session = append(set.Session, a)
	}
	return nil
}

// AWSManaged returns the policies that AWS manages, as far as they are here. They are
// shared, and not to be changed.
func (d *Directory) AWSManaged() []*ManagedPolicy { return d.aws }

// Policy returns the managed policy that an ARN names, one of an account's or of AWS's,
// or nil when there is none.
func (d *Directory) Policy(r kv.Reader, name string) (*ManagedPolicy, error) {
	a, err := arn.Parse(name)
	kind, rest, _ := strings.Cut(a.Resource, "/")
	if err != nil || a.Service != "iam" || kind != "policy" {
		return nil, nil
	}
	if a.Account == AWSAccount {
		for _, p := range d.aws {
			if p.ARN() == name {
				return p, nil
			}
		}
		return nil, nil
	}
	p, err := d.Policies.Get(r, a.Account, rest[strings.LastIndexByte(rest, '/')+1:])
	if err != nil || p == nil || p.ARN() != name {
		return nil, err
	}
	return p, nil
}

// Managed returns the text of the managed policy that an ARN names, as it holds now,
// and whether there is such a policy.
func (d *Directory) Managed(r kv.Reader, name string) (document string, found bool, err error) {
	p, err := d.Policy(r, name)
	if err != nil || p == nil {
		return "", false, err
	}
	return p.Version(p.Default).Document, true, nil
}

// managed compiles a managed policy. One that is not there is there as nil.
func (d *Directory) managed(r kv.Reader, name string) (policy.Attached, error) {
	document, found, err := d.Managed(r, name)
	if err != nil || !found {
		return policy.Attached{Name: name}, err
	}
	compiled, err := policy.Parse([]byte(document), policy.KindIdentity)
	if err != nil {
		return policy.Attached{}, fmt.Errorf("managed policy %s: %w", name, err)
	}
	return policy.Attached{Name: name, Policy: compiled}, nil
}

// caller is the principal that a key stands for.
func (k *AccessKey) caller(p *Principal) *gate.Principal {
	terms := cmp.Or(k.Terms, &Terms{})
	out := &gate.Principal{Principal: policy.Principal{ARN: p.ARN(), Account: p.Account, UserID: p.ID, Tags: p.Tags}}
	if len(terms.Tags) > 0 {
		out.Tags = overlaid(p.Tags, terms.Tags)
	}
	switch p.Kind {
	case Root:
		out.Type = policy.Root
	case User:
		out.Type, out.UserName = policy.User, p.Name
	case Role:
		out.Type, out.Issuer = policy.AssumedRole, p.ARN()
		out.ARN, out.UserID = k.inSTS("assumed-role/"+p.Name+"/"+k.Session), p.ID+":"+k.Session
	}
	if terms.Federated != "" {
		out.Type, out.Issuer, out.UserName = policy.FederatedUser, p.ARN(), ""
		out.ARN, out.UserID = k.inSTS("federated-user/"+terms.Federated), p.Account+":"+terms.Federated
	}
	if k.SessionToken != nil {
		out.Session = &gate.Session{
			Issuer:  gate.Issuer{Type: issuerTypes[p.Kind], ARN: p.ARN(), ID: p.ID},
			Created: k.Created, SourceIdentity: terms.SourceIdentity, Provider: terms.Provider, Transitive: terms.Transitive,
		}
		if p.Kind != Root { // which has no name
			out.Session.Issuer.Name = p.Name
		}
	}
	return out
}

// issuerTypes are the kinds of principals as CloudTrail names issuers of sessions.
var issuerTypes = map[Kind]string{Root: "Root", User: "IAMUser", Role: "Role"}

func (k *AccessKey) inSTS(resource string) string {
	return arn.ARN{Partition: "aws", Service: "sts", Account: k.Account, Resource: resource}.String()
}

// overlaid returns the tags of a session over those of its role or user. Keys that
// differ in case alone are one.
func overlaid(under, over map[string]string) map[string]string {
	out := maps.Clone(over)
	for key, value := range under {
		if _, taken := policy.Tag(over, key); !taken {
			out[key] = value
		}
	}
	return out
}
