// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package invoke

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/runtimes"
)

// portVariable is where the function finds the extension's port, as with AWS's.
const portVariable = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"

// extension adds the extension to the configuration, with the tap before it.
func (o *Options) extension(ctx context.Context, s *Session, cfg *lambdahost.Config, work string) error {
	if o.Extension == NoExtension {
		return nil
	}
	program, err := o.extensionProgram(ctx, work)
	if err != nil {
		return err
	}
	behind, err := freePort()
	if err != nil {
		return err
	}
	listener, err := o.listen()
	if err != nil {
		return err
	}
	s.tap = newTap(listener, behind, cfg.Env["COFFER_AGENT_TOKEN"])
	s.onClose(s.tap.close)
	port := listener.Addr().(*net.TCPAddr).Port
	cfg.Env[portVariable] = strconv.Itoa(port)
	cfg.Output = func(source, line string) { // which is to tell of the port that the function knows
		o.Output(source, strings.ReplaceAll(line, fmt.Sprintf("127.0.0.1:%d", behind), fmt.Sprintf("127.0.0.1:%d", port)))
	}
	cfg.Extensions = []lambdahost.Extension{{
		Process: lambdahost.Process{Command: []string{program}},
		Env:     map[string]string{portVariable: strconv.Itoa(behind)},
	}}
	return nil
}

func (o *Options) extensionProgram(ctx context.Context, work string) (string, error) {
	if o.Extension != "" {
		path, err := filepath.Abs(o.Extension)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			return "", fmt.Errorf("the extension: %w", err)
		}
		return path, nil
	}
	if path, ok := runtimes.Beside("coffer-extension"); ok {
		return path, nil
	}
	o.Output("coffer", "building coffer-extension ...")
	path, err := runtimes.BuildOwn(ctx, work, "coffer-extension", "cmd/coffer-extension")
	if err != nil {
		return "", fmt.Errorf("there is no coffer-extension beside this program or on PATH, and %w; --extension names another", err)
	}
	return path, nil
}

// listen opens the port that the function is told of.
func (o *Options) listen() (net.Listener, error) {
	port := o.Port
	if text := o.Getenv(portVariable); port == 0 && text != "" {
		var err error
		if port, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("%s is not a number: %q", portVariable, text)
		}
	}
	if port != 0 {
		return agent.Listen(port)
	}
	l, err := agent.Listen(agent.DefaultPort)
	if err == nil {
		return l, nil
	}
	if l, err = agent.Listen(0); err != nil {
		return nil, err
	}
	o.Output("coffer", fmt.Sprintf("port %d is taken: the function finds the extension by %s=%d", agent.DefaultPort, portVariable, l.Addr().(*net.TCPAddr).Port))
	return l, nil
}

// freePort returns a port that nothing listens on at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
