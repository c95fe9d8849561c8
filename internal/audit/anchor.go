// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// AnchorSuffix is what an anchor's file name adds to its log's.
const AnchorSuffix = ".anchor"

// An anchor file is two slots of slotSize bytes, written in turn, so that a write
// that a crash tore leaves the other whole. A slot is a line of text:
//
//	coffer-audit-anchor-1 <sequence> <offset> <inode> <hash> <mac> <crc><spaces><newline>
//
// sequence and hash are those of the last line known to be on disk, offset is where
// the line ends in the file with that inode, or 0 for a file that goes on from it. mac is
// HMAC-SHA-256 of what precedes it, or "-" in a log without a key; crc (CRC-32 of what
// precedes it) tells a torn slot from a whole one where the key is not at hand.
const (
	slotSize  = 512 // a sector, which disks write whole
	slotMagic = "coffer-audit-anchor-1"
	noMAC     = "-"
)

// A position is a place between two lines of a log: the head of the chain there, and
// where the next line begins in which file.
type position struct {
	head
	offset int64
	inode  uint64
}

// An anchor is what one slot says.
type anchor struct {
	position
	signed bool // it carries a MAC, which was checked if there was a key
}

// errMAC says that an anchor's MAC is missing or was not made with the key.
var errMAC = errors.New("the anchor's MAC does not fit the key: the anchor was edited, or the key is not the log's")

// appendSlot appends the slot of p, with a MAC unless key is empty.
func (p position) appendSlot(b, key []byte) []byte {
	start := len(b)
	b = fmt.Appendf(b, "%s %d %d %d %s ", slotMagic, p.sequence, p.offset, p.inode, p.hash)
	if len(key) == 0 {
		b = append(b, noMAC...)
	} else {
		b = hex.AppendEncode(b, slotMAC(key, b[start:]))
	}
	b = append(b, ' ')
	b = fmt.Appendf(b, "%08x", crc32.ChecksumIEEE(b[start:]))
	for len(b)-start < slotSize-1 {
		b = append(b, ' ')
	}
	return append(b, '\n')
}

func slotMAC(key, text []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(text)
	return m.Sum(nil)
}

var errSlot = errors.New("the slot is damaged")

// parseSlot reads one slot. With a key it fails with errMAC unless the MAC fits.
func parseSlot(slot, key []byte) (a anchor, err error) {
	fields := bytes.Split(bytes.TrimRight(slot, " \n"), []byte(" "))
	if len(fields) != 7 || string(fields[0]) != slotMagic {
		return a, errSlot
	}
	crcAt := bytes.LastIndexByte(bytes.TrimRight(slot, " \n"), ' ') + 1
	if string(fields[6]) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(slot[:crcAt])) {
		return a, errSlot
	}
	a.sequence, err = strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return a, errSlot
	}
	a.offset, err = strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil || a.offset < 0 {
		return a, errSlot
	}
	a.inode, err = strconv.ParseUint(string(fields[3]), 10, 64)
	if err != nil {
		return a, errSlot
	}
	if len(fields[4]) != hex.EncodedLen(len(a.hash)) {
		return a, errSlot
	}
	if _, err := hex.Decode(a.hash[:], fields[4]); err != nil {
		return a, errSlot
	}
	a.signed = string(fields[5]) != noMAC
	if len(key) == 0 {
		return a, nil
	}
	mac, err := hex.DecodeString(string(fields[5]))
	if err != nil || !hmac.Equal(mac, slotMAC(key, slot[:crcAt-1-len(fields[5])])) {
		return a, errMAC
	}
	return a, nil
}

// An anchorState is what an anchor file says.
type anchorState struct {
	newest  anchor
	slot    int  // the slot that newest came from: the next write goes to the other
	absent  bool // the file is not whole: a log that was never begun, or somebody cut it
	damaged bool // one slot is torn: a power failure came during its write, or somebody edited it
}

// readAnchor reads an anchor file, checking its MACs if there is a key.
func readAnchor(r io.ReaderAt, key []byte) (anchorState, error) {
	buf := make([]byte, 2*slotSize+1)
	n, err := r.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return anchorState{}, err
	}
	if n < 2*slotSize {
		return anchorState{absent: true}, nil
	}
	if n > 2*slotSize {
		return anchorState{}, errors.New("the anchor is longer than an anchor")
	}
	var st anchorState
	whole := 0
	for i := range 2 {
		a, err := parseSlot(buf[i*slotSize:(i+1)*slotSize], key)
		switch {
		case errors.Is(err, errMAC):
			return anchorState{}, err
		case err != nil:
			st.damaged = true
			continue
		}
		if whole++; whole == 1 || a.sequence > st.newest.sequence {
			st.newest, st.slot = a, i
		}
	}
	if whole == 0 {
		return anchorState{}, errors.New("both slots of the anchor are damaged")
	}
	return st, nil
}
