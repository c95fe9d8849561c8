// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package sqlsecrets connects database/sql, over any driver, with credentials from a
// secret, so that a rotation is no outage:
//
//	connector, err := sqlsecrets.New(sqlsecrets.Config{Driver: pq.Driver{}, Secret: "prod/db"})
//	if err != nil {
//		...
//	}
//	db := sql.OpenDB(connector)
//
// Each new connection has the credentials of the moment. If the database refuses them, the
// source is asked once more, and the connection is tried once more, with the new version,
// or, while a rotation is under way, with the one before. Connections that were opened
// before a rotation are closed when they are next idle; what runs on them ends first.
//
// The secret is JSON in the form that Amazon RDS and its rotation functions use, or a DSN
// function says what else is made of it.
package sqlsecrets

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coffer-secrets/coffer"
)

// DefaultCheck is how often a Connector looks for another version of its secret.
const DefaultCheck = 10 * time.Second

// Config says what to connect to. Driver and Secret are required.
type Config struct {
	// Driver makes connections. If it is a driver.DriverContext, that is used.
	Driver driver.Driver
	// Secret is the name or ARN of the secret.
	Secret string
	// DSN makes of a version of the secret what Driver takes. Nil means Postgres, MySQL or
	// SQLServer, without further settings, as the secret's engine says.
	DSN func(coffer.Secret) (string, error)
	// Client has the secret. Nil means coffer.Default.
	Client *coffer.Client
	// Options are of each call for the secret.
	Options []coffer.Option
	// AuthFailed reports whether a driver's error means that the database refused the
	// credentials. Nil means AuthFailed.
	AuthFailed func(error) bool
	// Check is how often, at most and while connections are used, to look for another
	// version; what is kept of the secret answers, as fresh as Options say. Zero means
	// DefaultCheck, less than zero never: old connections stay.
	Check time.Duration
	// Now is the clock of Check. Nil means time.Now.
	Now func() time.Time
}

// Connector is a driver.Connector for sql.OpenDB. It is safe for concurrent use, starts
// nothing, and needs no closing.
type Connector struct {
	cfg Config

	mu      sync.Mutex
	current string    // the version that was AWSCURRENT when it was last looked at
	checked time.Time // when that was
}

var _ driver.Connector = (*Connector)(nil)

// New returns a Connector. It connects to nothing yet.
func New(cfg Config) (*Connector, error) {
	switch {
	case cfg.Driver == nil:
		return nil, errors.New("sqlsecrets: no driver")
	case cfg.Secret == "":
		return nil, errors.New("sqlsecrets: no secret")
	}
	if cfg.DSN == nil {
		cfg.DSN = byEngine
	}
	if cfg.AuthFailed == nil {
		cfg.AuthFailed = AuthFailed
	}
	if cfg.Check == 0 {
		cfg.Check = DefaultCheck
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Connector{cfg: cfg}, nil
}

// Driver implements driver.Connector.
func (c *Connector) Driver() driver.Driver { return c.cfg.Driver }

func (c *Connector) client() *coffer.Client {
	if c.cfg.Client != nil {
		return c.cfg.Client
	}
	return coffer.Default()
}

// Connect implements driver.Connector.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	before := c.known()
	var opened driver.Conn
	asOf := "" // the newest version that was tried
	err := c.client().With(ctx, c.cfg.Secret, func(s coffer.Secret) error {
		if asOf == "" || slices.Contains(s.Stages, "AWSCURRENT") {
			asOf = s.VersionID
		}
		var err error
		opened, err = c.open(ctx, s)
		return err
	}, c.cfg.Options...)
	if err != nil {
		return nil, err
	}
	c.learn(before, asOf)
	return &conn{Conn: opened, connector: c, asOf: asOf}, nil
}

// open connects with one version of the secret. That the database refused it is an
// error as With knows it.
func (c *Connector) open(ctx context.Context, s coffer.Secret) (driver.Conn, error) {
	dsn, err := c.cfg.DSN(s)
	if err != nil {
		return nil, fmt.Errorf("sqlsecrets: secret %q, version %s: %w", s.Name, s.VersionID, err)
	}
	conn, err := c.dial(ctx, dsn)
	switch {
	case err == nil:
		return conn, nil
	case c.cfg.AuthFailed(err):
		return nil, coffer.AuthFailed(discreet(err, s, dsn))
	}
	return nil, discreet(err, s, dsn)
}

func (c *Connector) dial(ctx context.Context, dsn string) (driver.Conn, error) {
	d, ok := c.cfg.Driver.(driver.DriverContext)
	if !ok {
		return c.cfg.Driver.Open(dsn)
	}
	connector, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	return connector.Connect(ctx)
}

// leastQuoted is how short a text is, in bytes, that an error may have by chance.
const leastQuoted = 4

// discreet returns err, unless it quotes what it was made with, as errors of DSNs that
// can't be parsed do.
func discreet(err error, s coffer.Secret, dsn string) error {
	text := err.Error()
	for _, plain := range []string{dsn, s.Text(), passwordOf(s)} {
		if len(plain) >= leastQuoted && strings.Contains(text, plain) {
			return errors.New("sqlsecrets: the driver's error quotes the credentials, and is left out")
		}
	}
	return err
}

// learn notes which version is the current one, unless somebody else has since the one
// before was looked at, who may know a newer one.
func (c *Connector) learn(before, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == before {
		c.current, c.checked = version, c.cfg.Now()
	}
}

func (c *Connector) known() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// retired reports whether another version has become the current one since asOf did. It
// does not ask.
func (c *Connector) retired(asOf string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Check > 0 && c.current != asOf
}

// look asks which version is the current one, if it is time to. If it can't be had, the one
// before counts.
func (c *Connector) look(ctx context.Context) {
	now := c.cfg.Now()
	c.mu.Lock()
	since := now.Sub(c.checked)
	before := c.current
	due := c.cfg.Check > 0 && (since >= c.cfg.Check || since < 0)
	if due {
		c.checked = now // one asks; the others go on meanwhile
	}
	c.mu.Unlock()
	if !due {
		return
	}
	if s, err := c.client().Secret(ctx, c.cfg.Secret, c.cfg.Options...); err == nil {
		c.learn(before, s.VersionID)
	}
}
