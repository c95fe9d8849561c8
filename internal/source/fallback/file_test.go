// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package fallback_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source/fallback"
)

func TestAValueOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	created := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	full := cache.Value{
		ARN: "arn:x", Name: "/p", VersionID: "3", Stages: []string{"A", "B"}, Text: secret.FromString("s3cret"), Binary: secret.New(nil), Created: created,
		Parameter: &cache.ParameterInfo{Type: new("String"), Selector: new(""), Version: 3, SourceResult: secret.FromString("{}")},
	}
	refs := map[cache.Ref]cache.Value{
		db: *value("s3cret"),
		{Kind: cache.Parameter, ID: "/p", Decrypt: true}:             full,
		{Kind: cache.Parameter, ID: "/p"}:                            {Name: "/p", Text: secret.FromString("ciphertext")},
		{ID: "db", VersionID: "1"}:                                   {Text: secret.FromString("")},
		{ID: "db", Stage: "1", Role: "arn:aws:iam::123:role/reader"}: {Binary: secret.New([]byte{0, 255})},
	}
	first := b.open()
	for ref, v := range refs {
		first.Keep(ref, &v)
	}
	first.Forget()
	if info, err := os.Stat(b.path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if bytes.Contains(bytes.ReplaceAll(b.content(), []byte("v-s3cret"), nil), []byte("s3cret")) {
		t.Error("the value is in the file as it is")
	}
	saved := b.clock()
	b.pass(time.Hour)
	second := b.open()
	for ref, want := range refs {
		got, err := second.Fetch(t.Context(), ref)
		if err != nil {
			t.Errorf("%+v: %v", ref, err)
			continue
		}
		want.AsOf, want.Ends = saved, saved.Add(fallback.DefaultMaxAge)
		if diff := cmp.Diff(want, got, cmp.Comparer(secret.Value.Equal)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", ref, diff)
		}
	}
	if got := kept(second, cache.Ref{ID: "db", VersionID: "2"}); got != "" {
		t.Errorf("what was not kept is %q", got)
	}
	if left, _ := filepath.Glob(b.path + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if r := b.reported(); len(r) > 0 {
		t.Error(r)
	}
}

func TestWhatIsTooOldStandsInForNothing(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	f := b.open(func(c *fallback.FileConfig) { c.MaxAge = time.Hour })
	f.Keep(db, value("x"))
	b.pass(time.Hour - 1)
	if kept(f, db) != "x" {
		t.Error("gone too early")
	}
	b.pass(1)
	if kept(f, db) != "" {
		t.Error("still there")
	}
	b.pass(-48 * time.Hour)
	if kept(f, db) != "" {
		t.Error("of the future")
	}
}

func TestWhatEndsBeforeThatIsOfNoUseAfterIt(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	leased := value("x")
	leased.Ends = b.clock().Add(time.Minute)
	f := b.open()
	f.Keep(db, leased)
	f.Forget()
	if v, err := f.Fetch(t.Context(), db); err != nil || !v.Ends.Equal(leased.Ends) {
		t.Errorf("ends at %v, %v", v.Ends, err)
	}
	b.pass(time.Minute)
	if kept(f, db) != "" {
		t.Error("still there")
	}
}

func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	f := b.open()
	stoodIn := value("x")
	stoodIn.AsOf = b.clock()
	f.Keep(db, stoodIn)
	f.Keep(cache.Ref{ID: "file:/run/x"}, value("x"))
	f.Keep(cache.Ref{ID: "db", Stage: "AWSPENDING"}, value("x"))
	f.Keep(db, value(strings.Repeat("x", 1<<20)))
	f.Forget()
	if _, err := os.Stat(b.path); err == nil {
		t.Error("there is a file")
	}
	if r := b.reported(); len(r) != 1 || !strings.Contains(r[0], "too long") {
		t.Errorf("reported %q", r)
	}
}

func TestARefusalRemoves(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	const full, partial = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"
	other := &cache.Value{ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-AbCdEf", Text: secret.FromString("y")}
	for _, refused := range []string{"db", full, partial} {
		f := b.open()
		for _, id := range []string{"db", full} {
			f.Keep(cache.Ref{ID: id}, value("x"))
		}
		f.Keep(cache.Ref{ID: "other"}, other)
		f.Drop(cache.Ref{ID: refused})
		f.Forget()
		f = b.open()
		for _, id := range []string{"db", full, partial} {
			if kept(f, cache.Ref{ID: id}) != "" {
				t.Errorf("%s was refused, and %s is there", refused, id)
			}
		}
		if kept(f, cache.Ref{ID: "other"}) != "y" {
			t.Errorf("%s was refused, and other is gone", refused)
		}
	}
}

func TestWhatWasRefusedDoesNotComeBackInAnOutage(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	primary := &fake{text: "primary"}
	s := fallback.New(fallback.Config{Primary: primary, StandIn: b.open(), Now: b.clock})
	fetch := func(err error) string {
		b.pass(time.Minute) // no circuit is open
		primary.set(func() { primary.err = err })
		v, err := s.Fetch(t.Context(), db)
		if err != nil {
			return err.Error()
		}
		return v.Text.RevealString()
	}
	if got := fetch(nil) + fetch(errDown); got != "primaryprimary" {
		t.Error(got)
	}
	if got := fetch(errors.New("no credentials")) + fetch(errDown); got != "no credentialsprimary" {
		t.Errorf("an error that is nobody's answer: %s", got)
	}
	if got := fetch(errDenied) + fetch(errDown); got != errDenied.Error()+errDown.Error() {
		t.Error(got)
	}
}

func TestWhatWasChangedIsNotServed(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	f := b.open()
	f.Keep(db, value("one"))
	f.Keep(cache.Ref{ID: "two"}, value("two"))
	f.Forget()
	whole := b.content()
	for at := range whole {
		changed := bytes.Clone(whole)
		changed[at] ^= 1
		b.put(changed)
		f := b.open()
		one, two := kept(f, db), kept(f, cache.Ref{ID: "two"})
		if one != "one" && one != "" || two != "two" && two != "" || one+two == "onetwo" {
			t.Fatalf("with byte %d changed: %q and %q", at, one, two)
		}
		if len(b.reported()) == 0 {
			t.Fatalf("with byte %d changed: nothing is reported", at)
		}
		b.mu.Lock()
		b.reports = nil
		b.mu.Unlock()
		f.Forget()
	}
	for end := range len(whole) {
		b.put(whole[:end])
		f := b.open()
		if one, two := kept(f, db), kept(f, cache.Ref{ID: "two"}); one+two == "onetwo" || len(b.reported()) == 0 && end > 0 && one+two == "" && end != 18 {
			t.Fatalf("with %d bytes: %q and %q, reported %q", end, one, two, b.reported())
		}
		f.Forget()
	}
	b.put(whole)
	if got := kept(b.open(func(c *fallback.FileConfig) { c.Key = secret.New(make([]byte, fallback.KeySize)) }), db); got != "" {
		t.Errorf("with another key: %q", got)
	}
}

func TestSwappedEntriesAreNotServed(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	file := func(id, text string) []byte {
		f := b.open()
		f.Keep(cache.Ref{ID: id}, value(text))
		f.Forget()
		data := b.content()
		if err := os.Remove(b.path); err != nil {
			t.Fatal(err)
		}
		return data
	}
	mine, yours := file("mine", "one"), file("your", "two")
	// The last bytes are the value, sealed: of the same length in both.
	const tail = 40
	b.put(append(bytes.Clone(mine[:len(mine)-tail]), yours[len(yours)-tail:]...))
	if got := kept(b.open(), cache.Ref{ID: "mine"}); got != "" {
		t.Errorf("got %q", got)
	}
	// The whole sealed part, with its nonce, under another id.
	swapped := bytes.Replace(bytes.Clone(yours), []byte(`"your"`), []byte(`"mine"`), 1)
	b.put(swapped)
	if got := kept(b.open(), cache.Ref{ID: "mine"}); got != "" {
		t.Errorf("got %q", got)
	}
	if r := b.reported(); len(r) == 0 || !strings.Contains(r[0], "not what was written with this key") {
		t.Errorf("reported %q", r)
	}
}

func TestAFileThatCanNotBeWrittenStays(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	f := b.open()
	f.Keep(db, value("one"))
	f.Forget()
	before := b.content()
	// A directory in the place of the next file can't be removed, nor be opened as one.
	if err := os.MkdirAll(filepath.Join(b.path+".new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	f = b.open()
	f.Keep(db, value("two"))
	f.Forget()
	if !bytes.Equal(b.content(), before) || len(b.reported()) == 0 {
		t.Errorf("reported %q", b.reported())
	}
	if kept(f, db) != "two" {
		t.Error("what could not be written is forgotten")
	}
	if err := os.RemoveAll(b.path + ".new"); err != nil {
		t.Fatal(err)
	}
	f.Forget()
	if got := kept(b.open(), db); got != "two" {
		t.Errorf("when it can be written again: %q", got)
	}
}

func TestWhatAProcessLeftHalfWrittenIsNoHindrance(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	if err := os.WriteFile(b.path+".new", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := b.open()
	f.Keep(db, value("one"))
	f.Forget()
	if got := kept(b.open(), db); got != "one" {
		t.Errorf("%q, reported %q", got, b.reported())
	}
	if info, err := os.Stat(b.path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestTheFileIsBounded(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	f := b.open()
	for i := range 1100 {
		f.Keep(cache.Ref{ID: fmt.Sprint("s", i)}, value("x"))
		b.pass(time.Millisecond)
	}
	f.Forget()
	f = b.open()
	n := 0
	for i := range 1100 {
		if kept(f, cache.Ref{ID: fmt.Sprint("s", i)}) != "" {
			n++
		}
	}
	if n != 1000 || kept(f, cache.Ref{ID: "s0"}) != "" || kept(f, cache.Ref{ID: "s1099"}) == "" {
		t.Errorf("%d are kept", n)
	}
}

// TestAnUnchangedValueIsNotWrittenAgain watches the file's bytes: each write has new ones.
func TestAnUnchangedValueIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	f := b.open()
	write := func(text string) []byte {
		f.Keep(db, value(text))
		f.Forget()
		return b.content()
	}
	first := write("one")
	b.pass(59 * time.Minute)
	if !bytes.Equal(write("one"), first) {
		t.Error("written again")
	}
	second := write("two")
	if bytes.Equal(second, first) {
		t.Error("a new value was not written")
	}
	b.pass(61 * time.Minute)
	if bytes.Equal(write("two"), second) {
		t.Error("its time was not renewed")
	}
	b.pass(fallback.DefaultMaxAge - time.Minute)
	if kept(f, db) != "two" {
		t.Error("gone too early")
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	f := b.open()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 20 {
				ref := cache.Ref{ID: fmt.Sprint(i)}
				f.Keep(ref, value(fmt.Sprint(j)))
				if got := kept(f, ref); got != fmt.Sprint(j) {
					t.Errorf("%q, want %d", got, j)
				}
				if j == 10 {
					f.Forget()
				}
			}
		})
	}
	wg.Wait()
	f.Forget()
	f = b.open()
	for i := range 20 {
		if got := kept(f, cache.Ref{ID: fmt.Sprint(i)}); got != "19" {
			t.Errorf("%d: %q", i, got)
		}
	}
}

func TestTheKeyIsOfItsLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := fallback.NewFile(fallback.FileConfig{Path: "x", Key: secret.New(make([]byte, n))}); err == nil {
			t.Errorf("a key of %d bytes", n)
		}
	}
}
