// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
)

// pingIn bounds a ping: less than what probes of containers wait.
const pingIn = 900 * time.Millisecond

// Ping asks the agent that the environment describes whether it is ready, for probes in
// containers that have no other program. It returns 0 if it is, and else says why not.
func Ping(getenv func(string) string, errs io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), pingIn)
	defer cancel()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(agent.SettingsFrom(getenv).Port))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err == nil {
		err = ask(req)
	}
	if err != nil {
		fmt.Fprintln(errs, "coffer-extension: not ready:", err)
		return 1
	}
	return 0
}

// ask wants an answer of success. It uses no proxy.
func ask(req *http.Request) error {
	to := &http.Transport{DisableKeepAlives: true}
	res, err := to.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the agent answered %s", res.Status)
	}
	return nil
}
