// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/kv/memkv"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// engine is a store with an Update of the test's.
type engine struct {
	kv.Store
	update func(ctx context.Context, inner kv.Store, fn func(kv.Tx) error) (kv.Rev, error)
}

// Update implements kv.Store.
func (e engine) Update(ctx context.Context, fn func(kv.Tx) error) (kv.Rev, error) {
	return e.update(ctx, e.Store, fn)
}

func withUpdate(update func(ctx context.Context, inner kv.Store, fn func(kv.Tx) error) (kv.Rev, error)) func(kv.Store) kv.Store {
	return func(s kv.Store) kv.Store { return engine{s, update} }
}

var errConflict = errors.New("a conflict")

// twice runs a transaction again, as engines do after a conflict.
func twice(ctx context.Context, inner kv.Store, fn func(kv.Tx) error) (kv.Rev, error) {
	_, err := inner.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), errConflict) })
	if !errors.Is(err, errConflict) {
		return 0, err
	}
	return inner.Update(ctx, fn)
}

// TestEffectAndRecordAreOneTransaction looks at the store right after the commit.
func TestEffectAndRecordAreOneTransaction(t *testing.T) {
	t.Parallel()
	var once sync.Once
	var effects, pending int
	w := newWorld(t, withUpdate(func(ctx context.Context, inner kv.Store, fn func(kv.Tx) error) (kv.Rev, error) {
		rev, err := inner.Update(ctx, fn)
		once.Do(func() { effects, pending = count(t, inner, "text/"), count(t, inner, "audit/pending/") })
		return rev, err
	}))
	bindSecrets(w)
	if got := w.call(put, `{"SecretId":"a","SecretString":"hidden"}`); got.Status != 200 {
		t.Fatalf("answered %+v", got)
	}
	if effects != 1 || pending != 1 {
		t.Errorf("the commit had %d effects and %d records", effects, pending)
	}
	records := w.records()
	if len(records) != 1 || records[0].EventName != "PutSecretValue" || records[0].ReadOnly || records[0].ErrorCode != "" {
		t.Errorf("recorded %s", show(records))
	}
	if line := string(records[0].Line); strings.Contains(line, "hidden") || !strings.Contains(line, `"secretId":"a"`) {
		t.Errorf("the record is %s", line)
	}
}

func count(t *testing.T, s kv.Store, prefix string) (n int) {
	t.Helper()
	if _, err := s.View(context.Background(), func(r kv.Reader) error {
		n = 0
		for _, err := range r.Scan(kv.Range{Prefix: prefix}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	return n
}

// TestRunsAgain holds that a transaction which runs several times has one effect and
// one record.
func TestRunsAgain(t *testing.T) {
	t.Parallel()
	runs := 0
	w := newWorld(t, withUpdate(twice))
	gate.Write(w.Gate, secretsmanager.PutSecretValue, namedPut(), func(_ context.Context, tx kv.Tx, call *gate.Call, in *putIn) (*putOut, error) {
		runs++
		old, err := tx.Get("text/a")
		if err != nil {
			return nil, err
		}
		return &putOut{}, tx.Put("text/a", append(old, 'x'))
	})
	if got := w.call(put, `{"SecretId":"a","SecretString":"s"}`); got.Status != 200 {
		t.Fatalf("answered %+v", got)
	}
	if got := w.value("text/a"); runs != 2 || got != "x" {
		t.Errorf("%d runs left %q", runs, got)
	}
	if records := w.records(); len(records) != 1 || len(records[0].Resources) != 1 {
		t.Errorf("recorded %s", show(records))
	}
}

// TestNotCommitted holds that a write whose commit fails has no effect, is answered
// as one that failed, and recorded so once.
func TestNotCommitted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		code   string
		status int
	}{
		"no room":        {kv.ErrFull, "ServiceUnavailable", 503},
		"a bad disk":     {kv.ErrReadOnly, "ServiceUnavailable", 503},
		"closed":         {kv.ErrClosed, "ServiceUnavailable", 503},
		"cancelled":      {context.Canceled, "ServiceUnavailable", 503},
		"something else": {errConflict, "InternalFailure", 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withUpdate(func(ctx context.Context, inner kv.Store, fn func(kv.Tx) error) (kv.Rev, error) {
				_, err := inner.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), errConflict) })
				return 0, errors.Join(c.err, errors.Unwrap(err))
			}))
			bindSecrets(w)
			got := w.call(put, `{"SecretId":"a","SecretString":"s"}`)
			if got.Status != c.status || got.Code != c.code || w.value("text/a") != "" {
				t.Errorf("answered %+v", got)
			}
			if n := count(t, w.store, "audit/"); n != 0 {
				t.Errorf("%d records are staged", n)
			}
			if records := w.records(); len(records) != 1 || records[0].ErrorCode != c.code || records[0].ErrorMessage != got.Message {
				t.Errorf("recorded %s", show(records))
			}
		})
	}
}

// TestUnrecordedCallsAreRefused holds that while the log takes no records, neither a
// read nor a write is done, and neither is what would have been refused anyway told.
func TestUnrecordedCallsAreRefused(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*world){
		"closed": func(w *world) {
			if err := w.audit.Close(); err != nil {
				w.t.Fatal(err)
			}
		},
		"full": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			if fault == nil {
				fault = fill(t, w)
			}
			handled := 0
			gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(context.Context, kv.Reader, *gate.Call, *getIn) (*getOut, error) {
				handled++
				return &getOut{SecretString: secret.NewText("hidden")}, nil
			})
			gate.Write(w.Gate, secretsmanager.PutSecretValue, namedPut(), func(_ context.Context, tx kv.Tx, call *gate.Call, _ *putIn) (*putOut, error) {
				handled++
				return &putOut{}, tx.Put("text/a", []byte("x"))
			})
			fault(w)
			unsigned := w.request(get, `{"SecretId":"a"}`)
			unsigned.Header.Del("Authorization")
			for what, got := range map[string]reply{
				"a read":            w.call(get, `{"SecretId":"a"}`),
				"a write":           w.call(put, `{"SecretId":"a","SecretString":"s"}`),
				"an unsigned call":  w.do(unsigned),
				"an invalid call":   w.call(get, `{}`),
				"an unreadable one": w.call(get, `{`),
			} {
				if got.Status != 503 || got.Code != "ServiceUnavailable" || !strings.Contains(got.Message, "audit log") {
					t.Errorf("%s: %+v", what, got)
				}
			}
			if handled != 0 || count(t, w.store, "") != 0 {
				t.Errorf("%d calls were handled, the store has %d keys", handled, count(t, w.store, ""))
			}
		})
	}
}

// fill has the world's log on a disk of its own, and returns what fills that up.
func fill(t *testing.T, w *world) func(*world) {
	t.Helper()
	dir := t.TempDir()
	mountMemory(t, dir)
	small, err := audit.Open(t.Context(), audit.Options{Path: filepath.Join(dir, "audit.log"), Store: w.store, Reserve: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = small.Close() })
	full := newGateOver(t, w, small)
	w.Gate = full
	return func(w *world) {
		ballast, err := os.Create(filepath.Join(dir, "ballast"))
		if err != nil {
			t.Fatal(err)
		}
		defer ballast.Close()
		for chunk := make([]byte, 4096); err == nil; {
			_, err = ballast.Write(chunk)
		}
		// What was allocated ahead is used up by refused calls, as an attacker would.
		for small.Ready() == nil {
			req := w.request(get, `{`)
			w.do(req)
		}
	}
}

func newGateOver(t *testing.T, w *world, log *audit.Log) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Config{Store: w.store, Audit: log, Directory: w.directory, Now: func() time.Time { return w.now() }, Log: slog.New(slog.DiscardHandler)}, secretsmanager.Service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

// TestTheLogFailsDuringACall closes the log inside of handlers: a read then tells
// nothing; a write was committed with its record, which the next start brings in.
func TestTheLogFailsDuringACall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(context.Context, kv.Reader, *gate.Call, *getIn) (*getOut, error) {
		return &getOut{SecretString: secret.NewText("hidden")}, w.audit.Close()
	})
	if got := w.call(get, `{"SecretId":"a"}`); got.Status != 503 || strings.Contains(got.Body, "hidden") {
		t.Errorf("the read was answered %+v", got)
	}

	store := memkv.New()
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.Open(t.Context(), audit.Options{Path: path, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	w.store = store
	w.Gate = newGateOver(t, w, log)
	gate.Write(w.Gate, secretsmanager.PutSecretValue, namedPut(), func(_ context.Context, tx kv.Tx, _ *gate.Call, _ *putIn) (*putOut, error) {
		return &putOut{}, errors.Join(tx.Put("text/a", []byte("x")), log.Close())
	})
	if got := w.call(put, `{"SecretId":"a","SecretString":"s"}`); got.Status != 200 || w.value("text/a") != "x" {
		t.Errorf("the write was answered %+v, and left %q", got, w.value("text/a"))
	}
	again, err := audit.Open(t.Context(), audit.Options{Path: path, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := again.Recovery().Replayed; got != 1 {
		t.Errorf("%d records were brought in, want 1", got)
	}
}

// TestPanics holds that a panic is an answer and a record, leaves no effect, and does
// not repeat in the log what it was about.
func TestPanics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gate.Read(w.Gate, secretsmanager.GetSecretValue, namedGet(), func(_ context.Context, _ kv.Reader, _ *gate.Call, in *getIn) (*getOut, error) {
		return &getOut{Name: &strings.Split(*in.SecretId, ",")[1]}, nil
	})
	row := namedPut()
	row.Prepare = func(_ context.Context, _ *gate.Call, in *putIn) (any, error) {
		if *in.SecretId == "prepared" {
			panic("in preparing " + in.SecretString.RevealString())
		}
		return nil, nil
	}
	gate.Write(w.Gate, secretsmanager.PutSecretValue, row, func(_ context.Context, tx kv.Tx, _ *gate.Call, in *putIn) (*putOut, error) {
		if err := tx.Put("text/a", []byte("x")); err != nil {
			return nil, err
		}
		panic("in handling " + in.SecretString.RevealString())
	})
	for what, got := range map[string]reply{
		"a read":    w.call(get, `{"SecretId":"a"}`),
		"a write":   w.call(put, `{"SecretId":"a","SecretString":"hidden"}`),
		"a Prepare": w.call(put, `{"SecretId":"prepared","SecretString":"hidden"}`),
	} {
		if got.Status != 500 || got.Code != "InternalFailure" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if w.value("text/a") != "" {
		t.Error("the effect was kept")
	}
	if got := w.call(get, `{"SecretId":"a,b"}`); got.Status != 200 {
		t.Errorf("the next call: %+v", got)
	}
	if log := w.log.String(); strings.Contains(log, "hidden") || !strings.Contains(log, "index out of range") || !strings.Contains(log, "effect_test.go") {
		t.Errorf("the log says %s", log)
	}
	if records := w.records(); len(records) != 4 || records[0].ErrorCode != "InternalFailure" || records[3].ErrorCode != "" {
		t.Errorf("recorded %s", show(records))
	}
}
