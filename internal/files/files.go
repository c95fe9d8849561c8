// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package files keeps secrets in files, for programs that read them there.
//
// A file's content is that of a reference, a text with references in it, or a template. A
// Keeper makes each content anew from time to time, which a cache makes cheap, and replaces
// a file when its content is another one: whole, by renaming, so that who reads it gets the
// old content or the new one. A value that can't be had leaves the file as it is. After a
// change a process can be signalled, or a command run; neither is told any value.
//
// Files belong in memory (tmpfs): what was on a disk may stay there after it is removed.
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/reference"
)

const (
	// maxItems bounds how many files there are.
	maxItems = 100
	// defaultMode lets nobody but the owner read.
	defaultMode fs.FileMode = 0o600
	// allowedMode is what a mode can have: nobody but the owner may write.
	allowedMode fs.FileMode = 0o644
)

// Item is a file to keep.
type Item struct {
	// Path is absolute. Its directory has to be there.
	Path string
	// Mode is the file's permissions.
	Mode fs.FileMode
	// Text is the content, unless Template is the path of a template for it.
	Text     reference.Text
	Template string
}

// Parse reads a list of files with commas between. Each is
//
//	PATH=CONTENT or PATH=CONTENT;mode=0440
//
// where CONTENT is a reference as reference.ParseItem reads it (prod/db#password,
// /prod/api/key, vault:db#user), a text with {{resolve:...}} in it, or template:/PATH. Of
// what is wrong there is an error each; they name the path, and hold no content.
func Parse(list string) (items []Item, wrong []error) {
	seen := map[string]bool{}
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		item, err := parseItem(text)
		switch {
		case err != nil:
		case seen[item.Path]:
			err = fmt.Errorf("%s: it is there twice", item.Path)
		case len(items) == maxItems:
			err = fmt.Errorf("%s: there are more than %d files", item.Path, maxItems)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		seen[item.Path] = true
		items = append(items, item)
	}
	return items, wrong
}

func parseItem(text string) (Item, error) {
	path, content, ok := strings.Cut(text, "=")
	path = strings.TrimSpace(path)
	if !ok || !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" || strings.ContainsFunc(path, isControl) {
		return Item{}, errors.New("a file is PATH=REFERENCE, with a path that begins with a slash and has no .. in it")
	}
	item := Item{Path: path, Mode: defaultMode}
	content, options, _ := strings.Cut(content, ";")
	for option := range strings.SplitSeq(options, ";") {
		if err := item.set(strings.TrimSpace(option)); err != nil {
			return Item{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := item.fill(strings.TrimSpace(content)); err != nil {
		return Item{}, fmt.Errorf("%s: %w", path, err)
	}
	return item, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// set takes over an option.
func (i *Item) set(option string) error {
	if option == "" {
		return nil
	}
	name, value, _ := strings.Cut(option, "=")
	if name != "mode" {
		return errors.New("the only option is mode, as in ;mode=0440")
	}
	mode, err := strconv.ParseUint(value, 8, 32)
	if err != nil || fs.FileMode(mode)&^allowedMode != 0 || mode == 0 {
		return errors.New("the mode is not 0600, 0640, 0440, 0644 or another in which only the owner may write")
	}
	i.Mode = fs.FileMode(mode)
	return nil
}

// fill takes over the content.
func (i *Item) fill(content string) (err error) {
	if file, ok := strings.CutPrefix(content, "template:"); ok {
		if i.Template = file; !filepath.IsAbs(file) {
			return errors.New("the template's path does not begin with a slash")
		}
		return nil
	}
	if reference.Has(content) {
		i.Text, err = reference.Parse(content)
		return err
	}
	r, err := reference.ParseItem(content)
	i.Text = reference.Of(r)
	return err
}
