// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxDepth is deeper than any tree that fits a disk: each level has two pages at least.
const maxDepth = 64

// check walks the file as bbolt would, believes nothing, and returns the revision of its
// state. It holds that no page is used twice, by trees or by the list of free pages;
// that every tree is in order; and that every record is whole. So what passes can't
// make bbolt panic, fault, loop, or write over a page in use. A page without any use
// is space lost and no harm.
func check(file *os.File, path string) (kv.Rev, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("opening database: %w", err)
	}
	m, err := currentMeta(file)
	if err != nil {
		return 0, damaged(path, "not a whole database: %v", err)
	}
	if m.pages > uint64(info.Size())/pageSize {
		return 0, damaged(path, "cut short: %d bytes of %d", info.Size(), m.pages*pageSize)
	}
	c := &checker{file: file, pages: m.pages, used: make([]bool, m.pages)}
	err = c.all(m)
	switch {
	case errors.Is(err, kv.ErrVersion):
		return 0, fmt.Errorf("opening database: %s: %w", path, err)
	case err != nil:
		return 0, damaged(path, "%v", err)
	}
	return kv.Rev(c.sequence[string(dataBucket)]), nil
}

// A checker is one walk of a file.
type checker struct {
	file      io.ReaderAt
	pages     uint64
	used      []bool            // by page
	buf       page              // the page that was read last
	sequence  map[string]uint64 // by bucket
	formatted bool              // the entry about the format was there
}

func (c *checker) all(m meta) error {
	c.sequence = make(map[string]uint64)
	if err := c.use(0, 2); err != nil {
		return err
	}
	if err := c.free(m.freelist); err != nil {
		return err
	}
	var buckets []element // the walk of one must not change what the next is read from
	note := func(e element) error {
		e.key, e.value = slices.Clone(e.key), slices.Clone(e.value)
		buckets = append(buckets, e)
		return nil
	}
	if err := c.tree(subtree{id: m.root, entry: note}); err != nil {
		return err
	}
	for _, e := range buckets {
		if err := c.bucket(e); err != nil {
			return err
		}
	}
	about, hasAbout := c.sequence[string(aboutBucket)]
	data, hasData := c.sequence[string(dataBucket)]
	if !hasAbout || !hasData || about != ^data || !c.formatted {
		return errors.New("it lacks its format or its revision")
	}
	return nil
}

// use takes note that the n pages from id on have a use, which must be their only one.
func (c *checker) use(id, n uint64) error {
	if id >= c.pages || n > c.pages-id {
		return fmt.Errorf("page %d is not in the file", id)
	}
	for i := id; i < id+n; i++ {
		if c.used[i] {
			return fmt.Errorf("page %d is used twice", i)
		}
		c.used[i] = true
	}
	return nil
}

// read reads the page id into the checker's buffer, and takes note of its use.
func (c *checker) read(id uint64) (page, error) {
	if id >= c.pages {
		return nil, fmt.Errorf("page %d is not in the file", id)
	}
	c.buf = slices.Grow(c.buf[:0], pageSize)[:pageSize]
	if _, err := c.file.ReadAt(c.buf, int64(id)*pageSize); err != nil {
		return nil, err
	}
	if c.buf.id() != id {
		return nil, fmt.Errorf("page %d says that it is page %d", id, c.buf.id())
	}
	n := 1 + c.buf.overflow()
	if err := c.use(id, n); err != nil {
		return nil, err
	}
	if n > 1 {
		size := int(n) * pageSize
		c.buf = slices.Grow(c.buf, size)[:size]
		if _, err := c.file.ReadAt(c.buf[pageSize:], int64(id+1)*pageSize); err != nil {
			return nil, err
		}
	}
	return c.buf, nil
}

// free checks the list of free pages, which only a file that an earlier Coffer wrote last
// has.
func (c *checker) free(id uint64) error {
	if id == noFreelist {
		return nil
	}
	p, err := c.read(id)
	if err != nil {
		return err
	}
	if p.flags() != freePage {
		return fmt.Errorf("page %d is not the list of free pages", id)
	}
	ids, n := p[headerSize:], uint64(p.count())
	if n == manyFree {
		ids, n = ids[8:], order.Uint64(ids)
	}
	if n > uint64(len(ids))/8 {
		return errors.New("the list of free pages is too long")
	}
	for i := range n {
		if err := c.use(order.Uint64(ids[i*8:]), 1); err != nil {
			return err
		}
	}
	return nil
}

// A subtree is a page with what its parents say about it.
type subtree struct {
	id        uint64
	low, high []byte // the keys in it are not below low and below high; nil if open
	depth     int
	entry     func(element) error // for each entry of a leaf
}

func (c *checker) tree(t subtree) error {
	if t.depth > maxDepth {
		return errors.New("the tree is too deep")
	}
	p, err := c.read(t.id)
	if err != nil {
		return err
	}
	switch p.flags() {
	case branchPage:
		return c.branch(slices.Clone(p), t)
	case leafPage:
		return c.leaf(p, t)
	}
	return fmt.Errorf("page %d is of no kind that belongs there", t.id)
}

func (c *checker) branch(p page, t subtree) error {
	elems, _, err := p.elements()
	if err == nil {
		err = t.ordered(elems)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", t.id, err)
	}
	for i, e := range elems {
		child := subtree{id: e.child, low: e.key, high: t.high, depth: t.depth + 1, entry: t.entry}
		if i+1 < len(elems) {
			child.high = elems[i+1].key
		}
		if err := c.tree(child); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) leaf(p page, t subtree) error {
	elems, _, err := p.elements()
	if err == nil {
		err = t.ordered(elems)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", t.id, err)
	}
	for _, e := range elems {
		if err := t.entry(e); err != nil {
			return err
		}
	}
	return nil
}

// ordered says what is wrong with the order of a page's keys.
func (t subtree) ordered(elems []element) error {
	if len(elems) == 0 {
		return errors.New("it is empty")
	}
	for i, e := range elems {
		if i > 0 && bytes.Compare(elems[i-1].key, e.key) >= 0 {
			return errors.New("its keys are out of order")
		}
	}
	first, last := elems[0].key, elems[len(elems)-1].key
	if bytes.Compare(first, t.low) < 0 || (t.high != nil && bytes.Compare(last, t.high) >= 0) {
		return errors.New("it has keys that belong elsewhere")
	}
	return nil
}

// bucket checks an entry of the root bucket, all of which are buckets.
func (c *checker) bucket(e element) error {
	name := string(e.key)
	entry := c.record
	if name == string(aboutBucket) {
		entry = c.about
	} else if name != string(dataBucket) {
		return errors.New("it has a bucket that Coffer does not make")
	}
	if e.flags != bucketElement || len(e.value) < bucketSize {
		return fmt.Errorf("%s is not a bucket", name)
	}
	root := order.Uint64(e.value)
	c.sequence[name] = order.Uint64(e.value[8:])
	if root != 0 {
		return c.tree(subtree{id: root, entry: entry})
	}
	return inline(page(e.value[bucketSize:]), entry)
}

// inline checks the leaf page of a bucket that is small enough to be without one of its
// own. It may be empty, and ends where its entries do.
func inline(p page, entry func(element) error) error {
	if len(p) < headerSize || p.flags() != leafPage {
		return errors.New("a bucket has no page")
	}
	elems, end, err := p.elements()
	if err == nil && len(elems) > 0 {
		err = subtree{}.ordered(elems)
	}
	if err == nil && end != len(p) {
		err = errors.New("it has lost entries")
	}
	if err != nil {
		return fmt.Errorf("page in a bucket: %w", err)
	}
	for _, e := range elems {
		if err := entry(e); err != nil {
			return err
		}
	}
	return nil
}

// record checks an entry of a bucket of records.
func (c *checker) record(e element) error {
	if _, ok := valueOf(e.key, e.value); !ok || e.flags != 0 {
		return fmt.Errorf("the record of key %q is not what was written", e.key)
	}
	return nil
}

// about checks an entry of the bucket about the file. It comes first in the file, so
// that a newer version is known before anything that it may have changed.
func (c *checker) about(e element) error {
	if err := c.record(e); err != nil {
		return err
	}
	version, _ := valueOf(e.key, e.value)
	if !bytes.Equal(e.key, formatKey) {
		return fmt.Errorf("it has an unknown entry %q", e.key)
	}
	switch n, err := strconv.Atoi(string(version)); {
	case err != nil || n < 1:
		return fmt.Errorf("its format is %q", version)
	case n > formatVersion:
		return fmt.Errorf("%w: its format is %d, this version knows %d", kv.ErrVersion, n, formatVersion)
	}
	c.formatted = true
	return nil
}
