// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// A Mode says what becomes of a call whose record cannot be written.
type Mode int

const (
	// Block refuses the call.
	Block Mode = iota
	// Continue lets the call go ahead, unrecorded and counted (Stats.Unrecorded).
	// Committed writes are recorded all the same, later.
	Continue
)

const (
	// DefaultSyncInterval is how often what is written is synced, unless Options say
	// otherwise: what a power failure can take from the records of calls that only read.
	DefaultSyncInterval = 100 * time.Millisecond
	// SyncAlways as Options.SyncInterval makes Append wait for the sync of its lines.
	SyncAlways time.Duration = -1
	// DefaultMaxBacklog is how many bytes of records may wait for the disk.
	DefaultMaxBacklog = 8 << 20
	// maxBacklogLines is how many records may wait for the disk.
	maxBacklogLines = 1 << 16
	// DefaultReserve is how much room on the disk is allocated ahead, in bytes: enough for the
	// records of some thousand calls under way when the disk becomes full.
	DefaultReserve = 1 << 20
	// probeInterval is how often a log that failed tries to recover.
	probeInterval = 250 * time.Millisecond
)

// Options say where and how a log is kept. The zero value of a field means its default.
type Options struct {
	Path         string           // of the file, not of a symbolic link to it; required
	AnchorKey    []byte           // makes the anchor's MAC; empty means an anchor without one
	SyncInterval time.Duration    // DefaultSyncInterval, or SyncAlways
	Mode         Mode             // Block
	MaxBacklog   int64            // DefaultMaxBacklog
	Reserve      int64            // DefaultReserve
	Store        kv.Store         // where lines are staged; without one Stage fails
	Node         string           // tells this server's staged lines from other servers'; "local"
	Now          func() time.Time // time.Now, for the records that the log writes of itself
	Unsynced     bool             // leaves it to the system when files get onto the disk: for logs of a test
	files        filer            // the operating system's
}

// A Log is an open audit log. Its methods are for concurrent use.
type Log struct {
	mode     Mode
	interval time.Duration
	store    kv.Store
	node     string
	boot     string // prefix of the keys that this Log stages under
	recovery Recovery

	queue   queue
	journal *journal
	sweeper *sweeper

	fault      atomic.Pointer[error] // nil while the log can be written
	staged     atomic.Uint64         // calls that were staged
	deferred   atomic.Int64
	unrecorded atomic.Int64
	replayDue  bool // only Open and the writing goroutine use it

	wake  chan struct{} // for the writing goroutine
	dirty chan struct{} // for the syncing goroutine
	stop  chan struct{}
	wg    sync.WaitGroup
}

// Open opens the log at o.Path, or begins one, checks its end against the anchor, brings what a
// crash left in the store into it, and starts the goroutines that write it; Close
// ends them. It fails with ErrTampered when the log disagrees with its anchor, and
// with ErrLocked when another process has it open. A disk without room is no error of Open: Ready
// tells it, and the log recovers.
func Open(ctx context.Context, o Options) (*Log, error) {
	l, err := newLog(o)
	if err != nil {
		return nil, err
	}
	l.recovery, err = l.journal.open()
	if err != nil {
		return nil, fmt.Errorf("audit: opening %s: %w", o.Path, err)
	}
	if err := l.journal.room(); err != nil {
		l.replayDue = true
		l.fail(err)
	} else if l.recovery.Replayed, err = l.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("audit: opening %s: %w", o.Path, err), l.journal.close())
	}
	l.sweeper.start()
	l.wg.Go(l.writeLoop)
	if l.interval > 0 {
		l.wg.Go(l.syncLoop)
	}
	return l, nil
}

// begin writes what opening the log found worth a record, and what waits in the store.
func (l *Log) begin(ctx context.Context) (replayed int, err error) {
	if err := l.journal.write(&batch{}); err != nil {
		return 0, err
	}
	if replayed, err = l.replay(ctx); err != nil {
		return replayed, err
	}
	return replayed, l.journal.sync()
}

func newLog(o Options) (*Log, error) {
	if o.Path == "" {
		return nil, errors.New("audit: opening a log: no path")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("audit: opening %s: %w", o.Path, err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.files == nil {
		o.files = osFiles{}
	}
	if o.Unsynced {
		o.files = unsynced{o.files}
	}
	if o.Node == "" {
		o.Node = "local"
	}
	if o.SyncInterval == 0 {
		o.SyncInterval = DefaultSyncInterval
	}
	if o.MaxBacklog <= 0 {
		o.MaxBacklog = DefaultMaxBacklog
	}
	if o.Reserve <= 0 {
		o.Reserve = DefaultReserve
	}
	l := &Log{
		mode:     o.Mode,
		interval: o.SyncInterval,
		store:    o.Store,
		node:     o.Node,
		boot:     fmt.Sprintf("%s%016x-%s-", pendingPrefix(o.Node), o.Now().UnixNano(), rand.Text()),
		queue:    queue{limit: o.MaxBacklog, limitLines: maxBacklogLines},
		wake:     make(chan struct{}, 1),
		dirty:    make(chan struct{}, 1),
		stop:     make(chan struct{}),
	}
	l.sweeper = newSweeper(l.forget)
	l.journal = &journal{
		files: o.files, path: path, key: o.AnchorKey, now: o.Now,
		ahead: o.Reserve, chunk: 4 * o.Reserve, durable: l.sweeper.add,
	}
	return l, nil
}

// Recovery says what Open found.
func (l *Log) Recovery() Recovery { return l.recovery }

// Stats are counts and states to be shown as metrics.
type Stats struct {
	Sequence   uint64 // of the last record in the file
	Backlog    int64  // bytes that wait to be written
	Unrecorded int64  // in Continue mode: calls whose lines Append could not write
	Deferred   int64  // committed calls whose records wait in the store for the next Open
	Fault      error  // why the log cannot be written, or nil
}

// Stats returns the log's current figures.
func (l *Log) Stats() Stats {
	s := Stats{
		Sequence:   l.journal.last.Load(),
		Backlog:    l.queue.size.Load() + l.queue.held.Load(),
		Unrecorded: l.unrecorded.Load(),
		Deferred:   l.deferred.Load(),
	}
	if f := l.fault.Load(); f != nil {
		s.Fault = *f
	}
	return s
}

// Ready says whether the record of a call can be written, to be asked before the
// call has any effect: nil, or why the call must be refused. In Continue mode it is nil
// always. It costs some atomic loads.
func (l *Log) Ready() error {
	if l.mode == Continue {
		return nil
	}
	if f := l.fault.Load(); f != nil {
		return *f
	}
	return l.queue.ready()
}

// excuse counts err instead of returning it in Continue mode.
func (l *Log) excuse(err error) error {
	if err == nil || l.mode != Continue {
		return err
	}
	l.unrecorded.Add(1)
	return nil
}

// Append adds the lines, each an event as Event.AppendJSON writes it, and returns
// when they are in the file (with SyncAlways, on disk). They are copied. If ctx ends
// first, Append returns its error, and the lines may be written yet. In Continue mode
// a line that cannot be written is counted, and the error is nil.
func (l *Log) Append(ctx context.Context, lines ...[]byte) error {
	for _, line := range lines {
		if err := checkEvent(line); err != nil {
			return err
		}
	}
	if len(lines) == 0 {
		return nil
	}
	if f := l.fault.Load(); f != nil {
		return l.excuse(*f)
	}
	b, err := l.queue.add(lines)
	if err != nil {
		return l.excuse(err)
	}
	wake(l.wake)
	select {
	case <-b.done:
		return l.excuse(b.err)
	case <-ctx.Done():
		return fmt.Errorf("audit: waiting for the record to be written: %w", context.Cause(ctx))
	}
}

// Close writes and syncs what was appended and committed, deletes from the store
// what is in the file, and ends the log. What cannot be written stays in the store.
// Closing it again does nothing.
func (l *Log) Close() error {
	if !l.queue.close() {
		return nil
	}
	close(l.stop)
	l.wg.Wait()
	err := l.journal.sync()
	l.sweeper.close()
	err = errors.Join(err, l.journal.close())
	if err != nil {
		return fmt.Errorf("audit: closing the log: %w", err)
	}
	return nil
}

// wake puts a token into a channel of capacity 1.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
