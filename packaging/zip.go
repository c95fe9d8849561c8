// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"os"
)

// entry is an executable file in an archive.
type entry struct {
	name string
	data []byte
}

// writeZip writes an archive whose bytes depend on the entries alone.
func writeZip(path string, entries []entry) error {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(e.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, archive.Bytes(), 0o644)
}
