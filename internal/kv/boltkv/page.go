// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// The layout of a bbolt file, version 2, in the machine's byte order. We make the pages
// of 4 KiB on every machine.
//
//	page     id u64, flags u16, count u16, overflow u32 (pages that follow as part of it)
//	meta     magic u32, version u32, pageSize u32, flags u32, root bucket, freelist u64,
//	         pages u64, txid u64, FNV-1a u64 of all that       on pages 0 and 1
//	branch   count x {pos u32, ksize u32, page u64}, keys
//	leaf     count x {flags u32, pos u32, ksize u32, vsize u32}, keys and values
//	free     count x id u64; or, if count is 0xffff, the true count u64 first
//	bucket   root u64, sequence u64; a root of 0 means that its one leaf page follows
//
// pos counts from the element itself. Keys and values follow the elements, each right
// behind the one before.
const (
	pageSize      = 4096
	headerSize    = 16
	elementSize   = 16
	bucketSize    = 16
	metaSumOffset = headerSize + 56

	metaMagic   = 0xED0CDAED
	metaVersion = 2

	branchPage = 0x01
	leafPage   = 0x02
	freePage   = 0x10

	bucketElement = 0x01 // the value is a bucket
	manyFree      = 0xffff
	noFreelist    = math.MaxUint64 // in place of the free list's page
)

var order = binary.NativeEndian

// A meta is what a valid meta page says.
type meta struct {
	root     uint64 // page of the root bucket
	freelist uint64 // page of the free list, or noFreelist
	pages    uint64 // one past the last page in use
	txid     uint64
}

// readMeta reads the meta page in slot 0 or 1, and fails if it is not valid.
func readMeta(f io.ReaderAt, slot int64) (meta, error) {
	var page [metaSumOffset + 8]byte
	if _, err := f.ReadAt(page[:], slot*pageSize); err != nil {
		return meta{}, err
	}
	b := page[headerSize:]
	sum := fnv.New64a()
	sum.Write(b[:56])
	switch {
	case order.Uint32(b) != metaMagic || order.Uint32(b[4:]) != metaVersion:
		return meta{}, errors.New("not a bbolt database of version 2")
	case order.Uint64(b[56:]) != sum.Sum64():
		return meta{}, errors.New("wrong checksum")
	case order.Uint32(b[8:]) != pageSize:
		return meta{}, fmt.Errorf("pages of %d bytes", order.Uint32(b[8:]))
	}
	return meta{
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		pages:    order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}, nil
}

// currentMeta returns the meta page that bbolt goes by: the newer one that is valid.
func currentMeta(f io.ReaderAt) (meta, error) {
	m0, err0 := readMeta(f, 0)
	m1, err1 := readMeta(f, 1)
	switch {
	case err0 != nil && err1 != nil:
		return meta{}, fmt.Errorf("neither meta page is valid: %w", errors.Join(err0, err1))
	case err0 != nil || (err1 == nil && m1.txid > m0.txid):
		return m1, nil
	}
	return m0, nil
}

// A page is the bytes of one, with those it overflows into.
type page []byte

func (p page) id() uint64       { return order.Uint64(p) }
func (p page) flags() uint16    { return order.Uint16(p[8:]) }
func (p page) count() int       { return int(order.Uint16(p[10:])) }
func (p page) overflow() uint64 { return uint64(order.Uint32(p[12:])) }

// An element is one entry of a branch or a leaf.
type element struct {
	flags      uint32
	child      uint64 // of a branch
	key, value []byte
}

// elements returns the entries of a branch or leaf and where they end, or an error if
// they are not laid out as bbolt does.
func (p page) elements() (elems []element, end int, err error) {
	n := p.count()
	next := uint64(headerSize + n*elementSize)
	if next > uint64(len(p)) {
		return nil, 0, errors.New("more entries than it has room for")
	}
	elems = make([]element, 0, n)
	for i := range n {
		at := headerSize + i*elementSize
		e, pos, keyEnd, end := p.sizes(at, next)
		if uint64(at)+pos != next || keyEnd == next || end > uint64(len(p)) {
			return nil, 0, fmt.Errorf("entry %d is not where it should be", i)
		}
		e.key, e.value = p[next:keyEnd], p[keyEnd:end]
		elems, next = append(elems, e), end
	}
	return elems, int(next), nil
}

// sizes reads the element at at, whose key begins at next.
func (p page) sizes(at int, next uint64) (e element, pos, keyEnd, end uint64) {
	a, b, c, d := order.Uint32(p[at:]), order.Uint32(p[at+4:]), order.Uint32(p[at+8:]), order.Uint32(p[at+12:])
	if p.flags() == branchPage {
		e.child = order.Uint64(p[at+8:])
		keyEnd = next + uint64(b)
		return e, uint64(a), keyEnd, keyEnd
	}
	e.flags = a
	keyEnd = next + uint64(c)
	return e, uint64(b), keyEnd, keyEnd + uint64(d)
}
