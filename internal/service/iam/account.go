// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

func (s *Service) bindAccount(g *gate.Gate) {
	gate.Write(g, iam.CreateAccountAlias, gate.Row[iam.CreateAccountAliasInput]{Access: gate.AccessWrite, Targets: gate.Everything[iam.CreateAccountAliasInput]}, s.createAlias)
	gate.Write(g, iam.DeleteAccountAlias, gate.Row[iam.DeleteAccountAliasInput]{Access: gate.AccessWrite, Targets: gate.Everything[iam.DeleteAccountAliasInput]}, s.deleteAlias)
	gate.Read(g, iam.ListAccountAliases, gate.Row[iam.ListAccountAliasesInput]{Access: gate.AccessList, Targets: gate.Everything[iam.ListAccountAliasesInput]}, s.listAliases)
	gate.Read(g, iam.GetAccountSummary, gate.Row[iam.GetAccountSummaryInput]{Access: gate.AccessList, Targets: gate.Everything[iam.GetAccountSummaryInput]}, s.summarize)
}

// createAlias gives the account an alias, in the place of the one that it has. No two
// accounts have the same.
func (s *Service) createAlias(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	for item, err := range s.directory.Accounts.All(tx, "") {
		if err != nil {
			return nil, err
		}
		if item.Value.Alias == *in.AccountAlias {
			return nil, iam.EntityAlreadyExistsException.Newf("The account alias %s already exists.", *in.AccountAlias)
		}
	}
	return &iam.CreateAccountAliasOutput{}, s.setAlias(tx, call, *in.AccountAlias)
}

func (s *Service) deleteAlias(_ context.Context, tx kv.Tx, call *gate.Call, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	alias, err := s.alias(tx, call)
	if err != nil {
		return nil, err
	}
	if alias != *in.AccountAlias {
		return nil, iam.NoSuchEntityException.Newf("The account alias %s does not exist.", *in.AccountAlias)
	}
	return &iam.DeleteAccountAliasOutput{}, s.setAlias(tx, call, "")
}

func (s *Service) listAliases(_ context.Context, r kv.Reader, call *gate.Call, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	alias, err := s.alias(r, call)
	if err != nil {
		return nil, err
	}
	var all []string
	if alias != "" {
		all = append(all, alias)
	}
	p, err := paged(call, asked{marker: in.Marker, maxItems: in.MaxItems}, values(all), itself)
	return &iam.ListAccountAliasesOutput{AccountAliases: shown(p, itself), IsTruncated: p.truncated, Marker: p.marker}, err
}

// alias returns the account's alias, or nothing.
func (s *Service) alias(r kv.Reader, call *gate.Call) (string, error) {
	account, err := s.directory.Accounts.Get(r, call.Account)
	if err != nil || account == nil {
		return "", err
	}
	return account.Alias, nil
}

func (s *Service) setAlias(tx kv.Tx, call *gate.Call, alias string) error {
	account, err := s.directory.Accounts.Get(tx, call.Account)
	if err != nil {
		return err
	}
	changed := identity.Account{}
	if account != nil {
		changed = *account
	}
	changed.Alias = alias
	return s.directory.Accounts.Put(tx, &changed, call.Account)
}
