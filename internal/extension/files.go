// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"path/filepath"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/source"
	"github.com/coffer-secrets/coffer/internal/source/file"
)

// addFiles adds files, if there are directories to read them in.
func (p *process) addFiles(all *source.Mux, _ agent.Settings) error {
	roots := filepath.SplitList(p.getenv("COFFER_FILE_ROOTS"))
	if len(roots) == 0 {
		return nil
	}
	from, err := file.New(roots, p.now)
	if err != nil {
		return err
	}
	all.Named["file"] = from
	return nil
}
