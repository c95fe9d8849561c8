// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/rand"
	"fmt"
	"time"
)

// Source is the eventSource of the records that the log writes of itself, their
// event type being TypeServiceEvent.
const Source = "audit.coffer"

// Names of the records that the log writes of itself.
const (
	// NoticeRenamed: the file was renamed (rotated); the chain goes on in this one.
	NoticeRenamed = "LogFileRenamed"
	// NoticeDeleted: the file was deleted; the chain goes on in this one.
	NoticeDeleted = "LogFileDeleted"
	// NoticeMissing: at start there was no file although the anchor knows records;
	// the chain goes on in this one.
	NoticeMissing = "LogFileMissing"
	// NoticeResized: somebody else cut or lengthened the file while it was open.
	NoticeResized = "LogFileResized"
	// NoticeTorn: the end of the file that a crash left torn was moved to "<log>.torn".
	NoticeTorn = "LogTailTorn"
	// NoticeAnchor: one of the anchor's slots was damaged, or the anchor was deleted.
	NoticeAnchor = "LogAnchorDamaged"
)

// notice returns a record of the log about itself. The detail is a JSON object or empty.
func notice(now time.Time, name, detail string) []byte {
	e := Event{
		UserIdentity:        UserIdentity{Type: "AWSService", InvokedBy: Source},
		EventTime:           now,
		EventSource:         Source,
		EventName:           name,
		SourceIPAddress:     Source,
		UserAgent:           Source,
		EventID:             newUUID(),
		EventType:           TypeServiceEvent,
		ServiceEventDetails: []byte(detail),
	}
	return e.AppendJSON(nil)
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:])
}
