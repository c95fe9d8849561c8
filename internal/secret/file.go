// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// FromFile returns what a file of 1 to limit bytes holds, without the space around it. A
// file with nothing but space is an error, too.
func FromFile(path string, limit int64) (Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return Value{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return Value{}, err
	}
	text := bytes.TrimSpace(b)
	if len(text) == 0 || int64(len(b)) > limit {
		return Value{}, errors.New("the file is empty or too long")
	}
	return New(text), nil
}
