// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/gate"
)

// pageSize is how many entries a page has by default, and at most. The API Reference
// gives both for each list.
type pageSize struct{ normal, most int }

var (
	keysPage    = pageSize{normal: 100, most: 1000}
	aliasesPage = pageSize{normal: 50, most: 100}
	grantsPage  = pageSize{normal: 50, most: 100}
)

var errMarker = kms.InvalidMarkerException.New("The marker is not valid.")

// page is what a request for a page means: up to limit entries behind after.
type page struct {
	limit int
	after string
}

// openPage reads a list's Limit and Marker. A Limit over the most is no error: a page
// may always have fewer entries than were asked for.
func openPage(call *gate.Call, limit *int32, marker *string, size pageSize, scope ...string) (page, error) {
	p := page{limit: size.normal}
	if limit != nil {
		p.limit = min(int(*limit), size.most)
	}
	if marker != nil {
		var ok bool
		if p.after, ok = call.Cursor(*marker, scope...); !ok {
			return page{}, errMarker
		}
	}
	return p, nil
}
