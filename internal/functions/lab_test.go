// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/functions"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const (
	childRole = "role-function"
	name      = "rotate"
	account   = "123456789012"
	region    = "eu-west-1"
	functARN  = "arn:aws:lambda:" + region + ":" + account + ":function:" + name
	// canary stands in events and answers, and in no error and no log.
	canary = "hunter2-canary"
)

// child is a function that does what its event says.
func child(ctx context.Context, event []byte) ([]byte, error) {
	var in struct{ Do string }
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, err
	}
	switch in.Do {
	case "succeed":
		return event, nil
	case "call": // the server, and tell it who and where this is
		return nil, callServer(ctx)
	case "fail":
		return nil, errors.New("the database said no")
	case "exit":
		os.Exit(3)
	case "hang":
		<-ctx.Done()
		select {}
	case "answer much":
		return bytes.Repeat([]byte("x"), lambdahost.MaxPayload+1), nil
	case "print":
		fmt.Println("a line of the program")
		return nil, nil
	}
	return nil, fmt.Errorf("nothing to do for %q", in.Do)
}

func callServer(ctx context.Context) error {
	report, err := json.Marshal(call{os.Getpid(), os.Environ()})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("AWS_ENDPOINT_URL"), bytes.NewReader(report))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// call is what a program told of itself.
type call struct {
	PID     int
	Environ []string
}

func (c call) env(name string) string {
	for _, pair := range c.Environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// event is a child's event that has the canary in it.
func event(do string) []byte { return fmt.Appendf(nil, `{"do":%q,"value":%q}`, do, canary) }

// lab is a Runner with everything that it stands on.
type lab struct {
	*functions.Runner
	t        *testing.T
	server   *httptest.Server
	calls    chan call     // what programs tell the server
	answer   chan struct{} // each call is answered when something comes out of it; nil: at once
	sessions *sessions
	log      *logged

	mu    sync.Mutex
	ahead time.Duration // of the clock
}

// sessions are what programs are given, by number.
type sessions struct {
	lab       *lab
	withdrawn chan string // access keys
	fail      error

	mu     sync.Mutex
	opened []string // "account role function"
	ended  int
}

func (s *sessions) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.opened) - s.ended
}

func (s *sessions) Open(_ context.Context, account, role, function string) (lambdahost.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return lambdahost.Credentials{}, s.fail
	}
	s.opened = append(s.opened, account+" "+role+" "+function)
	return lambdahost.Credentials{
		AccessKeyID: fmt.Sprintf("ASIA%d", len(s.opened)), SecretAccessKey: secret.NewText("key-" + canary),
		SessionToken: secret.NewText("token-" + canary), Expiration: s.lab.now().Add(time.Hour),
	}, nil
}

func (s *sessions) Withdraw(_ context.Context, key string) error {
	s.mu.Lock()
	s.ended++
	s.mu.Unlock()
	s.withdrawn <- key
	return nil
}

func (l *lab) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.ahead)
}

// passes moves the clock ahead.
func (l *lab) passes(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead += d
}

// logged is a log that tests can read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// program describes this binary as a function.
func program(t *testing.T) functions.Function {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs process groups and signals")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return functions.Function{
		ARN: functARN, Timeout: time.Minute,
		Program: &functions.Program{Command: []string{self, childRole}, Role: "rotator"},
	}
}

// open returns a lab that is taken down with the test, when everything that it started
// must be gone and nothing secret in its log.
func open(t *testing.T, configure func(*lab, *functions.Config), all ...functions.Function) *lab {
	t.Helper()
	l := &lab{t: t, calls: make(chan call, 100), log: new(logged)}
	l.sessions = &sessions{lab: l, withdrawn: make(chan string, 100)}
	l.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c call
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			t.Error(err)
		}
		l.calls <- c
		if l.answer == nil {
			return
		}
		select {
		case <-l.answer:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(l.server.Close)
	config := functions.Config{
		Functions: all, Sessions: l.sessions, Now: l.now,
		Server: func(context.Context) (functions.Address, error) { return functions.Address{URL: l.server.URL}, nil },
		Getenv: func(string) string { return "" },
		Log:    slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if configure != nil {
		configure(l, &config)
	}
	var err error
	if l.Runner, err = functions.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if left := l.sessions.live(); left != 0 {
			t.Errorf("%d sessions are left", left)
		}
		if strings.Contains(l.log.String(), canary) {
			t.Errorf("the log has what a function was given:\n%s", l.log)
		}
	})
	return l
}
