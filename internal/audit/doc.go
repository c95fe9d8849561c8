// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package audit keeps the record of every call: who asked what of which
// resource, from where, and what came of it.
//
// A record is an Event, one JSON object on one line, with the members of a
// CloudTrail record. Nothing sensitive reaches this package: the caller hands in
// parameters that it has redacted.
//
// # The log and its anchor
//
// Lines go to one file that only grows. Each line names its place and the SHA-256
// of the line before it (without its newline; 32 zero bytes before the first), so
// that a line that was edited, removed, inserted or moved breaks the chain:
//
//	{"eventVersion":"1.11",...,"chain":{"sequence":7,"previous":"<64 hex digits>"}}
//
// A chain alone does not show that its end was cut off, or that somebody computed
// all of it anew. So a small file beside it, the anchor ("<log>.anchor"), holds the
// sequence and the hash of the last line known to be on disk, under a MAC. It is
// written after each sync, never before: lines beyond the anchor are normal after
// a crash, a log that ends before it is not. What the anchor cannot show is that the
// log and the anchor were both put back to an earlier state together.
//
// # Nothing happens unaudited
//
// Ready says, before a call is executed, whether its record can be written: the
// file is there, its last write and sync passed, the backlog is bounded, and room
// is allocated on the disk ahead of the end. A call that only reads is recorded by
// Append, which waits for the line (for its sync too, with SyncAlways). A call
// that writes is recorded in its own transaction: Stage puts the lines into the
// store beside the effect, and after the commit Committed queues them for the file.
// When they are synced there, the store's copy is deleted; what a crash left in
// the store is put into the file, once, by the next Open. So the effect and its
// record are there together or not at all.
//
// # When Open refuses
//
// Open compares the log's end with the anchor and fails with an error that wraps
// ErrTampered when they disagree. To start again, keep both files as
// evidence: move the log and its anchor to another directory. The next Open begins
// a new chain at sequence 1. A log that is merely renamed (rotated), running or not,
// is no fault: the chain goes on in a new file, whose first line says so.
package audit
