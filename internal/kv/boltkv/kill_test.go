// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package boltkv_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/boltkv"
)

var killRounds = flag.Int("boltkv.kills", 5, "how many times to kill a writing process")

const killWriters = 16

// The keys of a writer's nth Update, both with the value n; besides, it deletes those of
// the one two before.
func leftKey(writer, n int) string  { return fmt.Sprintf("left/%d/%d", writer, n) }
func rightKey(writer, n int) string { return fmt.Sprintf("right/%d/%d", writer, n) }

// writeForever writes from many goroutines and prints "writer n" for each Update that
// returned. Each writer goes on where it was.
func writeForever(path string) error {
	s, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range killWriters {
		wg.Go(func() {
			for {
				n, err := next(s, w)
				if err == nil {
					// One write to a pipe of so few bytes is whole or not there.
					_, err = fmt.Printf("%d %d\n", w, n)
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// next makes the writer's next Update and returns its number.
func next(s kv.Store, w int) (n int, err error) {
	counter := fmt.Sprintf("counter/%d", w)
	_, err = s.Update(context.Background(), func(tx kv.Tx) error {
		value, err := tx.Get(counter)
		if err != nil {
			return err
		}
		if n = 1; value != nil {
			if n, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
			n++
		}
		b := []byte(strconv.Itoa(n))
		return errors.Join(tx.Put(counter, b), tx.Put(leftKey(w, n), b), tx.Put(rightKey(w, n), b),
			tx.Delete(leftKey(w, n-2)), tx.Delete(rightKey(w, n-2)))
	})
	return n, err
}

// TestKill kills a writing process again and again, at random moments, and looks whether
// all that it told is there and nothing half done.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	told := make([]int, killWriters)
	for round := range *killRounds {
		tell(t, path, told, 1+rand.IntN(2000))
		s := open(t, path, boltkv.Options{})
		for w := range killWriters {
			if err := verifyWriter(t.Context(), s, w, told[w]); err != nil {
				t.Errorf("round %d: writer %d, who told of %d: %v", round, w, told[w], err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := boltkv.CheckBolt(path); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	t.Logf("acknowledged by writer: %v", told)
}

// tell runs the writing process until it has told of so many Updates, kills it, and notes
// all that it told.
func tell(t *testing.T, path string, told []int, lines int) {
	t.Helper()
	cmd := child(t, "write", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// What is in the pipe when the process dies has been told as well, but a last line
	// without an end.
	in := bufio.NewReader(out)
	for seen := 0; ; seen++ {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		var w, n int
		if _, err := fmt.Sscan(line, &w, &n); err != nil {
			t.Fatalf("the writing process says %q", line)
		}
		told[w] = n
		if seen == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the writing process ended by itself: %v", err)
	}
}

// verifyWriter holds that the writer's Updates up to some number, not below told, are
// there as a whole.
func verifyWriter(ctx context.Context, s kv.Store, w, told int) error {
	_, err := s.View(ctx, func(r kv.Reader) error {
		value, err := r.Get(fmt.Sprintf("counter/%d", w))
		if err != nil || (value == nil && told == 0) {
			return err
		}
		n, err := strconv.Atoi(string(value))
		if err != nil || n < told {
			return fmt.Errorf("the counter is %q", value)
		}
		for _, prefix := range []string{fmt.Sprintf("left/%d/", w), fmt.Sprintf("right/%d/", w)} {
			there := make(map[string]string)
			for p, err := range r.Scan(kv.Range{Prefix: prefix}) {
				if err != nil {
					return err
				}
				there[p.Key] = string(p.Value)
			}
			for _, i := range []int{n - 1, n} {
				if key := prefix + strconv.Itoa(i); i > 0 && there[key] != strconv.Itoa(i) {
					return fmt.Errorf("at %d, %s is %q", n, key, there[key])
				}
			}
			if len(there) > 2 {
				return fmt.Errorf("at %d, there is %v", n, there)
			}
		}
		return nil
	})
	return err
}
