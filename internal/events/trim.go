// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// KindTrim is the kind of the jobs that erase events.
const KindTrim = "events-trim"

// spans is how many parts the retention is divided into. The events of one are erased
// together, when its last is old enough.
const spans = 24

// trimLater has events of the account and region erased: those of the event's span when
// their time has come, if it is the span's first; and those too many now, if it is time
// to count them.
func (l *Log) trimLater(tx kv.Tx, e Event, stamp int64, full bool) error {
	if full {
		if err := jobs.Enqueue(tx, KindTrim, e.Time, []byte(kv.Key(e.Account, e.Region))); err != nil {
			return err
		}
	}
	span := max(int64(l.retention/spans), 1)
	begin := stamp - stamp%span
	prefix := Prefix(e.Account, e.Region)
	for _, err := range tx.Scan(kv.Range{Start: prefix + instant(begin), End: prefix + instant(begin+span)}) {
		return err // nil: the span has its job
	}
	return l.trimSpan(tx, e.Account, e.Region, begin+span)
}

// trimSpan has the events before a stamp erased when all of them are old enough.
func (l *Log) trimSpan(tx kv.Tx, account, region string, end int64) error {
	due := time.Unix(0, end).Add(l.retention)
	return jobs.Enqueue(tx, KindTrim, due, []byte(kv.Key(account, region, instant(end))))
}

// Trimmer is the Handler of such jobs.
func (l *Log) Trimmer() jobs.Handler { return jobs.Handler{Do: l.trim} }

var errPayload = errors.New("not the place of events to be erased")

// trim erases what is too old, and what is too much, of an account and region. If the
// retention has become longer since the job was made, there will be another one.
func (l *Log) trim(ctx context.Context, payload []byte) error {
	place := kv.Split(string(payload))
	if len(place) != 2 && len(place) != 3 {
		return errPayload
	}
	old := l.now().Add(-l.retention).UnixNano()
	prefix := Prefix(place[0], place[1])
	end, err := l.surplus(ctx, prefix)
	if err != nil {
		return err
	}
	if err := jobs.EraseRange(ctx, l.store, kv.Range{Prefix: prefix, End: max(end, prefix+instant(old))}); err != nil || len(place) == 2 {
		return err
	}
	stamp, err := strconv.ParseInt(place[2], 16, 64)
	if err != nil {
		return errPayload
	}
	if stamp <= old {
		return nil
	}
	_, err = l.store.Update(ctx, func(tx kv.Tx) error { return l.trimSpan(tx, place[0], place[1], stamp) })
	return err
}

// surplus returns the key of the oldest event that is not too much, or nothing if none is.
func (l *Log) surplus(ctx context.Context, prefix string) (end string, err error) {
	_, err = l.store.View(ctx, func(r kv.Reader) error {
		n := 0
		for pair, err := range r.Scan(kv.Range{Prefix: prefix, Reverse: true}) {
			if err != nil {
				return err
			}
			if n++; n == l.kept {
				end = pair.Key
				break
			}
		}
		return nil
	})
	return end, err
}
