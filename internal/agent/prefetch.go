// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// maxPrefetch bounds what COFFER_PREFETCH names, and prefetchers how many of it are asked
// for at once; the source's connections bound that again.
const (
	maxPrefetch = 100
	prefetchers = 16
)

// parsePrefetch reads a list of things with commas between. A parameter begins with a
// slash, with "ssm:", or is an ARN of Parameter Store; all else is a secret, and what
// begins with "secretsmanager:" in any case. Parameters are fetched decrypted.
func parsePrefetch(list string) []cache.Ref {
	var refs []cache.Ref
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		ref := cache.Ref{Kind: cache.Secret, ID: item}
		if id, ok := strings.CutPrefix(item, "secretsmanager:"); ok {
			ref.ID = id
		} else if id, ok := parameterID(item); ok {
			ref = cache.Ref{Kind: cache.Parameter, ID: id, Decrypt: true}
		}
		if ref.ID != "" && len(refs) < maxPrefetch {
			refs = append(refs, ref)
		}
	}
	return refs
}

func parameterID(item string) (string, bool) {
	if id, ok := strings.CutPrefix(item, "ssm:"); ok {
		return id, true
	}
	parts := strings.SplitN(item, ":", 4)
	isARN := len(parts) == 4 && parts[0] == "arn" && parts[2] == "ssm"
	return item, isARN || strings.HasPrefix(item, "/")
}

// Prefetch asks the store for all refs and returns when it has answered for each. What
// fails is logged, and left to be asked for again.
func Prefetch(ctx context.Context, store Store, refs []cache.Ref, log *slog.Logger) {
	var wg sync.WaitGroup
	places := make(chan struct{}, prefetchers)
	for _, ref := range refs {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			got, err := store.Get(ctx, ref)
			if err != nil {
				log.Warn("prefetching failed", "id", ref.ID, "code", codeOf(err), "error", err.Error())
				return
			}
			got.Wipe()
			log.Debug("prefetched", "id", ref.ID)
		})
	}
	wg.Wait()
}
