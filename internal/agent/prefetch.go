// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/reference"
)

// maxPrefetch bounds what COFFER_PREFETCH names, and prefetchers how many of it are asked
// for at once; the source's connections bound that again.
const (
	maxPrefetch = 100
	prefetchers = 16
)

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
