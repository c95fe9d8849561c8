// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

func (s *Service) bindAccessKeyInfo(g *gate.Gate) {
	gate.Read(g, sts.GetAccessKeyInfo, gate.Row[sts.GetAccessKeyInfoInput]{
		Access: gate.AccessRead, Targets: gate.Everything[sts.GetAccessKeyInfoInput],
	}, s.getAccessKeyInfo)
}

// getAccessKeyInfo tells the account of anybody's access key, as AWS does. A session's is
// told whether it has ended or not.
func (s *Service) getAccessKeyInfo(_ context.Context, r kv.Reader, _ *gate.Call, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	account, err := s.directory.AccountOfKey(r, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if account == "" {
		return nil, api.ValidationError.Newf("The Access Key with id %s cannot be found.", *in.AccessKeyId)
	}
	return &sts.GetAccessKeyInfoOutput{Account: &account}, nil
}
