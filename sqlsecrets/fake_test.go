// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sqlsecrets_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// refusal is an error of pgx's kind.
type refusal struct{ state string }

func (r refusal) Error() string    { return "password authentication failed (SQLSTATE " + r.state + ")" }
func (r refusal) SQLState() string { return r.state }

// database is a driver for a database that knows one password. Of what a query is, it
// does nothing.
type database struct {
	mu       sync.Mutex
	password string // "*" is any
	fault    error  // of every attempt
	tried    []string
	open     []string // the passwords of the connections that are open
	full     bool     // connections have all that a driver can have
	did      []string // by connections that are full
}

func (d *database) set(f func(*database)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

func (d *database) get(f func(*database) []string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(f(d))
}

// Open implements driver.Driver. The DSN ends in the password.
func (d *database) Open(dsn string) (driver.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, password, _ := strings.Cut(dsn, "password=")
	d.tried = append(d.tried, password)
	switch {
	case d.fault != nil:
		return nil, d.fault
	case password != d.password && d.password != "*":
		return nil, fmt.Errorf("connecting: %w", refusal{"28P01"})
	}
	d.open = append(d.open, password)
	c := &plain{d, password}
	if d.full {
		return &full{c}, nil
	}
	return c, nil
}

// contextual is a database whose driver takes a context.
type contextual struct{ *database }

func (c contextual) OpenConnector(dsn string) (driver.Connector, error) {
	return connector{c, dsn}, nil
}

type connector struct {
	contextual
	dsn string
}

func (c connector) Driver() driver.Driver { return c.contextual }
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.Open(c.dsn)
}

// plain is a connection with the least that one can have.
type plain struct {
	db       *database
	password string
}

func (p *plain) Prepare(string) (driver.Stmt, error) { return stmt{}, nil }
func (p *plain) Begin() (driver.Tx, error)           { return tx{}, nil }
func (p *plain) Close() error {
	p.db.set(func(d *database) {
		i := slices.Index(d.open, p.password)
		d.open = slices.Delete(d.open, i, i+1)
	})
	return nil
}

type tx struct{}

func (tx) Commit() error   { return nil }
func (tx) Rollback() error { return nil }

type stmt struct{}

func (stmt) Close() error                               { return nil }
func (stmt) NumInput() int                              { return -1 }
func (stmt) Exec([]driver.Value) (driver.Result, error) { return driver.RowsAffected(1), nil }
func (stmt) Query([]driver.Value) (driver.Rows, error)  { return rows{}, nil }

type rows struct{}

func (rows) Columns() []string         { return []string{"a"} }
func (rows) Close() error              { return nil }
func (rows) Next([]driver.Value) error { return io.EOF }

// full is a connection with all that one can have.
type full struct{ *plain }

func (f *full) note(what string) { f.db.set(func(d *database) { d.did = append(d.did, what) }) }

func (f *full) Ping(context.Context) error {
	f.note("Ping")
	return nil
}

func (f *full) PrepareContext(context.Context, string) (driver.Stmt, error) {
	f.note("PrepareContext")
	return stmt{}, nil
}

func (f *full) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	f.note("BeginTx")
	return tx{}, nil
}

func (f *full) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	f.note("ExecContext")
	return driver.RowsAffected(1), nil
}

func (f *full) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	f.note("QueryContext")
	return rows{}, nil
}

func (f *full) CheckNamedValue(v *driver.NamedValue) error {
	f.note("CheckNamedValue")
	if v.Value == nil {
		return errors.New("no value")
	}
	return nil
}

func (f *full) ResetSession(context.Context) error {
	f.note("ResetSession")
	return nil
}

func (f *full) IsValid() bool {
	f.note("IsValid")
	return true
}
