// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"strings"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/reference"
)

// maxPrefetch bounds what COFFER_PREFETCH names.
const maxPrefetch = 100

// parsePrefetch reads a list of references with commas between, as reference.ParseItem has
// them, and returns what is wrong with it. Of a reference to a member, the whole is fetched.
func parsePrefetch(list string) (refs []cache.Ref, wrong []error) {
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		r, err := reference.ParseItem(item)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case len(refs) < maxPrefetch:
			refs = append(refs, r.Ref)
		}
	}
	return refs, wrong
}

// Filler fetches many things at once. *cache.Cache is one.
type Filler interface {
	Fill(ctx context.Context, refs []cache.Ref, told func(ref cache.Ref, err error))
}

// Prefetch has all refs fetched and returns when they are. What fails is logged, and left
// to be asked for again.
func Prefetch(ctx context.Context, store Filler, refs []cache.Ref, log *slog.Logger) {
	store.Fill(ctx, refs, func(ref cache.Ref, err error) {
		if err != nil {
			log.Warn("prefetching failed", "id", ref.ID, "code", codeOf(err), "error", err.Error())
			return
		}
		log.Debug("prefetched", "id", ref.ID)
	})
}
