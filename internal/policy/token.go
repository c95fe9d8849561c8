// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// token returns the next token of the document.
func (d *decoder) token(at string) (json.Token, error) {
	token, err := d.json.Token()
	if err != nil {
		return nil, syntaxError(at, "not JSON")
	}
	return token, nil
}

// open reads the beginning of an object or a list.
func (d *decoder) open(at string, delim json.Delim) error {
	token, err := d.token(at)
	if err == nil && token != delim {
		err = syntaxError(at, "not an object")
	}
	return err
}

// close reads the end of the object or list whose last element was read.
func (d *decoder) close(at string) error {
	_, err := d.token(at)
	return err
}

// members calls member for each name of the object that was opened; member must read
// the value.
func (d *decoder) members(at string, member func(name string) error) error {
	seen := make(map[string]bool)
	for d.json.More() {
		token, err := d.token(at)
		if err != nil {
			return err
		}
		name, err := sound(at, token)
		if err != nil {
			return err
		}
		if seen[name] {
			return syntaxError(at, "element %.40q appears twice", name)
		}
		seen[name] = true
		if err := member(name); err != nil {
			return err
		}
	}
	return d.close(at)
}

// text reads a string.
func (d *decoder) text(at string) (string, error) {
	token, err := d.token(at)
	if err != nil {
		return "", err
	}
	return sound(at, token)
}

// sound returns the string that a token is. It refuses the replacement character,
// which encoding/json puts in the place of half a surrogate pair.
func sound(at string, token json.Token) (string, error) {
	s, ok := token.(string)
	if !ok {
		return "", syntaxError(at, "not a string")
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		return "", syntaxError(at, "not Unicode")
	}
	return s, nil
}

// texts reads a string or a list of them. It is never nil without an error.
func (d *decoder) texts(at string) ([]string, error) {
	list := []string{}
	err := d.each(at, func(token json.Token) error {
		s, err := sound(at, token)
		list = append(list, s)
		return err
	})
	return list, err
}

// scalars reads a string, number or boolean, or a list of them, as text.
func (d *decoder) scalars(at string) ([]string, error) {
	list := []string{}
	err := d.each(at, func(token json.Token) (err error) {
		var s string
		switch token := token.(type) {
		case json.Number:
			s = token.String()
		case bool:
			s = strconv.FormatBool(token)
		default:
			s, err = sound(at, token)
		}
		list = append(list, s)
		return err
	})
	return list, err
}

// each calls element for the one value that comes next, or for each value of the
// list that comes next.
func (d *decoder) each(at string, element func(json.Token) error) error {
	token, err := d.token(at)
	if err != nil {
		return err
	}
	if token != json.Delim('[') {
		return element(token)
	}
	for d.json.More() {
		token, err := d.token(at)
		if err != nil {
			return err
		}
		if err := element(token); err != nil {
			return err
		}
	}
	return d.close(at)
}
