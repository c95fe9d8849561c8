// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package events keeps what happened for those who want to know: events in the form
// that EventBridge gives them, published in the transaction of what they tell, so that
// there is an event exactly if there is the change.
//
// The events of an account and region are in the store in the order in which they were
// committed, which is nearly that of their times: each has a stamp, and a Log gives out
// stamps that only grow, whatever the clock does. So a reader who keeps the Cursor of the
// last event that it has dealt with, wherever and for however long, goes on after it and
// misses none; with kv.Store's Watch of Prefix it learns when there are more. This holds
// while one Log publishes into a store whose transactions run one after another, as the
// embedded one's do.
//
// Events are kept for a time, and up to a number in each account and region: a job
// erases what is older or more.
package events

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/coffer-secrets/coffer/internal/kv"
)

const table = "events"

// What is kept unless Open is told otherwise.
const (
	// DefaultRetention is as long as EventBridge tries to deliver an event by default.
	DefaultRetention = 24 * time.Hour
	// DefaultKept is a number of events of one account and region: about 60 MB.
	DefaultKept = 100_000
)

// Event is one event in EventBridge's envelope:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
type Event struct {
	// Version is "0", of which Publish takes care.
	Version string `json:"version"`
	// ID is a UUID of the event's own.
	ID string `json:"id"`
	// DetailType and Source say what Detail is: "Parameter Store Change" of "aws.ssm".
	DetailType string `json:"detail-type"`
	Source     string `json:"source"`
	// Account and Region are where it happened.
	Account string `json:"account"`
	// Time is when it happened, to the second.
	Time   time.Time `json:"time"`
	Region string    `json:"region"`
	// Resources are the ARNs of what it is about.
	Resources []string `json:"resources"`
	// Detail is a JSON object. It holds no secret.
	Detail jsontext.Value `json:"detail"`
}

// Cursor is a place among the events of an account and region. It is made to be kept.
// The zero Cursor is before the first.
type Cursor string

// At returns the place before all events from that time on.
func At(t time.Time) Cursor { return Cursor(instant(t.UnixNano())) }

// Time returns the time that At was told, or nothing for the place of an event.
func (c Cursor) Time() (t time.Time, ok bool) {
	stamp, err := strconv.ParseInt(string(c), 16, 64)
	return time.Unix(0, stamp), err == nil
}

// Last returns the place of the last event of an account and region: the zero Cursor if
// there is none.
func Last(r kv.Reader, account, region string) (Cursor, error) {
	prefix := Prefix(account, region)
	for pair, err := range r.Scan(kv.Range{Prefix: prefix, Reverse: true}) {
		if err != nil {
			return "", err
		}
		return Cursor(pair.Key[len(prefix):]), nil
	}
	return "", nil
}

// Kept reports whether the event at the cursor has not been erased yet: then none after it
// has.
func Kept(r kv.Reader, account, region string, c Cursor) (bool, error) {
	value, err := r.Get(Prefix(account, region) + string(c))
	return value != nil, err
}

// Entry is an event with the place after it.
type Entry struct {
	Event
	Cursor Cursor
}

// Log publishes events. It is for concurrent use. A nil Log publishes nothing.
type Log struct {
	store     kv.Store
	retention time.Duration
	kept      int
	now       func() time.Time

	mu        sync.Mutex
	last      int64 // stamp
	published int   // since the start
}

// Config is what a Log stands on. Store is required.
type Config struct {
	Store kv.Store
	// Retention is how long events are kept. Zero means DefaultRetention.
	Retention time.Duration
	// Kept is how many events of an account and region are kept: it may be a hundredth
	// more. Zero means DefaultKept.
	Kept int
	// Now is the clock by which they are erased. Nil means time.Now.
	Now func() time.Time
}

// Open returns the Log of a store. It looks for the last stamp that was given out.
func Open(ctx context.Context, c Config) (*Log, error) {
	l := &Log{
		store: c.Store, retention: cmp.Or(c.Retention, DefaultRetention), kept: cmp.Or(c.Kept, DefaultKept), now: c.Now,
	}
	if l.now == nil {
		l.now = time.Now
	}
	_, err := c.Store.View(ctx, func(r kv.Reader) (err error) {
		l.last, err = lastStamp(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return l, nil
}

// Publish writes an event within tx.
func (l *Log) Publish(tx kv.Tx, e Event) error {
	if l == nil {
		return nil
	}
	stamp, full := l.stamp(e.Time)
	if err := l.trimLater(tx, e, stamp, full); err != nil {
		return err
	}
	e.Version, e.Time = "0", e.Time.UTC().Truncate(time.Second)
	data, err := json.Marshal(&e)
	if err != nil {
		return fmt.Errorf("encoding an event %q: %w", e.DetailType, err)
	}
	return tx.Put(kv.Key(table, e.Account, e.Region, instant(stamp), rand.Text()[:8]), data)
}

// stamp gives out the next stamp, for an event of that time. Full says that enough were
// given out for the events to be counted again.
func (l *Log) stamp(t time.Time) (stamp int64, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(l.last+1, t.UnixNano())
	l.published++
	return l.last, l.published%max(l.kept/100, 1) == 0
}

// Prefix begins the keys of the events of an account and region, and no others.
func Prefix(account, region string) string { return kv.Prefix(table, account, region) }

// Read yields the events of an account and region after the cursor, oldest first.
func Read(r kv.Reader, account, region string, after Cursor) iter.Seq2[Entry, error] {
	prefix := Prefix(account, region)
	scan := kv.Range{Prefix: prefix}
	if after != "" {
		scan.Start = prefix + string(after) + "\x00"
	}
	return func(yield func(Entry, error) bool) {
		for pair, err := range r.Scan(scan) {
			entry := Entry{}
			if err == nil {
				entry.Cursor = Cursor(pair.Key[len(prefix):])
				if json.Unmarshal(pair.Value, &entry.Event) != nil {
					err = fmt.Errorf("event %s: not what this version of Coffer writes", pair.Key)
				}
			}
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

// instant is a stamp as a segment of a key, in the order of stamps.
func instant(stamp int64) string { return fmt.Sprintf("%016x", max(stamp, 0)) }

// lastStamp returns the greatest stamp in the store. It looks at one event of each
// account and region.
func lastStamp(r kv.Reader) (last int64, err error) {
	all := kv.Range{Prefix: kv.Prefix(table), Reverse: true}
	for {
		at := ""
		for pair, err := range r.Scan(all) {
			if err != nil {
				return 0, err
			}
			at = pair.Key
			break
		}
		if at == "" {
			return last, nil
		}
		segments := kv.Split(at)
		if len(segments) != 5 {
			return 0, fmt.Errorf("%s is not the key of an event", at)
		}
		stamp, err := strconv.ParseInt(segments[3], 16, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is not the key of an event", at)
		}
		last = max(last, stamp)
		all.End = Prefix(segments[1], segments[2])
	}
}
