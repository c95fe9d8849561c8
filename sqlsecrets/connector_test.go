// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sqlsecrets_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/sqlsecrets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func withPassword(s coffer.Secret) (string, error) { return "password=" + s.Text(), nil }

// lab is a pool over a fake database, with a secret whose value is the password.
type lab struct {
	*sql.DB
	srv  *coffertest.Server
	base *database
}

func newLab(t *testing.T, base *database, change func(*sqlsecrets.Config)) *lab {
	t.Helper()
	srv := coffertest.NewServer(t, coffertest.Secret("db", base.password))
	cfg := sqlsecrets.Config{
		Driver: base, Secret: "db", DSN: withPassword, Client: srv.Client(), Check: 1,
		Options: []coffer.Option{coffer.MaxAge(1)},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := sqlsecrets.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return &lab{db, srv, base}
}

func (l *lab) exec(t *testing.T) {
	t.Helper()
	if _, err := l.ExecContext(t.Context(), "UPDATE"); err != nil {
		t.Errorf("%v", err)
	}
}

func (l *lab) open() string {
	return strings.Join(l.base.get(func(d *database) []string { return d.open }), " ")
}

func (l *lab) tried() string {
	return strings.Join(l.base.get(func(d *database) []string { return d.tried }), " ")
}

// cached has a connector go by what is kept, for as long as the cache says.
func cached(cfg *sqlsecrets.Config) { cfg.Options = nil }

func TestARotationThatThisProcessHasNotHeardOf(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*sqlsecrets.Config){
		"a driver":                 cached,
		"a driver with connectors": func(cfg *sqlsecrets.Config) { cfg.Driver, cfg.Options = contextual{cfg.Driver.(*database)}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, &database{password: "one"}, change)
			l.SetMaxIdleConns(-1) // a new connection each time
			l.exec(t)
			l.srv.SetSecret("db", "two")
			l.base.set(func(d *database) { d.password = "two" })
			l.exec(t)
			if l.tried() != "one one two" {
				t.Errorf("tried %s", l.tried())
			}
		})
	}
}

func TestARotationThatTheDatabaseHasNotHeardOf(t *testing.T) {
	t.Parallel()
	l := newLab(t, &database{password: "one"}, nil)
	l.srv.SetSecret("db", "two")
	for range 3 {
		l.exec(t)
	}
	if l.tried() != "two one" {
		t.Errorf("tried %s: the connection under the version before is to be kept", l.tried())
	}
}

func TestOldConnectionsAreRetired(t *testing.T) {
	t.Parallel()
	l := newLab(t, &database{password: "one"}, nil)
	l.exec(t)
	l.exec(t)
	busy, err := l.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.exec(t)
	if l.tried() != "one one" {
		t.Errorf("tried %s", l.tried())
	}
	l.srv.SetSecret("db", "two")
	l.base.set(func(d *database) { d.password = "two" })
	l.exec(t)
	if l.open() != "one two" {
		t.Errorf("open are %s: the one that is busy, and a new one", l.open())
	}
	if _, err := busy.ExecContext(t.Context(), "UPDATE"); err != nil {
		t.Errorf("the busy one: %v", err)
	}
	if err := busy.Commit(); err != nil {
		t.Error(err)
	}
	if l.exec(t); l.open() != "two" {
		t.Errorf("open are %s", l.open())
	}
}

func TestAConnectionThatTakesLongDoesNotRetireNewerOnes(t *testing.T) {
	t.Parallel()
	var l *lab
	hook := func() {}
	l = newLab(t, &database{password: "*"}, func(cfg *sqlsecrets.Config) {
		cfg.Check = time.Hour
		cfg.DSN = func(s coffer.Secret) (string, error) {
			during := hook
			hook = func() {}
			during()
			return withPassword(s)
		}
	})
	hook = func() {
		l.srv.SetSecret("db", "two")
		l.exec(t)
	}
	l.exec(t)
	if l.tried() != "two *" || l.open() != "two" {
		t.Errorf("tried %s, open are %s", l.tried(), l.open())
	}
}

func TestConnectionsStay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*sqlsecrets.Config)
		then   func(*lab)
	}{
		"in an outage":     {nil, func(l *lab) { l.srv.Outage(true) }},
		"if never checked": {func(cfg *sqlsecrets.Config) { cfg.Check = -1 }, func(l *lab) { l.srv.SetSecret("db", "two") }},
		"if it is denied":  {nil, func(l *lab) { l.srv.FailNext(1, "AccessDeniedException") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, &database{password: "one"}, test.change)
			l.exec(t)
			test.then(l)
			l.exec(t)
			if l.tried() != "one" {
				t.Errorf("tried %s", l.tried())
			}
		})
	}
}

func TestWhatCannotBeConnected(t *testing.T) {
	t.Parallel()
	base := &database{password: "one"}
	l := newLab(t, base, nil)
	base.set(func(d *database) { d.password = "another" })
	err := l.PingContext(t.Context())
	if _, ok := errors.AsType[refusal](err); !ok || !errors.Is(err, coffer.ErrAuthentication) || l.tried() != "one" {
		t.Errorf("%v, tried %s", err, l.tried())
	}
	down := errors.New("connection refused")
	base.set(func(d *database) { d.fault, d.tried = down, nil })
	if err := l.PingContext(t.Context()); err != down || l.tried() != "one" {
		t.Errorf("%v, tried %s", err, l.tried())
	}
	base.set(func(d *database) { d.fault = errors.New("can't parse password=one") })
	if err := l.PingContext(t.Context()); err == nil || strings.Contains(err.Error(), "one") {
		t.Errorf("%v", err)
	}
	bad := newLab(t, &database{password: "one"}, func(cfg *sqlsecrets.Config) { cfg.DSN = nil })
	if err := bad.PingContext(t.Context()); err == nil || strings.Contains(err.Error(), "one") {
		t.Errorf("a secret of another form: %v", err)
	}
	none := newLab(t, &database{password: "one"}, func(cfg *sqlsecrets.Config) { cfg.Secret = "none" })
	if err := none.PingContext(t.Context()); !errors.Is(err, coffer.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, cfg := range []sqlsecrets.Config{{}, {Driver: base}, {Secret: "db"}} {
		if _, err := sqlsecrets.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func TestManyAtOnceWhileTheSecretIsRotated(t *testing.T) {
	t.Parallel()
	l := newLab(t, &database{password: "pass-0"}, nil)
	for i := range 5 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					l.exec(t)
				}
			})
		}
		next := fmt.Sprint("pass-", i+1)
		l.base.set(func(d *database) {
			l.srv.SetSecret("db", next)
			d.password = next
		})
		wg.Wait()
	}
	l.SetMaxIdleConns(1)
	l.exec(t)
	l.exec(t)
	if l.open() != "pass-5" {
		t.Errorf("open are %s", l.open())
	}
}

func TestAFullDriverIsUsedInFull(t *testing.T) {
	t.Parallel()
	l := newLab(t, &database{password: "one", full: true}, nil)
	ctx := t.Context()
	c, err := l.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	use(ctx, t, c, &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
	if err := c.Raw(func(dc any) error {
		if _, ok := dc.(interface{ Unwrap() driver.Conn }).Unwrap().(*full); !ok {
			t.Error("the driver's own connection can't be had")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	l.exec(t)
	got := l.base.get(func(d *database) []string { return d.did })
	slices.Sort(got)
	want := []string{"BeginTx", "CheckNamedValue", "ExecContext", "IsValid", "Ping", "PrepareContext", "QueryContext", "ResetSession"}
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Error(diff)
	}
}

func TestAPlainDriverIsUsedAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	l := newLab(t, &database{password: "one"}, nil)
	ctx := t.Context()
	c, err := l.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	use(ctx, t, c, nil)
	for _, options := range []*sql.TxOptions{{ReadOnly: true}, {Isolation: sql.LevelSerializable}} {
		if _, err := c.BeginTx(ctx, options); err == nil {
			t.Errorf("%+v is taken, which the driver can't do", options)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// use does everything that there is with a connection.
func use(ctx context.Context, t *testing.T, c *sql.Conn, options *sql.TxOptions) {
	t.Helper()
	if err := c.PingContext(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.ExecContext(ctx, "UPDATE", 1); err != nil {
		t.Error(err)
	}
	rows, err := c.QueryContext(ctx, "SELECT", "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Error(err)
	}
	s, err := c.PrepareContext(ctx, "SELECT")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	tx, err := c.BeginTx(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
}

// BenchmarkConnections compares a statement on a pooled connection with one without a
// secret.
func BenchmarkConnections(b *testing.B) {
	base := &database{password: "one"}
	srv := coffertest.NewServer(b, coffertest.Secret("db", "one"))
	c, err := sqlsecrets.New(sqlsecrets.Config{Driver: base, Secret: "db", DSN: withPassword, Client: srv.Client()})
	if err != nil {
		b.Fatal(err)
	}
	for name, connector := range map[string]driver.Connector{"with a secret": c, "without": connector{contextual{base}, "password=one"}} {
		b.Run(name, func(b *testing.B) {
			db := sql.OpenDB(connector)
			defer db.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := db.ExecContext(b.Context(), "UPDATE"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
