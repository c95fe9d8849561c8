// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source"
)

const (
	// KeySize is the length of a File's key, in bytes.
	KeySize = 32
	// DefaultMaxAge is how old a value may be that stands in for the source.
	DefaultMaxAge = 24 * time.Hour
	// maxEntries bounds what a File keeps, and maxEntryBytes one sealed value, in bytes. What
	// was kept first goes first.
	maxEntries    = 1000
	maxEntryBytes = 256 << 10
	// restamps is in how many parts the time for which a value may stand in is divided: one
	// that stays the same is written anew once in each.
	restamps = 24
)

var errNotKept = errors.New("fallback: nothing is kept of it")

// FileConfig says where a File is. Path and Key are required.
type FileConfig struct {
	// Path is the file's. Its directory has to be there. One process writes a file.
	Path string
	// Key encrypts what is kept: KeySize bytes.
	Key secret.Value
	// MaxAge is how old a value may be that stands in. Zero means DefaultMaxAge.
	MaxAge time.Duration
	// Report takes what is wrong with the file. It is never told a value. Nil discards.
	Report func(error)
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
}

// File is the last values known, encrypted in a file. It is safe for concurrent use, and
// writes in the background, which Forget waits for.
//
// What is in memory is encrypted too, and decrypted when it stands in. Each entry is
// AES-256-GCM, with what it answers for, its version and its time as associated data: one
// that was changed, or put in the place of another, is not served but reported. That an old
// file was put in the place of a newer one is not noticed, but for its age.
type File struct {
	FileConfig
	aead cipher.AEAD

	mu      sync.Mutex // guards what follows
	loaded  bool
	entries []entry // the oldest first
	writing
}

var _ StandIn = (*File)(nil)

// entry is a value as it is kept.
type entry struct {
	header
	sealed []byte
}

// header is what can be read of an entry without the key, and not be changed.
type header struct {
	key     string // of the ref
	arn     string // of the value, or empty
	version string
	saved   int64 // Unix time in milliseconds
}

// NewFile returns a File. The file is not read before it is needed.
func NewFile(cfg FileConfig) (*File, error) {
	if cfg.Key.Len() != KeySize {
		return nil, fmt.Errorf("fallback: the key has not %d bytes", KeySize)
	}
	block, err := aes.NewCipher(cfg.Key.Reveal())
	if err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	if cfg.MaxAge <= 0 {
		cfg.MaxAge = DefaultMaxAge
	}
	if cfg.Report == nil {
		cfg.Report = func(error) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &File{FileConfig: cfg, aead: aead}, nil
}

// Fetch implements StandIn.
func (f *File) Fetch(_ context.Context, ref cache.Ref) (cache.Value, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.load()
	at := f.find(keyOf(ref))
	if at < 0 {
		return cache.Value{}, errNotKept
	}
	e, now := f.entries[at], f.now()
	saved := time.UnixMilli(e.saved)
	if saved.Sub(now) > f.MaxAge {
		return cache.Value{}, errNotKept // a clock has gone far back: nobody knows the age
	}
	v, err := f.open(e)
	if err != nil {
		return cache.Value{}, err
	}
	v.AsOf = saved
	if end := saved.Add(f.MaxAge); v.Ends.IsZero() || end.Before(v.Ends) {
		v.Ends = end
	}
	if !now.Before(v.Ends) {
		v.Wipe()
		return cache.Value{}, errNotKept
	}
	return v, nil
}

// Keep implements StandIn. A value that something else stood in with is not kept, nor what
// is a file already, nor a version that a rotation is still making.
func (f *File) Keep(ref cache.Ref, v *cache.Value) {
	name, _ := source.Cut(ref.ID)
	if !v.AsOf.IsZero() || name == "file" || ref.Stage == "AWSPENDING" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.load()
	h := header{keyOf(ref), v.ARN, v.VersionID, f.now().UnixMilli()}
	at := f.find(h.key)
	if at >= 0 && f.same(f.entries[at], h, v) {
		return
	}
	e, err := f.seal(h, v)
	if err != nil {
		f.Report(err)
		return
	}
	if at < 0 && len(f.entries) == maxEntries {
		at = 0
	}
	if at >= 0 {
		f.entries = slices.Delete(f.entries, at, at+1)
	}
	f.entries = append(f.entries, e)
	f.changed()
}

// find returns the place of what is kept under a key, or less than zero.
func (f *File) find(key string) int {
	return slices.IndexFunc(f.entries, func(e entry) bool { return e.key == key })
}

// same reports whether e is the same value, from not long ago.
func (f *File) same(e entry, h header, v *cache.Value) bool {
	age := time.Duration(h.saved-e.saved) * time.Millisecond
	if e.version != h.version || e.arn != h.arn || age < 0 || age >= f.MaxAge/restamps {
		return false
	}
	held, err := f.open(e)
	defer held.Wipe()
	return err == nil && held.Text.Equal(v.Text) && held.Binary.Equal(v.Binary)
}

// Drop implements StandIn: all that is kept of what ref names goes, by whatever id it was
// asked for, and of what an ARN without its suffix might name.
func (f *File) Drop(ref cache.Ref) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.load()
	key, name := keyOf(ref), ""
	if at := f.find(key); at >= 0 {
		name = f.entries[at].arn
	} else if arn.IsARN(ref.ID) {
		name = ref.ID
	}
	before := len(f.entries)
	f.entries = slices.DeleteFunc(f.entries, func(e entry) bool {
		return e.key == key || name != "" && strings.HasPrefix(e.arn, name)
	})
	if len(f.entries) < before {
		f.changed()
	}
}

// load reads the file, once, and reports it if not all of it is ours. The caller holds the lock.
func (f *File) load() {
	if f.loaded {
		return
	}
	f.loaded = true
	data, err := read(f.Path)
	if err != nil {
		f.Report(err)
		return
	}
	entries, err := decode(data)
	for _, e := range entries {
		v, damaged := f.open(e)
		if damaged != nil {
			err = damaged
			continue
		}
		v.Wipe()
		if at := f.find(e.key); at < 0 {
			f.entries = append(f.entries, e)
		} else if f.entries[at].saved < e.saved {
			f.entries[at] = e
		}
	}
	if err != nil {
		f.Report(err)
	}
}

// keyOf is a ref as text: refs that differ have different ones.
func keyOf(ref cache.Ref) string {
	return fmt.Sprintf("%d %t %q %q %q %q", ref.Kind, ref.Decrypt, ref.ID, ref.VersionID, ref.Stage, ref.Role)
}

// seal encrypts a value.
func (f *File) seal(h header, v *cache.Value) (entry, error) {
	plain := marshal(v)
	defer clear(plain)
	if len(plain)+f.aead.Overhead() > maxEntryBytes {
		return entry{}, fmt.Errorf("fallback: %s is too long to be kept", h.key)
	}
	return entry{h, f.aead.Seal(nil, nil, plain, h.bound())}, nil
}

// open decrypts an entry.
func (f *File) open(e entry) (cache.Value, error) {
	plain, err := f.aead.Open(nil, nil, e.sealed, e.bound())
	if err != nil {
		return cache.Value{}, fmt.Errorf("fallback: the entry of %s is not what was written with this key", e.key)
	}
	defer clear(plain)
	return unmarshal(plain)
}

func (f *File) now() time.Time { return f.Now().Round(0) }
