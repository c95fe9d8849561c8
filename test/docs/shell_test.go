// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What bounds a command, so that one that hangs ends the test with a message.
const (
	patience = 3 * time.Minute  // in the foreground: the longest compile a program
	startsIn = 30 * time.Second // in the background: until it has printed what is shown
)

// mark ends the output of each command.
const mark = "\x01that was it\x01"

// shell is a bash that reads commands as they are typed. What it runs in the foreground
// prints to one stream, what it runs in the background to another.
type shell struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	front *stream
	back  *stream
}

// startShell starts a bash in a directory with an environment. It ends with the test, and
// with it all that it has started.
func startShell(tb testing.TB, dir string, env []string) *shell {
	tb.Helper()
	cmd := exec.Command("bash", "--norc", "--noprofile")
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	front, frontEnd := newStream(tb)
	back, backEnd := newStream(tb)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = frontEnd, frontEnd, []*os.File{backEnd}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	frontEnd.Close()
	backEnd.Close()
	s := &shell{cmd, in, front, back}
	tb.Cleanup(func() {
		in.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		for _, stream := range []*stream{front, back} {
			if !stream.ended(patience) {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				tb.Error("a program that the page has started did not end when it was told to")
			}
		}
		_ = cmd.Wait()
	})
	return s
}

// run runs a command and returns the lines that it printed.
func (s *shell) run(text string) ([]string, error) {
	s.front.take()
	script := fmt.Sprintf("%s\n__status=$?; printf '%%s\\n' $'%s'; (exit $__status)\n", text, mark)
	if _, err := io.WriteString(s.in, script); err != nil {
		return nil, err
	}
	out, ok := s.front.wait(patience, func(b []byte) bool { return bytes.Contains(b, []byte(mark)) })
	out, _, _ = strings.Cut(out, mark)
	if !ok {
		return lines(out), fmt.Errorf("the command did not end; until then it printed:\n%s\nand what runs is:\n%s", out, s.stacks())
	}
	return lines(out), nil
}

// stacks ends all that runs, and returns where the programs were, which Go's tell on SIGQUIT.
func (s *shell) stacks() string {
	s.front.take()
	s.back.take()
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGQUIT)
	front, back := s.front.ended(startsIn), s.back.ended(startsIn)
	return fmt.Sprintf("in the foreground (ended: %t):\n%s\nin the background (ended: %t):\n%s", front, s.front.take(), back, s.back.take())
}

// start runs a command in the background, and returns what it has printed as soon as that
// is enough.
func (s *shell) start(text string, enough func([]string) bool) ([]string, error) {
	s.back.take()
	if out, err := s.run(text + " >&3 2>&3 &"); err != nil || len(out) > 0 {
		return out, err
	}
	out, _ := s.back.wait(startsIn, func(b []byte) bool {
		whole := b[:bytes.LastIndexByte(b, '\n')+1]
		return enough(lines(string(whole)))
	})
	return lines(out), nil
}

func lines(out string) []string {
	out = strings.TrimRight(out, "\n")
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

// stream collects what is printed.
type stream struct {
	mu     sync.Mutex
	buffer []byte
	news   chan struct{} // has an element when there is something new
	done   chan struct{} // closed when all who could print have ended
}

// newStream returns a stream and the file to print to.
func newStream(tb testing.TB) (*stream, *os.File) {
	tb.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	s := &stream{news: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer r.Close()
		chunk := make([]byte, 64<<10)
		for {
			n, err := r.Read(chunk)
			s.mu.Lock()
			s.buffer = append(s.buffer, chunk[:n]...)
			s.mu.Unlock()
			select {
			case s.news <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return s, w
}

// take returns what was printed since the last call.
func (s *stream) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := string(s.buffer)
	s.buffer = nil
	return out
}

// wait waits until what was printed is enough, and takes it.
func (s *stream) wait(within time.Duration, enough func([]byte) bool) (string, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		s.mu.Lock()
		ok := enough(s.buffer)
		s.mu.Unlock()
		if ok {
			return s.take(), true
		}
		select {
		case <-s.news:
		case <-s.done:
			out := s.take()
			return out, enough([]byte(out))
		case <-ctx.Done():
			return s.take(), false
		}
	}
}

// ended waits until nobody can print any more.
func (s *stream) ended(within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	select {
	case <-s.done:
		return true
	case <-ctx.Done():
		return false
	}
}
