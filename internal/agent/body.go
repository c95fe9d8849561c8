// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/base64"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// timeLayout is RFC 3339 with milliseconds in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// maxPooled is the largest buffer in bytes that is kept for the next answer.
const maxPooled = 64 << 10

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// withBuffer lends f a buffer with so much room. f returns it as it is then, and it is
// overwritten before anybody else gets it.
func withBuffer(room int, f func([]byte) []byte) {
	buffer := buffers.Get().(*[]byte)
	b := f(slices.Grow((*buffer)[:0], room))
	clear(b)
	if cap(b) <= maxPooled {
		*buffer = b[:0]
		buffers.Put(buffer)
	}
}

// room is what a value's body takes, unless an unusual number of its characters is to be
// escaped. A buffer that grew would leave parts of the value behind.
func room(v *cache.Value) int {
	const other = 2 << 10 // member names, times, ids, labels
	n := 2*v.Text.Len() + base64.StdEncoding.EncodedLen(v.Binary.Len()) + len(v.ARN) + len(v.Name) + other
	if v.Parameter != nil {
		n += 2 * v.Parameter.SourceResult.Len()
	}
	return n
}

// appendBody writes a value as the AWS extension does: every member is there.
func appendBody(b []byte, v *cache.Value) []byte {
	if v.Parameter != nil {
		return appendParameter(b, v)
	}
	b = appendMember(b, `{"ARN":`, v.ARN)
	b = appendTime(append(b, `,"CreatedDate":`...), v.Created)
	b = appendMember(b, `,"Name":`, v.Name)
	b = append(b, `,"SecretBinary":`...)
	b = appendBinary(b, v.Binary)
	b = appendSecret(append(b, `,"SecretString":`...), v.Text)
	b = appendMember(b, `,"VersionId":`, v.VersionID)
	b = append(b, `,"VersionStages":`...)
	b = appendStages(b, v.Stages)
	return append(b, `,"ResultMetadata":{}}`...)
}

func appendParameter(b []byte, v *cache.Value) []byte {
	p := v.Parameter
	b = appendMember(b, `{"Parameter":{"ARN":`, v.ARN)
	b = appendOptional(append(b, `,"DataType":`...), p.DataType)
	b = appendTime(append(b, `,"LastModifiedDate":`...), v.Created)
	b = appendMember(b, `,"Name":`, v.Name)
	b = appendOptional(append(b, `,"Selector":`...), p.Selector)
	b = appendSecret(append(b, `,"SourceResult":`...), p.SourceResult)
	b = appendOptional(append(b, `,"Type":`...), p.Type)
	b = appendSecret(append(b, `,"Value":`...), v.Text)
	b = strconv.AppendInt(append(b, `,"Version":`...), p.Version, 10)
	return append(b, `},"ResultMetadata":{}}`...)
}

// appendMember appends a member whose empty value is absent.
func appendMember(b []byte, name, value string) []byte {
	b = append(b, name...)
	if value == "" {
		return append(b, "null"...)
	}
	return api.AppendString(b, value)
}

func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return api.AppendString(b, *s)
}

func appendSecret(b []byte, v secret.Value) []byte {
	if v.IsZero() {
		return append(b, "null"...)
	}
	return api.AppendString(b, v.Reveal())
}

func appendBinary(b []byte, v secret.Value) []byte {
	if v.IsZero() {
		return append(b, "null"...)
	}
	b = base64.StdEncoding.AppendEncode(append(b, '"'), v.Reveal())
	return append(b, '"')
}

func appendStages(b []byte, stages []string) []byte {
	if stages == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, s := range stages {
		if i > 0 {
			b = append(b, ',')
		}
		b = api.AppendString(b, s)
	}
	return append(b, ']')
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"')
}
