// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package golden_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// marks of a file of cases.
const (
	markCase   = "### "
	markGiven  = "given "
	markAnswer = "HTTP/1.1 "
)

// document is a file of cases.
type document struct {
	path string
	// about is what stands before the first case.
	about string
	cases []exchange
}

// exchange is one case.
type exchange struct {
	title string
	given []string
	// request is the request as it is written.
	request string
	// answer is from its status line on.
	answer string
}

// read reads a file of cases.
func read(path string) (*document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &document{path: path}
	sections := strings.Split("\n"+string(text), "\n"+markCase)
	d.about = strings.TrimSpace(sections[0])
	for _, section := range sections[1:] {
		d.cases = append(d.cases, parse(section))
	}
	return d, nil
}

func parse(section string) exchange {
	title, rest, _ := strings.Cut(section, "\n")
	e := exchange{title: title}
	for strings.HasPrefix(rest, markGiven) {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		e.given = append(e.given, strings.TrimPrefix(line, markGiven))
	}
	request, answer, found := strings.Cut(rest, "\n"+markAnswer)
	e.request = strings.TrimSpace(request)
	if found {
		e.answer = markAnswer + strings.TrimSpace(answer)
	}
	return e
}

// format is the file's text.
func (d *document) format() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", d.about)
	for _, e := range d.cases {
		fmt.Fprintf(&b, "\n%s%s\n", markCase, e.title)
		for _, line := range e.given {
			fmt.Fprintf(&b, "%s%s\n", markGiven, line)
		}
		fmt.Fprintf(&b, "\n%s\n\n%s\n", e.request, e.answer)
	}
	return b.String()
}

// written is all that is not an answer.
func (d *document) written() string {
	var b strings.Builder
	for _, e := range d.cases {
		b.WriteString(strings.Join(e.given, "\n") + "\n" + e.request + "\n")
	}
	return b.String()
}

// code is the code of the error that is the answer, or empty.
func (e *exchange) code() string {
	_, body, _ := strings.Cut(e.answer, "\n\n")
	var fault struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal([]byte(body), &fault) // an answer may be no object
	return fault.Type
}

// target is the operation that the request is for.
func (e *exchange) target() string {
	header, _, _ := e.parts()
	return header.Get("X-Amz-Target")
}

// parts are the request's headers and its body.
func (e *exchange) parts() (header http.Header, body string, err error) {
	head, body, _ := strings.Cut(e.request, "\n\n")
	lines := bufio.NewScanner(strings.NewReader(head))
	if !lines.Scan() || lines.Text() != "POST / HTTP/1.1" {
		return nil, "", fmt.Errorf("the request begins with %q, and not with POST / HTTP/1.1", lines.Text())
	}
	header = http.Header{}
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), ": ")
		if !found {
			return nil, "", fmt.Errorf("%q is no header", lines.Text())
		}
		header.Set(name, value)
	}
	return header, body, nil
}
