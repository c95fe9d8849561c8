// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// A file is
//
//	magic | entry ...
//	entry:  length of header (4 bytes) | header | length of sealed (4 bytes) | sealed
//	header: time, in milliseconds (8 bytes) | key | ARN | version, each after its length (4 bytes)
//	sealed: nonce (12 bytes) | the value, encrypted | tag (16 bytes)
//
// with numbers in big endian. What is encrypted is bound to magic and header.
const magic = "coffer-fallback 1\n"

// maxHeader bounds a header, in bytes: an id of 2 KiB, quoted, and an ARN of as much.
const maxHeader = 16 << 10

var (
	errMagic     = errors.New("fallback: the file is not one of the last values known")
	errTruncated = errors.New("fallback: the file is damaged; what comes after the damage is not used")
)

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// cutText takes what comes after its length, of limit bytes at most, from the beginning of b.
func cutText(b []byte, limit int) (text, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(min(limit, len(b))) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

func (h header) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(h.saved))
	b = appendText(b, h.key)
	b = appendText(b, h.arn)
	return appendText(b, h.version)
}

// bound is an entry's associated data.
func (h header) bound() []byte { return h.append([]byte(magic)) }

// parseHeader is the reverse of append.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < 8 {
		return header{}, false
	}
	h.saved = int64(binary.BigEndian.Uint64(b))
	b = b[8:]
	for _, field := range []*string{&h.key, &h.arn, &h.version} {
		var text []byte
		if text, b, ok = cutText(b, maxHeader); !ok {
			return header{}, false
		}
		*field = string(text)
	}
	return h, len(b) == 0
}

// encode returns the file of these entries.
func encode(entries []entry) []byte {
	b := []byte(magic)
	for _, e := range entries {
		b = appendText(b, string(e.append(nil)))
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(e.sealed))), e.sealed...)
	}
	return b
}

// decode returns the entries of a file up to where it is damaged, which the error tells.
// They may be anybody's: only what can be decrypted is ours. No data is an empty file.
func decode(data []byte) ([]entry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return nil, errMagic
	}
	data = data[len(magic):]
	var entries []entry
	for len(data) > 0 && len(entries) < maxEntries {
		head, rest, ok := cutText(data, maxHeader)
		if !ok {
			return entries, errTruncated
		}
		sealed, rest, ok := cutText(rest, maxEntryBytes)
		if !ok {
			return entries, errTruncated
		}
		h, ok := parseHeader(head)
		if !ok {
			return entries, errTruncated
		}
		entries = append(entries, entry{h, sealed})
		data = rest
	}
	return entries, nil
}

// marshal returns a value's plaintext, which is the caller's to overwrite: texts after their
// lengths, and numbers of 8 bytes; before what may be absent a byte that says whether it is.
func marshal(v *cache.Value) []byte {
	// With room for all, so that no part of it is left behind by a buffer that grew.
	room := v.Text.Len() + v.Binary.Len() + maxHeader
	if v.Parameter != nil {
		room += v.Parameter.SourceResult.Len()
	}
	b := make([]byte, 0, room)
	b = appendText(b, v.ARN)
	b = appendText(b, v.Name)
	b = appendText(b, v.VersionID)
	b = binary.BigEndian.AppendUint64(b, uint64(len(v.Stages)))
	for _, stage := range v.Stages {
		b = appendText(b, stage)
	}
	b = appendOptional(b, v.Text.Reveal())
	b = appendOptional(b, v.Binary.Reveal())
	b = appendTime(b, v.Created)
	b = appendTime(b, v.Ends)
	p := v.Parameter
	if b = append(b, bit(p != nil)); p != nil {
		for _, text := range []*string{p.Type, p.DataType, p.Selector} {
			if b = append(b, bit(text != nil)); text != nil {
				b = appendText(b, *text)
			}
		}
		b = binary.BigEndian.AppendUint64(b, uint64(p.Version))
		b = appendOptional(b, p.SourceResult.Reveal())
	}
	return b
}

// unmarshal is the reverse of marshal. The value shares nothing with b.
func unmarshal(b []byte) (cache.Value, error) {
	r := reader{rest: b}
	v := cache.Value{ARN: r.text(), Name: r.text(), VersionID: r.text()}
	for n := r.number(); n > 0 && !r.failed; n-- {
		v.Stages = append(v.Stages, r.text())
	}
	v.Text, v.Binary = r.value(), r.value()
	v.Created, v.Ends = r.time(), r.time()
	if r.present() {
		v.Parameter = &cache.ParameterInfo{
			Type: r.optional(), DataType: r.optional(), Selector: r.optional(), Version: int64(r.number()), SourceResult: r.value(),
		}
	}
	if r.failed || len(r.rest) > 0 {
		v.Wipe()
		return cache.Value{}, errors.New("fallback: an entry is not what this version of Coffer writes")
	}
	return v, nil
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendOptional(b, text []byte) []byte {
	if b = append(b, bit(text != nil)); text == nil {
		return b
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

func appendTime(b []byte, t time.Time) []byte {
	if b = append(b, bit(!t.IsZero())); t.IsZero() {
		return b
	}
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixNano()))
}

// reader reads what marshal wrote. After a failure it reads nothing.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed = r.failed || n > len(r.rest); r.failed {
		return make([]byte, min(n, 8))
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) number() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) present() bool  { return r.take(1)[0] == 1 }

func (r *reader) bytes() []byte {
	text, rest, ok := cutText(r.rest, maxEntryBytes)
	if r.failed = r.failed || !ok; r.failed {
		return nil
	}
	r.rest = rest
	return text
}

func (r *reader) time() time.Time {
	if !r.present() {
		return time.Time{}
	}
	return time.Unix(0, int64(r.number())).UTC()
}

func (r *reader) text() string { return string(r.bytes()) }

func (r *reader) optional() *string {
	if !r.present() {
		return nil
	}
	return new(r.text())
}

func (r *reader) value() secret.Value {
	if !r.present() {
		return secret.Value{}
	}
	return secret.New(append([]byte{}, r.bytes()...))
}
