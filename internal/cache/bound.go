// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

// What an entry and each of its Refs are taken to cost beside their strings, in bytes.
const (
	entryCost = 512
	refCost   = 160
)

// add makes a new entry that ref finds.
func (c *Cache) add(ref Ref) *entry {
	e := &entry{}
	c.items[e] = struct{}{}
	c.link(e, ref)
	c.weigh(e)
	return e
}

// weigh counts the entry's present size.
func (c *Cache) weigh(e *entry) {
	if _, ok := c.items[e]; !ok {
		return
	}
	size := int64(entryCost)
	for _, r := range e.refs {
		size += int64(refCost + len(r.ID) + len(r.VersionID) + len(r.Stage))
	}
	if e.value != nil {
		size += e.value.size()
	}
	c.bytes += size - e.size
	e.size = size
}

// shrink evicts what was not used for longest until the bounds hold. An entry that
// somebody waits for stays. It looks at all entries: that is cheap beside the call to
// the source that made it necessary, and keeps every lock off the path of a hit.
func (c *Cache) shrink() {
	for len(c.items) > c.maxItems || c.bytes > c.maxBytes {
		var victim *entry
		for e := range c.items {
			if e.flight == nil && (victim == nil || e.used.Load() < victim.used.Load()) {
				victim = e
			}
		}
		if victim == nil {
			return
		}
		c.drop(victim)
	}
}

// drop forgets an entry and overwrites its value.
func (c *Cache) drop(e *entry) {
	if _, ok := c.items[e]; !ok {
		return
	}
	delete(c.items, e)
	c.unlink(e)
	c.bytes -= e.size
	e.size = 0
	if e.value != nil {
		e.value.Wipe()
		e.value = nil
	}
}
