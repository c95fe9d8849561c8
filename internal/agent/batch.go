// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"net/http"
	"sync"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
)

const (
	// maxBatch bounds the values that are asked for at once.
	maxBatch = 100
	// fetchers is how many of them are waited for at once; the source's connections bound
	// that again.
	fetchers = 16
)

var errNoItems = errors.New("missing parameter secretId or name")

// parseItems reads secretId and name, each as often as there are values to ask for, in
// their order. What else there is is given to other.
func parseItems(query string, other func(key, value string) error) ([]request, error) {
	var items []request
	err := each(query, maxBatch+maxParameters, func(key, value string) error {
		switch key {
		case "secretId", "name":
			ref := cache.Ref{Kind: cache.Secret, ID: value}
			if key == "name" {
				ref.Kind = cache.Parameter
			}
			if value == "" {
				return errNoItems
			}
			if items = append(items, request{ref: ref}); len(items) > maxBatch {
				return errTooMany
			}
			return nil
		}
		return other(key, value)
	})
	return items, err
}

// parseBatch reads what parseItems does, and what holds for all: withDecryption,
// refreshNow.
func parseBatch(query string) ([]request, error) {
	var decrypt, refresh bool
	items, err := parseItems(query, func(key, value string) (err error) {
		switch key {
		case "withDecryption":
			ok := false
			if decrypt, ok = boolean(value, "true", "false"); !ok {
				return errDecryption
			}
		case "refreshNow":
			refresh, err = refreshNow(value)
		}
		return err
	})
	if err == nil && len(items) == 0 {
		err = errNoItems
	}
	for i := range items {
		items[i].refresh = refresh
		items[i].ref.Decrypt = decrypt && items[i].ref.Kind == cache.Parameter
	}
	return items, err
}

// result is what came of one of several requests.
type result struct {
	id     string
	answer cache.Answer
	err    error
}

// gather asks for all items and returns when there is a result for each, in their order.
func gather(items []request, ask func(request) (cache.Answer, error)) []result {
	results := make([]result, len(items))
	places := make(chan struct{}, fetchers)
	var wg sync.WaitGroup
	for i, item := range items {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			answer, err := ask(item)
			results[i] = result{item.ref.ID, answer, err}
		})
	}
	wg.Wait()
	return results
}

// batch answers many requests at once: the values and the errors, each in the order in
// which they were asked for.
func (a *Agent) batch(c call) int {
	items, err := parseBatch(c.r.URL.RawQuery)
	if err != nil {
		return c.invalid(err)
	}
	results := gather(items, func(item request) (cache.Answer, error) {
		return a.ask(c.r.Context(), c.who, item)
	})
	c.w.Header()["Content-Type"] = []string{jsonText}
	_, _ = c.w.Write([]byte(`{"values":[`))
	n := 0
	for i := range results {
		if results[i].err == nil {
			writeItem(c.w, &results[i], n == 0)
			n++
		}
	}
	b := []byte(`],"errors":[`)
	n = 0
	for _, r := range results {
		if r.err == nil {
			continue
		}
		f := failureOf(r.err)
		a.tell(r.id, f, r.err)
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = api.AppendString(append(b, `{"id":`...), r.id)
		b = api.AppendString(append(b, `,"code":`...), f.code)
		b = api.AppendString(append(b, `,"message":`...), f.message)
		b = append(b, '}')
	}
	_, _ = c.w.Write(append(b, `]}`...))
	return http.StatusOK
}

// writeItem writes a value as it is answered alone, with the id that it was asked for by,
// and overwrites it.
func writeItem(w http.ResponseWriter, r *result, first bool) {
	defer r.answer.Wipe()
	withBuffer(room(&r.answer.Value)+6*len(r.id), func(b []byte) []byte {
		if !first {
			b = append(b, ',')
		}
		b = api.AppendString(append(b, `{"id":`...), r.id)
		at := len(b)
		b = appendBody(b, &r.answer.Value)
		b[at] = ',' // for the brace
		_, _ = w.Write(b)
		return b
	})
}
