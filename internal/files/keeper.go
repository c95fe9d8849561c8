// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/reference"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// makers is how many contents are made at once.
const makers = 16

// Renderer makes a content of the template in a file, with values that it gets. The content
// is the caller's.
type Renderer func(ctx context.Context, template string, get reference.Getter) (secret.Value, error)

// ErrNoTemplates is what becomes of a template without a Renderer.
var ErrNoTemplates = errors.New("this program renders no templates: coffer-agent does")

// Config says what a Keeper keeps. Items, Get and Log are required.
type Config struct {
	Items []Item
	// Get is asked for values, often: it is to be a cache.
	Get reference.Getter
	// Render is for templates. Nil refuses them.
	Render Renderer
	// OnChange is run after a file was written. Nil does nothing.
	OnChange *Command
	Log      *slog.Logger
}

// Keeper keeps files. It is safe for concurrent use.
type Keeper struct {
	cfg     Config
	nudged  chan struct{}
	written chan struct{} // closed when Run has made its first round
	mu      sync.Mutex    // held while files are written, and until OnChange has ended
	files   []*file
	gone    bool // they were removed, and are not to be written any more
}

// file is an item with what was written.
type file struct {
	Item
	sum     [sha256.Size]byte
	written fs.FileInfo // nil: nothing yet
	failure string      // what was logged last, so that it is logged once
}

// New returns a Keeper that has written nothing yet. It logs what may keep its files from
// being secret.
func New(cfg Config) *Keeper {
	k := &Keeper{cfg: cfg, nudged: make(chan struct{}, 1), written: make(chan struct{})}
	disks := map[string]bool{}
	for _, item := range cfg.Items {
		k.files = append(k.files, &file{Item: item})
		if dir := filepath.Dir(item.Path); !disks[dir] && !inMemory(dir) {
			disks[dir] = true
			cfg.Log.Warn("secrets in files outlast their removal on a disk: take a directory in memory (tmpfs)", "directory", dir)
		}
		if item.Mode&0o004 != 0 {
			cfg.Log.Warn("everybody may read a file with a secret", "path", item.Path, "mode", item.Mode.String())
		}
	}
	return k
}

// Run brings the files up to date, and again each time the interval has passed, or when it
// is nudged, until ctx ends. It is called once.
func (k *Keeper) Run(ctx context.Context, every time.Duration) {
	k.Round(ctx)
	close(k.written)
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-k.nudged:
		case <-ctx.Done():
			return
		}
		k.Round(ctx)
	}
}

// Nudge has Run bring the files up to date now, where the clock of its interval may have
// stood still.
func (k *Keeper) Nudge() {
	select {
	case k.nudged <- struct{}{}:
	default:
	}
}

// Written returns a channel that is closed when Run has written the files for the first
// time, or has tried to.
func (k *Keeper) Written() <-chan struct{} { return k.written }

// Round brings the files up to date: it writes those whose content is another one, or
// which somebody else changed, and then runs what is to be run on a change. What fails is
// logged.
func (k *Keeper) Round(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return
	}
	contents, errs := k.contents(ctx)
	changed := false
	for i, f := range k.files {
		if errs[i] == nil {
			var wrote bool
			wrote, errs[i] = f.update(contents[i])
			changed = changed || wrote
			if wrote {
				k.cfg.Log.Info("wrote a file", "path", f.Path)
			}
		}
		contents[i].Wipe()
		f.note(ctx, k.cfg.Log, errs[i])
	}
	if changed && k.cfg.OnChange != nil {
		if err := k.cfg.OnChange.run(ctx); err != nil {
			k.cfg.Log.Error("what is to happen after a change failed", "what", k.cfg.OnChange.String(), "error", err.Error())
		}
	}
}

// note logs a failure when it comes, and not again while it lasts.
func (f *file) note(ctx context.Context, log *slog.Logger, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != f.failure && ctx.Err() == nil {
		log.Error("a file is not up to date", "path", f.Path, "error", text)
	}
	f.failure = text
}

// contents makes the contents of all files at once.
func (k *Keeper) contents(ctx context.Context) ([]secret.Value, []error) {
	values, errs := make([]secret.Value, len(k.files)), make([]error, len(k.files))
	var wg sync.WaitGroup
	places := make(chan struct{}, makers)
	for i, f := range k.files {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			values[i], errs[i] = k.content(ctx, f)
		})
	}
	wg.Wait()
	return values, errs
}

func (k *Keeper) content(ctx context.Context, f *file) (secret.Value, error) {
	switch {
	case f.Template == "":
		return f.Text.Fill(ctx, k.cfg.Get)
	case k.cfg.Render == nil:
		return secret.Value{}, ErrNoTemplates
	}
	v, err := k.cfg.Render(ctx, f.Template, k.cfg.Get)
	if err != nil {
		return secret.Value{}, fmt.Errorf("the template %s: %w", f.Template, err)
	}
	return v, nil
}

// update writes the file if that is needed, and reports whether it did.
func (f *file) update(content secret.Value) (bool, error) {
	sum := sha256.Sum256(content.Reveal())
	if f.written != nil && f.sum == sum && untouched(f.Path, f.written) {
		return false, nil
	}
	written, err := Replace(f.Path, f.Mode, content.Reveal())
	if err != nil {
		return false, err
	}
	f.sum, f.written = sum, written
	return true, nil
}

// Remove overwrites and removes the files that the Keeper wrote, and that nobody put
// others in the place of. None is written after that.
func (k *Keeper) Remove() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = true
	for _, f := range k.files {
		if f.written == nil {
			continue
		}
		if err := remove(f.Path, f.written); err != nil {
			k.cfg.Log.Error("a file could not be removed", "path", f.Path, "error", err.Error())
		}
	}
}
