// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// page is a document, as its lines, and the blocks of it that mean something to the test.
type page struct {
	path   string
	lines  []string
	blocks []block
}

// block is one of:
//
//   - a console session: commands with what they print;
//   - a file: a block of any other language with a name after it, as in "yaml coffer.yaml".
type block struct {
	line     int // of the fence, counted from 1
	commands []command
	name     string
	content  string
}

// command is a command of a session, with its place in the page.
type command struct {
	line       int // of the "$ ", counted from 1
	text       string
	background bool
	from, to   int // the indexes of the lines that show what it prints
}

// shown is what the page says that a command prints.
func (p *page) shown(c command) []string { return p.lines[c.from:c.to] }

// readPage reads and parses a page.
func readPage(tb testing.TB, path string) *page {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := parsePage(path, text)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func parsePage(path string, text []byte) (*page, error) {
	p := &page{path: path, lines: strings.Split(string(text), "\n")}
	for i := 0; i < len(p.lines); i++ {
		info, ok := strings.CutPrefix(p.lines[i], "```")
		if !ok {
			continue
		}
		end := slices.Index(p.lines[i+1:], "```")
		if end < 0 {
			return nil, fmt.Errorf("%s:%d: a block without an end", path, i+1)
		}
		end += i + 1
		language, name, _ := strings.Cut(info, " ")
		switch {
		case language == "console":
			commands, err := p.session(i+1, end)
			if err != nil {
				return nil, err
			}
			p.blocks = append(p.blocks, block{line: i + 1, commands: commands})
		case name != "":
			content := strings.Join(p.lines[i+1:end], "\n") + "\n"
			p.blocks = append(p.blocks, block{line: i + 1, name: name, content: content})
		}
		i = end
	}
	return p, nil
}

// session parses the lines from index from to index to: commands begin with "$ ", and go
// on in lines that begin with "> ".
func (p *page) session(from, to int) ([]command, error) {
	var commands []command
	for i := from; i < to; {
		text, ok := strings.CutPrefix(p.lines[i], "$ ")
		if !ok {
			return nil, fmt.Errorf("%s:%d: a console block begins with a command", p.path, i+1)
		}
		c := command{line: i + 1, text: text}
		for i++; i < to && strings.HasPrefix(p.lines[i], "> "); i++ {
			c.text += "\n" + p.lines[i][2:]
		}
		c.text, c.background = strings.CutSuffix(c.text, " &")
		c.from = i
		for i < to && !strings.HasPrefix(p.lines[i], "$ ") {
			i++
		}
		c.to = i
		commands = append(commands, c)
	}
	return commands, nil
}

// correction is what a command really prints.
type correction struct {
	command command
	printed []string
}

// correct writes the page with the outputs of the corrections, which are in its order.
func (p *page) correct(corrections []correction) error {
	var b bytes.Buffer
	at := 0
	emit := func(lines []string) {
		for _, l := range lines {
			b.WriteString(l)
			b.WriteByte('\n')
		}
	}
	for _, c := range corrections {
		emit(p.lines[at:c.command.from])
		emit(c.printed)
		at = c.command.to
	}
	emit(p.lines[at:])
	return os.WriteFile(p.path, bytes.TrimSuffix(b.Bytes(), []byte("\n")), 0o644)
}
