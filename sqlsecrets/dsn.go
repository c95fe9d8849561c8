// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sqlsecrets

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/coffer-secrets/coffer"
)

// Target is what a DSN says beside the credentials. What is set wins over what the secret
// says: secrets that RDS itself manages have a user name and a password alone.
type Target struct {
	Host     string
	Port     string
	Database string
	// Params are the driver's settings as it takes them at a DSN's end, such as
	// "sslmode=verify-full" or "tls=true&parseTime=true".
	Params string
}

// credentials are a secret in RDS's form (Secrets Manager User Guide, "JSON structure of
// AWS Secrets Manager database credential secrets").
type credentials struct {
	Engine   string          `json:"engine"`
	Host     string          `json:"host"`
	Username string          `json:"username"`
	Password string          `json:"password"`
	DBName   string          `json:"dbname"`
	Port     json.RawMessage `json:"port"` // a number, or a string
}

func parse(s coffer.Secret, t Target) (credentials, Target, error) {
	var c credentials
	if err := s.JSON(&c); err != nil {
		return c, t, err
	}
	if c.Username == "" || c.Password == "" {
		return c, t, errors.New("the secret's JSON has no username or no password")
	}
	t.Host = cmp.Or(t.Host, c.Host)
	t.Port = cmp.Or(t.Port, strings.Trim(string(c.Port), `" `))
	t.Database = cmp.Or(t.Database, c.DBName)
	if t.Host == "" {
		return c, t, errors.New("neither the secret's JSON nor the target has a host")
	}
	if strings.Trim(t.Port, "0123456789") != "" {
		t.Port = "" // null
	}
	return c, t, nil
}

// passwordOf returns the password in a secret that has RDS's form.
func passwordOf(s coffer.Secret) string {
	c, _, err := parse(s, Target{Host: "any"})
	if err != nil {
		return ""
	}
	return c.Password
}

// Postgres makes URLs as pgx and pq take them.
func Postgres(t Target) func(coffer.Secret) (string, error) {
	return func(s coffer.Secret) (string, error) {
		c, t, err := parse(s, t)
		if err != nil {
			return "", err
		}
		u := url.URL{
			Scheme: "postgres", User: url.UserPassword(c.Username, c.Password),
			Host: net.JoinHostPort(t.Host, cmp.Or(t.Port, "5432")), Path: "/" + t.Database, RawQuery: t.Params,
		}
		return u.String(), nil
	}
}

// MySQL makes DSNs as go-sql-driver/mysql takes them.
func MySQL(t Target) func(coffer.Secret) (string, error) {
	return func(s coffer.Secret) (string, error) {
		c, t, err := parse(s, t)
		if err != nil {
			return "", err
		}
		if strings.Contains(c.Username, ":") {
			return "", errors.New("a user name in a DSN of MySQL's can't have a colon")
		}
		dsn := fmt.Sprintf("%s:%s@tcp(%s)/%s", c.Username, c.Password, net.JoinHostPort(t.Host, cmp.Or(t.Port, "3306")), url.PathEscape(t.Database))
		if t.Params != "" {
			dsn += "?" + t.Params
		}
		return dsn, nil
	}
}

// SQLServer makes URLs as go-mssqldb takes them.
func SQLServer(t Target) func(coffer.Secret) (string, error) {
	return func(s coffer.Secret) (string, error) {
		c, t, err := parse(s, t)
		if err != nil {
			return "", err
		}
		u := url.URL{
			Scheme: "sqlserver", User: url.UserPassword(c.Username, c.Password),
			Host: net.JoinHostPort(t.Host, cmp.Or(t.Port, "1433")), RawQuery: t.Params,
		}
		if t.Database != "" {
			u.RawQuery = strings.TrimPrefix(u.RawQuery+"&database="+url.QueryEscape(t.Database), "&")
		}
		return u.String(), nil
	}
}

// byEngine goes by what the secret says that it is for.
func byEngine(s coffer.Secret) (string, error) {
	c, _, err := parse(s, Target{})
	if err != nil {
		return "", err
	}
	switch c.Engine {
	case "postgres", "postgresql", "aurora-postgresql", "redshift":
		return Postgres(Target{})(s)
	case "mysql", "mariadb", "aurora-mysql", "aurora":
		return MySQL(Target{})(s)
	case "sqlserver":
		return SQLServer(Target{})(s)
	}
	return "", fmt.Errorf("a DSN for the engine %q is not known: give a DSN function", c.Engine)
}
