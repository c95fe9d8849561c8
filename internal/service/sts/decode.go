// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"context"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

func (s *Service) bindDecode(g *gate.Gate) {
	gate.Read(g, sts.DecodeAuthorizationMessage, gate.Row[sts.DecodeAuthorizationMessageInput]{
		Access: gate.AccessWrite, Targets: gate.Everything[sts.DecodeAuthorizationMessageInput],
	}, decodeAuthorizationMessage)
}

// decodeAuthorizationMessage opens what denials of the caller's account carry in
// gate.MessageHeader.
func decodeAuthorizationMessage(_ context.Context, _ kv.Reader, call *gate.Call, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	decoded, ok := call.AuthorizationMessage(*in.EncodedMessage)
	if !ok {
		return nil, sts.InvalidAuthorizationMessageException.New("Message is not valid")
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: &decoded}, nil
}
