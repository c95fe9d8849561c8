// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package test holds a real server process to what is promised of it, from outside:
// that nothing acknowledged is lost when it is killed, that full disks and lost logs
// do no harm, that no input gets through or brings it down, that no plaintext is left
// lying about, and that AWS's own clients work with it as they are.
package test
