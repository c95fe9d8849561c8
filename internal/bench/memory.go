// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"os"
	"strings"
)

// Memory is what of a process is resident, in bytes. File is memory that the kernel
// maps files into, such as the database's pages that were read, and takes back when
// something else needs it.
type Memory struct {
	Anonymous, File int64
}

// MemoryOf reads the memory of a process from /proc, which Linux has.
func MemoryOf(pid int) (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	var m Memory
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		var to *int64
		switch name {
		case "RssAnon":
			to = &m.Anonymous
		case "RssFile":
			to = &m.File
		default:
			continue
		}
		if _, err := fmt.Sscanf(rest, "%d kB", to); err != nil {
			return Memory{}, fmt.Errorf("/proc/%d/status: %s: %w", pid, name, err)
		}
		*to *= 1024
	}
	return m, nil
}
