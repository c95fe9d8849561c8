// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"time"
)

// fail puts the log into the failed state, until repair succeeds.
func (l *Log) fail(err error) {
	if err != nil && l.fault.CompareAndSwap(nil, &err) {
		wake(l.wake)
	}
}

// writeLoop takes what was queued while the last write ran, writes it, and while the
// log is in the failed state tries to repair it.
func (l *Log) writeLoop() {
	probe := time.NewTimer(probeInterval)
	probe.Stop()
	defer probe.Stop()
	armed := false
	for stopping := false; !stopping; {
		select {
		case <-l.wake:
		case <-probe.C:
			armed = false
			l.repair()
		case <-l.stop:
			stopping = true
			l.repair()
		}
		l.round()
		if !armed && l.fault.Load() != nil {
			probe.Reset(probeInterval)
			armed = true
		}
	}
}

// round writes one batch and tells its callers.
func (l *Log) round() {
	b := l.queue.take()
	if b == nil {
		return
	}
	var err error
	if f := l.fault.Load(); f != nil {
		l.journal.again = append(l.journal.again, b.staged...)
		err = *f
	} else {
		err = l.put(b)
	}
	l.queue.finish(b, err, l.journal.held())
}

// put writes the batch, and syncs it with SyncAlways. What is left of the disk's room is looked
// at after the write, so that it fails the next call and not this one.
func (l *Log) put(b *batch) error {
	err := l.journal.write(b)
	if err == nil && l.interval < 0 {
		err = l.journal.sync()
	}
	wake(l.dirty)
	if err != nil {
		l.fail(err)
		return err
	}
	l.fail(l.journal.room())
	return nil
}

// repair tries to end the failed state.
func (l *Log) repair() {
	if l.fault.Load() == nil {
		return
	}
	err := l.journal.repair()
	if err == nil {
		err = l.journal.write(&batch{}) // what was staged meanwhile
	}
	if err == nil {
		err = l.journal.sync()
	}
	if err == nil && l.replayDue {
		ctx, cancel := context.WithTimeout(context.Background(), sweepTimeout)
		_, err = l.replay(ctx)
		cancel()
		l.replayDue = err != nil
	}
	l.queue.finish(nil, nil, l.journal.held())
	if err != nil {
		l.fault.Store(&err)
		return
	}
	l.fault.Store(nil)
}

// syncLoop syncs an interval after something was written.
func (l *Log) syncLoop() {
	timer := time.NewTimer(l.interval)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-l.dirty:
		case <-l.stop:
			return // Close syncs
		}
		timer.Reset(l.interval)
		select {
		case <-timer.C:
			if l.fault.Load() == nil {
				l.fail(l.journal.sync())
			}
		case <-l.stop:
			return
		}
	}
}
