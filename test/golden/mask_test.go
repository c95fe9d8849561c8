// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package golden_test

import (
	"fmt"
	"regexp"
	"strings"
)

// random finds what a server makes up: the last group of each pattern, which is shown
// under the name.
var random = []struct {
	name    string
	pattern *regexp.Regexp
}{
	{"request", regexp.MustCompile(`X-Amzn-Requestid: (\S+)`)},
	{"suffix", regexp.MustCompile(`:secret:[\w/+=.@!-]+-(\w{6})\b`)},
	{"page", regexp.MustCompile(`"NextToken": "([^"]+)"`)},
	{"password", regexp.MustCompile(`"RandomPassword": "((?:[^"\\]|\\.)+)"`)},
	{"ciphertext", regexp.MustCompile(`"Value": "(AQ[\w+/]{60,}=*)"`)},
	{"policy", regexp.MustCompile(`"PolicyId": "([^"]+)"`)},
	{"hash", regexp.MustCompile(`"PolicyHash": "([^"]+)"`)},
	{"grant", regexp.MustCompile(`"GrantId": "([0-9a-f]{64})"`)},
	{"token", regexp.MustCompile(`"GrantToken": "([^"]+)"`)},
	{"key", regexp.MustCompile(`\bkey/([0-9a-f-]{36})\b`)},
	{"id", regexp.MustCompile(`"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"`)},
}

// mask puts placeholders in place of what is random, the same for the same.
type mask struct {
	written      string            // nothing of this is random
	placeholders map[string]string // by value
	values       map[string]string // by placeholder
	count        map[string]int    // by name
}

func newMask(written string) *mask {
	return &mask{written: written, placeholders: map[string]string{}, values: map[string]string{}, count: map[string]int{}}
}

// hide puts placeholders into an answer.
func (m *mask) hide(answer string) string {
	for _, r := range random {
		for _, found := range r.pattern.FindAllStringSubmatch(answer, -1) {
			value := found[1]
			if _, known := m.placeholders[value]; known || strings.Contains(m.written, value) || strings.HasPrefix(value, "<") {
				continue
			}
			m.count[r.name]++
			placeholder := fmt.Sprintf("<%s %d>", r.name, m.count[r.name])
			if r.name == "request" { // nothing refers to it
				placeholder = "<request>"
			}
			m.placeholders[value], m.values[placeholder] = placeholder, value
		}
	}
	for value, placeholder := range m.placeholders {
		answer = strings.ReplaceAll(answer, value, placeholder)
	}
	return answer
}

// reveal puts the values back.
func (m *mask) reveal(request string) string {
	for placeholder, value := range m.values {
		request = strings.ReplaceAll(request, placeholder, value)
	}
	return request
}
