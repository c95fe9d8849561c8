// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/runtimes"
	"github.com/coffer-secrets/coffer/internal/ui"
)

// startFunction builds the function and the extension, and starts them in a local
// Lambda host under the role's credentials.
func (d *demo) startFunction(ctx context.Context) error {
	function, err := d.program(ctx, d.options.Function, "function", "internal/demo/function")
	if err != nil {
		return err
	}
	extension, err := d.program(ctx, d.options.Extension, "coffer-extension", "cmd/coffer-extension")
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	d.host, err = lambdahost.Start(ctx, lambdahost.Config{
		Function:     lambdahost.Process{Command: []string{function}},
		Extensions:   []lambdahost.Extension{{Process: lambdahost.Process{Command: []string{extension}}}},
		FunctionName: "orders", Region: d.server.Config.Region, AccountID: d.server.Config.Account,
		Timeout: 10 * time.Second, Credentials: d.role,
		Env: map[string]string{
			"AWS_ENDPOINT_URL":                       "http://" + d.addr,
			"COFFER_PREFETCH":                        secretName,
			"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": strconv.Itoa(port),
			"SECRETS_MANAGER_TTL":                    strconv.Itoa(int(TTL.Seconds())),
		},
		Output: func(source, line string) {
			fmt.Fprintf(d.out, "   %s %s\n", d.paint.Dim(source+":"), d.paint.Dim(line))
		},
	})
	if err != nil {
		return err
	}
	d.saw("the extension listens on 127.0.0.1:%d and has prefetched %s", port, secretName)
	return nil
}

// freePort returns a port that nothing listens on at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// program returns the path of a program: the one given, or one that is built now.
func (d *demo) program(ctx context.Context, given, name, path string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	fmt.Fprintf(d.out, "   %s\n", d.paint.Dim("building "+name+" ..."))
	built, err := runtimes.BuildOwn(ctx, d.work, name, path)
	if err != nil {
		return "", fmt.Errorf("%w; run the demo in a checkout, or give --function and --extension", err)
	}
	return built, nil
}

// verify reads the audit log of a server that has stopped, and verifies it.
func (d *demo) verify(ctx context.Context) error {
	d.begin("The audit log tells the story")
	file := d.server.Config.AuditFile
	for r, err := range audit.Records(ctx, file, audit.ReadOptions{}) {
		if err != nil {
			return err
		}
		fmt.Fprint(d.out, "   ")
		if err := ui.Record(d.out, r); err != nil {
			return err
		}
	}
	key, err := d.server.Config.AnchorKey(ctx)
	if err != nil {
		return err
	}
	d.begin("And nobody changed it")
	report, err := audit.Verify([]string{file}, audit.VerifyOptions{Key: key.Reveal()})
	if err != nil {
		return err
	}
	d.saw("%d records, chained and anchored", report.Records)
	if err := want(report.MACChecked && report.Records > 0, "the anchor was not checked"); err != nil {
		return err
	}
	fmt.Fprintln(d.out, d.paint.Green("Every step held."))
	return nil
}
