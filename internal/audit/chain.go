// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

const (
	chainStart    = `,"chain":{"sequence":`
	chainPrevious = `,"previous":"`
	chainEnd      = `"}}`
	// maxChain is the longest chain member, in bytes, with the brace that ends the line.
	maxChain = len(chainStart) + 20 + len(chainPrevious) + 2*sha256.Size + len(chainEnd)
	// maxEvent is the longest line that Append and Stage take, in bytes.
	maxEvent = MaxLine - maxChain
)

// A Hash is the SHA-256 of a line without its newline.
type Hash [sha256.Size]byte

// String returns h as lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// A head is the end of a chain: the sequence of its last line, from 1, and its
// hash. The zero head is the chain without a line.
type head struct {
	sequence uint64
	hash     Hash
}

// appendLine appends event to b as the chain's next line, newline included, and
// moves the head to it. The event has passed checkEvent.
func (h *head) appendLine(b, event []byte) []byte {
	start := len(b)
	b = append(b, event[:len(event)-1]...)
	b = append(b, chainStart...)
	b = strconv.AppendUint(b, h.sequence+1, 10)
	b = append(b, chainPrevious...)
	b = hex.AppendEncode(b, h.hash[:])
	b = append(b, chainEnd...)
	h.sequence++
	h.hash = sha256.Sum256(b[start:])
	return append(b, '\n')
}

// errEvent says that a line cannot become part of the log.
var errEvent = errors.New("audit: an event must be one JSON object on one line, within the limit")

// checkEvent says whether an event can be given its place in a line.
func checkEvent(event []byte) error {
	n := len(event)
	if n < len(`{"":0}`) || n > maxEvent || event[0] != '{' || event[n-1] != '}' ||
		bytes.IndexByte(event, '\n') >= 0 || bytes.IndexByte(event, '\r') >= 0 {
		return errEvent
	}
	return nil
}

// A link is the chain member of a line.
type link struct {
	sequence uint64
	previous Hash
}

var errLink = errors.New("the line does not end with a chain member")

// splitLine returns the event of a line (without newline) up to, and not with, its
// closing brace, and the line's link. It takes exactly the form that appendLine writes.
func splitLine(line []byte) (event []byte, l link, err error) {
	rest, ok := bytes.CutSuffix(line, []byte(chainEnd))
	if !ok || len(rest) < 2*sha256.Size {
		return nil, link{}, errLink
	}
	rest, digits := rest[:len(rest)-2*sha256.Size], rest[len(rest)-2*sha256.Size:]
	if _, err := hex.Decode(l.previous[:], digits); err != nil || bytes.ContainsAny(digits, "ABCDEF") {
		return nil, link{}, errLink
	}
	rest, ok = bytes.CutSuffix(rest, []byte(chainPrevious))
	if !ok {
		return nil, link{}, errLink
	}
	at := bytes.LastIndex(rest, []byte(chainStart))
	if at < 1 {
		return nil, link{}, errLink
	}
	number := rest[at+len(chainStart):]
	l.sequence, err = strconv.ParseUint(string(number), 10, 64)
	if err != nil || l.sequence == 0 || number[0] == '0' || number[0] == '+' {
		return nil, link{}, errLink
	}
	return rest[:at], l, nil
}

// next checks that line (without newline) follows the head, and moves the head to
// it. The error is a *Break without its place.
func (h *head) next(line []byte) error {
	_, l, err := splitLine(line)
	switch {
	case err != nil:
		return &Break{Kind: Garbage, Detail: err.Error()}
	case l.sequence > h.sequence+1:
		return &Break{Kind: Removed, Detail: fmt.Sprintf("records %d to %d are missing before it, or moved", h.sequence+1, l.sequence-1)}
	case l.sequence <= h.sequence:
		return &Break{Kind: Inserted, Detail: fmt.Sprintf("it says that it is record %d, after record %d", l.sequence, h.sequence)}
	case l.previous != h.hash:
		return &Break{Kind: Edited, Detail: fmt.Sprintf("record %d, or its link to it, was changed", h.sequence)}
	}
	h.sequence, h.hash = l.sequence, sha256.Sum256(line)
	return nil
}
