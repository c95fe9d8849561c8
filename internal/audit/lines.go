// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"errors"
	"io"
)

// Errors of a lineReader, beside io.EOF and the reader's own.
var (
	errTorn    = errors.New("the last line has no end")
	errTooLong = errors.New("the line is longer than any record")
)

// A lineReader reads lines in bounded memory.
type lineReader struct {
	r      *bufio.Reader
	buf    []byte
	offset int64 // of the line that was returned last
	end    int64 // where the next line begins
}

func newLineReader(r io.Reader, offset int64) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), offset: offset, end: offset}
}

// next returns the next line without its newline, valid until the next call. At the end it
// returns io.EOF, or errTorn with what follows the last newline.
func (l *lineReader) next() ([]byte, error) {
	l.offset = l.end
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.end += int64(len(part))
		if len(l.buf)+len(part) > MaxLine+1 {
			return nil, errTooLong
		}
		if err == nil && len(l.buf) == 0 {
			return part[:len(part)-1], nil
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil:
			return l.buf[:len(l.buf)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.buf) > 0:
			return l.buf, errTorn
		default:
			return nil, err
		}
	}
}
