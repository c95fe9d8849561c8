// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command empty listens on the port that its argument names and answers a constant as long
// as a secret's answer: what a net/http program costs at least.
package main

import (
	"bytes"
	"net"
	"net/http"
	"os"
)

func main() {
	l, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	body := bytes.Repeat([]byte("x"), 400)
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
}
