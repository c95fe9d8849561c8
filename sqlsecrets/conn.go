// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sqlsecrets

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// conn is a driver's connection that knows which version of the secret it is as new as.
// database/sql asks it whether it may be used again. All else it passes on, and where the
// driver lacks something, it does what database/sql does with such a driver.
type conn struct {
	driver.Conn
	connector *Connector
	asOf      string
}

var (
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
)

// Unwrap returns the driver's own connection, for sql.Conn.Raw:
//
//	err := c.Raw(func(dc any) error {
//		own := dc.(interface{ Unwrap() driver.Conn }).Unwrap().(*stdlib.Conn)
//		...
//	})
func (c *conn) Unwrap() driver.Conn { return c.Conn }

// ResetSession is called before a connection is used again. ErrBadConn has another one
// opened in its place.
func (c *conn) ResetSession(ctx context.Context) error {
	c.connector.look(ctx)
	if c.connector.retired(c.asOf) {
		return driver.ErrBadConn
	}
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid is called before a connection is put aside for later use.
func (c *conn) IsValid() bool {
	if c.connector.retired(c.asOf) {
		return false
	}
	v, ok := c.Conn.(driver.Validator)
	return !ok || v.IsValid()
}

// Ping implements driver.Pinger.
func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.Conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	stmt, err := c.Prepare(query)
	if err == nil && ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), stmt.Close())
	}
	return stmt, err
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.Conn.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, options)
	}
	switch {
	case sql.IsolationLevel(options.Isolation) != sql.LevelDefault:
		return nil, errors.New("sqlsecrets: the driver does not support non-default isolation levels")
	case options.ReadOnly:
		return nil, errors.New("sqlsecrets: the driver does not support read-only transactions")
	}
	tx, err := c.Begin() //nolint:staticcheck // it is all that an old driver has
	if err == nil && ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), tx.Rollback())
	}
	return tx, err
}

// ExecContext implements driver.ExecerContext. ErrSkip has a statement prepared.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := c.Conn.(driver.ExecerContext); ok {
		return e.ExecContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

// QueryContext implements driver.QueryerContext. ErrSkip has a statement prepared.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := c.Conn.(driver.QueryerContext); ok {
		return q.QueryContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

// CheckNamedValue implements driver.NamedValueChecker. ErrSkip has database/sql check.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
