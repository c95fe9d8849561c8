// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal colours text where the writer is a terminal and nobody asked for none
// (https://no-color.org).
type terminal struct{ colour bool }

func newTerm(w io.Writer) terminal {
	f, ok := w.(*os.File)
	return terminal{ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (t terminal) paint(code, s string) string {
	if !t.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t terminal) red(s string) string   { return t.paint("31", s) }
func (t terminal) green(s string) string { return t.paint("32", s) }
func (t terminal) bold(s string) string  { return t.paint("1", s) }
func (t terminal) dim(s string) string   { return t.paint("2", s) }
