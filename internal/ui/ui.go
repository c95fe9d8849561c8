// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package ui is how the commands speak to people: in colour on a terminal, and in
// plain text in a pipe.
package ui

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Paint colours text where a writer is a terminal and nobody asked for no colour
// (https://no-color.org). The zero Paint colours nothing.
type Paint struct{ on bool }

// Terminal reports whether a writer is a terminal.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// For returns the Paint for a writer.
func For(w io.Writer) Paint {
	return Paint{Terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (p Paint) paint(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Red paints s.
func (p Paint) Red(s string) string { return p.paint("31", s) }

// Green paints s.
func (p Paint) Green(s string) string { return p.paint("32", s) }

// Bold paints s.
func (p Paint) Bold(s string) string { return p.paint("1", s) }

// Dim paints s.
func (p Paint) Dim(s string) string { return p.paint("2", s) }
