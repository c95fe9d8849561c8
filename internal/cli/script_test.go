// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	bolt "go.etcd.io/bbolt"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/iam"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/cli"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/extension"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// TestMain makes programs of this one that the scripts run: the command itself, and a
// client.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"coffer": func() { os.Exit(cli.Main(os.Args[1:])) },
		"call":   func() { os.Exit(call(os.Args[1:])) },
		"linger": linger,
		// The extension, and a function that is a runtime itself.
		"coffer-extension": func() { os.Exit(extension.Main(os.Args, os.Stdout, os.Stderr)) },
		"function":         func() { os.Exit(lambdahost.RunMain(lambdahost.Serve(function))) },
	})
}

// TestScripts runs the scripts in testdata/script. Beside testscript's own they have
// these commands:
//
//	call TARGET BODY       makes an AWS call, by the environment, and prints the answer
//	linger                 runs until it is interrupted, and says so
//	freeport NAME          sets a variable to a port that nobody listens on
//	hold NAME              listens on a port, for a port that is in use
//	ready URL              waits until a server says that it is healthy
//	fetch URL              gets a URL, and prints status and body
//	flip FILE OFFSET       changes one byte; a negative offset counts from the end
//	truncate FILE SIZE     cuts a file
//	newer FILE             marks a database as one of a newer version
//	issuer NAME SAYS...    runs an issuer that somebody logs in at, and sets a variable to
//	                       its URL; SAYS are the errors that it answers with first, or
//	                       -norefresh
//	asked NAME             waits until somebody logs in at that issuer
//	forget NAME            has that issuer forget its refresh token
//	ends FILE DURATION     has a session end that far from now
func TestScripts(t *testing.T) {
	t.Parallel()
	people := &people{t: t}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_PROXY", "*")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": freePort, "hold": hold, "ready": ready, "fetch": fetch,
			"flip": flip, "truncate": truncate, "newer": newer,
			"issuer": people.issuer, "asked": people.asked, "forget": people.forget, "ends": ends,
		},
	})
}

// call is the client.
func call(args []string) int {
	prefix, operation, _ := strings.Cut(args[0], ".")
	service := map[string]*api.Service{
		"secretsmanager": secretsmanager.Service, "AmazonSSM": ssm.Service, "TrentService": kms.Service, "iam": iam.Service,
	}[prefix]
	c, err := client.New(client.Config{})
	if err == nil {
		var out []byte
		if out, err = c.Call(context.Background(), service, operation, []byte(args[1])); err == nil {
			fmt.Println(string(out))
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// function answers with its event, and with the length of the secret that its variable
// SECRET names, if it has one.
func function(ctx context.Context, event []byte) ([]byte, error) {
	answer := map[string]any{"event": json.RawMessage(event)}
	if name := os.Getenv("SECRET"); name != "" {
		value, err := coffer.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		answer["length"] = len(value)
	}
	return json.Marshal(answer)
}

func linger() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Println("lingering")
	<-ctx.Done()
	fmt.Println("told to stop")
}

func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}

func hold(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// readyWithin bounds the wait for a server, so that one that does not start ends the
// test with a message.
const readyWithin = 30 * time.Second

func ready(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0]+"/healthz", nil)
		ts.Check(err)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		pause(ctx, 10*time.Millisecond)
	}
	ts.Fatalf("%s did not become ready", args[0])
}

func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

func fetch(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, body.Bytes())
}

func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 1
	ts.Check(os.WriteFile(path, data, 0o600))
}

func truncate(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// newer writes the format's record as the next version would.
func newer(ts *testscript.TestScript, _ bool, args []string) {
	db, err := bolt.Open(ts.MkAbs(args[0]), 0o600, nil)
	ts.Check(err)
	defer db.Close()
	ts.Check(db.Update(func(tx *bolt.Tx) error {
		key := []byte("format")
		b := tx.Bucket([]byte("coffer"))
		if old := b.Get(key); len(old) != 5 || old[0] != '1' {
			return fmt.Errorf("the format is %q: this test knows \"1\" and a sum", old)
		}
		sum := crc32.Checksum(append(append([]byte{}, key...), '2'), crc32.MakeTable(crc32.Castagnoli))
		return b.Put(key, binary.BigEndian.AppendUint32([]byte{'2'}, sum))
	}))
}
