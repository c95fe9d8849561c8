// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package file is the source of secrets that are files: what Kubernetes and Docker mount
// into a container.
//
// An id is a file's absolute path, and after a # a member of the JSON object in it. Read are
// regular files below the directories that the settings name and nothing else, whatever
// symbolic links say: they are followed as long as they stay inside of their directory, as
// those of a Kubernetes mount do. The value is what is in the file, a newline at its end
// included: nobody could tell one that belongs to the secret from one that does not.
//
// A file has no versions but the current one, whose id is of the file's inode, size and time
// of change. To read a file costs little, so a value is fresh for moments only.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source"
)

const (
	// maxSize bounds a file, in bytes: what a secret of Secrets Manager's may have.
	maxSize = 64 << 10
	// freshFor is how long a value is fresh.
	freshFor = 5 * time.Second
	// maxReads is how often a file is read that is being changed at the time.
	maxReads = 3
	// current is the label of a file's only version.
	current = "AWSCURRENT"
)

// Source reads files. It holds none open, and nothing of them. It is safe for concurrent
// use. A file system that hangs makes a fetch hang, whatever its context says.
type Source struct {
	roots []string
	clock func() time.Time
}

var _ source.Source = (*Source)(nil)

// New returns a Source of the files below roots, which are absolute paths of directories
// that need not be there yet. Now is the wall clock; nil means the system's.
func New(roots []string, now func() time.Time) (*Source, error) {
	s := &Source{clock: now}
	if s.clock == nil {
		s.clock = time.Now
	}
	for _, root := range roots {
		clean := filepath.Clean(root)
		if !filepath.IsAbs(root) || clean == filepath.Dir(clean) {
			return nil, fmt.Errorf("files: %q is not the absolute path of a directory below the root of the file system", root)
		}
		s.roots = append(s.roots, clean)
	}
	if len(s.roots) == 0 {
		return nil, errors.New("files: no directory to read below")
	}
	return s, nil
}

// Forget implements source.Source: there is nothing to forget.
func (s *Source) Forget() {}

// Fetch implements cache.Source. The id is without the source's name.
func (s *Source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	path, field, selects := strings.Cut(ref.ID, "#")
	if ref.Stage != "" && ref.Stage != current {
		return cache.Value{}, notFound("A file has no version %s.", ref.Stage)
	}
	if err := ctx.Err(); err != nil {
		return cache.Value{}, err
	}
	content, version, err := s.read(path)
	if err != nil {
		return cache.Value{}, err
	}
	if ref.VersionID != "" && ref.VersionID != version {
		content.Wipe()
		return cache.Value{}, notFound("The file's current version is another one.")
	}
	if selects {
		whole := content
		content, err = secret.Field(whole, field)
		whole.Wipe()
		if err != nil {
			return cache.Value{}, notFound("In the file: %v.", err)
		}
	}
	v := cache.Value{Name: ref.ID, VersionID: version, Stages: []string{current}, NotAfter: s.clock().Round(0).Add(freshFor)}
	if utf8.Valid(content.Reveal()) {
		v.Text = content
	} else {
		v.Binary = content
	}
	return v, nil
}

// read returns what is in a file, and its version.
func (s *Source) read(path string) (secret.Value, string, error) {
	f, err := s.open(path)
	if err != nil {
		return secret.Value{}, "", err
	}
	defer f.Close()
	for range maxReads {
		before, err := f.Stat()
		switch {
		case err != nil:
			return secret.Value{}, "", refusal(err)
		case !before.Mode().IsRegular():
			return secret.Value{}, "", api.ValidationException.New("It is not a regular file.")
		case before.Size() > maxSize:
			return secret.Value{}, "", api.ValidationException.Newf("The file has more than %d bytes.", maxSize)
		}
		content := make([]byte, before.Size()+1) // one more, to see that it did not grow
		n, err := f.ReadAt(content, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			clear(content)
			return secret.Value{}, "", refusal(err)
		}
		if after, err := f.Stat(); err == nil && int64(n) == before.Size() && version(after) == version(before) {
			return secret.New(content[:n]), version(before), nil
		}
		clear(content)
	}
	return secret.Value{}, "", &cache.Unavailable{Err: errors.New("files: the file is being changed")}
}

// open opens a file below the innermost root that its path begins with.
func (s *Source) open(path string) (*os.File, error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return nil, api.ValidationException.New("A file is file:/PATH or file:/PATH#FIELD, with an absolute path that has no dots and no doubled slashes.")
	}
	within, name := "", ""
	for _, root := range s.roots {
		if rest, ok := strings.CutPrefix(path, root+string(filepath.Separator)); ok && len(root) > len(within) {
			within, name = root, rest
		}
	}
	if within == "" {
		return nil, api.AccessDeniedException.New("The file is not below a directory that COFFER_FILE_ROOTS names.")
	}
	dir, err := os.OpenRoot(within)
	if err != nil {
		return nil, refusal(err)
	}
	defer dir.Close()
	// Without O_NONBLOCK, to open a pipe would wait for its writer.
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, refusal(err)
	}
	return f, nil
}

// refusal returns an error of the file system in AWS's terms.
func refusal(err error) error {
	path, isPath := errors.AsType[*fs.PathError](err)
	errno, isErrno := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errno == syscall.ENOTDIR:
		return notFound("There is no such file.")
	case errors.Is(err, fs.ErrPermission):
		return api.AccessDeniedException.New("The file may not be read by this process.")
	case isPath && !isErrno:
		// os.Root's own: a link that leads out.
		return api.AccessDeniedException.Newf("The file is out of reach: %v.", path.Err)
	case errno == syscall.ELOOP || errno == syscall.ENXIO || errno == syscall.EISDIR || errno == syscall.ENAMETOOLONG:
		return api.ValidationException.Newf("It can't be read as a file: %v.", errno)
	}
	return &cache.Unavailable{Err: fmt.Errorf("files: %w", err)}
}

func notFound(format string, args ...any) error {
	return secretsmanager.ResourceNotFoundException.New(fmt.Sprintf(format, args...))
}
