// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/cache"
)

// maxPath bounds a path in bytes, as an agent bounds the names in its requests.
const maxPath = 2048

// The staging labels that mean something here.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// wanted is what a ref means.
type wanted struct {
	path     string // without a slash at its ends
	field    string // or empty for all
	version  uint64 // or zero for the current one
	previous bool
}

// parse reads a ref, whose id is PATH or PATH#field.
func parse(ref *cache.Ref) (wanted, error) {
	path, field, hasField := strings.Cut(ref.ID, "#")
	w := wanted{path: strings.Trim(path, "/"), field: field}
	switch {
	case ref.Kind != cache.Secret || ref.Role != "":
		return wanted{}, invalid.New("Vault has neither parameters nor IAM roles")
	case hasField && field == "":
		return wanted{}, invalid.New("the field has no name")
	case !isPath(w.path):
		return wanted{}, invalid.New("the path can't be one of Vault's")
	}
	switch ref.Stage {
	case "", current:
	case previous:
		w.previous = true
	default:
		return wanted{}, notFound.New("Vault has no such staging label")
	}
	if ref.VersionID != "" {
		n, err := strconv.ParseUint(ref.VersionID, 10, 63)
		if err != nil || n == 0 || w.previous {
			return wanted{}, invalid.New("a version is a number")
		}
		w.version = n
	}
	return w, nil
}

// isPath reports whether s can be a path: parts that are not empty and lead nowhere else,
// of printable characters.
func isPath(s string) bool {
	if s == "" || len(s) > maxPath || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
