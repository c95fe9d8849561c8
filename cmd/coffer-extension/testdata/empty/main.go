// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command empty listens on the port that its argument names and serves nothing: what a
// net/http program costs at least.
package main

import (
	"net"
	"net/http"
	"os"
)

func main() {
	l, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	_ = http.Serve(l, http.NotFoundHandler())
}
