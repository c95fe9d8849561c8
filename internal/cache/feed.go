// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
)

// maxChanges bounds the changes that are remembered.
const maxChanges = 256

// Change says that a newer version of something took the place of the one held. It has no
// value in it.
type Change struct {
	Kind Kind
	// IDs are all that the thing is known by here; the first is what it was first asked by.
	IDs []string
	// ARN is the thing's own. VersionID is the version's id, or number.
	ARN, VersionID string
}

// News is what has changed since a cursor.
type News struct {
	// Changes are in the order in which they came to be known. Nobody changes them.
	Changes []Change
	// Cursor is where the next question begins.
	Cursor string
	// Reset says that nobody knows what has changed since the cursor: it is too old, or of
	// a cache that was cleared since.
	Reset bool
	// More is closed when it is time to ask again.
	More <-chan struct{}
}

// feed remembers the last changes. Until somebody asks for them there are none. The
// cache's lock guards it.
type feed struct {
	epoch   string // tells cursors of this feed from others
	first   uint64 // number of the first change that is remembered
	changes []Change
	more    chan struct{}
}

// Changes returns what has changed since the cursor, which is of an earlier answer. The
// empty cursor stands for now. Told are changes of what is held under no version and no
// label of its own: a secret's AWSCURRENT, a parameter. The cache learns of a new version
// when it asks the source, which it does for what is in use; what was evicted meanwhile
// is not told of.
func (c *Cache) Changes(since string) (News, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return News{}, ErrClosed
	}
	f := &c.feed
	if f.epoch == "" {
		f.epoch, f.more = rand.Text(), make(chan struct{})
	}
	end := f.first + uint64(len(f.changes))
	n := News{Cursor: f.epoch + "." + strconv.FormatUint(end, 10), More: f.more}
	if since == "" {
		return n, nil
	}
	epoch, number, _ := strings.Cut(since, ".")
	at, err := strconv.ParseUint(number, 10, 64)
	if n.Reset = epoch != f.epoch || err != nil || at < f.first || at > end; !n.Reset {
		n.Changes = slices.Clone(f.changes[at-f.first:])
	}
	return n, nil
}

// note tells of the entry's version, if it is another one than that held before.
func (c *Cache) note(e *entry) {
	if e.value == nil || e.value.VersionID == e.version {
		return
	}
	was := e.version
	e.version = e.value.VersionID
	if was != "" && c.feed.epoch != "" && len(e.refs) > 0 && e.refs[0].latest() {
		c.feed.add(Change{e.refs[0].Kind, e.ids(), e.value.ARN, e.version})
	}
}

func (f *feed) add(ch Change) {
	if len(f.changes) == maxChanges {
		f.changes = slices.Delete(f.changes, 0, 1)
		f.first++
	}
	f.changes = append(f.changes, ch)
	close(f.more)
	f.more = make(chan struct{})
}

// clear begins a new feed.
func (f *feed) clear() {
	if f.more != nil {
		close(f.more)
	}
	*f = feed{}
}

// ids returns what the entry is found by, each once.
func (e *entry) ids() []string {
	var ids []string
	for _, r := range e.refs {
		if !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// latest reports whether r, in its normal form, asks for whatever is the latest.
func (r Ref) latest() bool {
	return r.VersionID == "" && (r.Stage == "" || r.Kind == Secret && r.Stage == current)
}
