// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sqlsecrets_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/sqlsecrets"
)

func TestDSN(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t)
	c := srv.Client()
	full := `{"engine":%q,"host":"db.example","port":1234,"username":"ann","password":"p@ss:/ w%%rd","dbname":"shop"}`
	bare := `{"username":"ann","password":"p"}`
	for i, test := range []struct {
		secret string
		dsn    func(coffer.Secret) (string, error)
		want   string // empty for an error
	}{
		{fmt.Sprintf(full, "postgres"), sqlsecrets.Postgres(sqlsecrets.Target{Params: "sslmode=require"}), "postgres://ann:p%40ss%3A%2F%20w%25rd@db.example:1234/shop?sslmode=require"},
		{fmt.Sprintf(full, "mysql"), sqlsecrets.MySQL(sqlsecrets.Target{Params: "tls=true"}), "ann:p@ss:/ w%rd@tcp(db.example:1234)/shop?tls=true"},
		{fmt.Sprintf(full, "sqlserver"), sqlsecrets.SQLServer(sqlsecrets.Target{Params: "encrypt=true"}), "sqlserver://ann:p%40ss%3A%2F%20w%25rd@db.example:1234?encrypt=true&database=shop"},
		{bare, sqlsecrets.Postgres(sqlsecrets.Target{Host: "::1", Database: "a"}), "postgres://ann:p@[::1]:5432/a"},
		{bare, sqlsecrets.MySQL(sqlsecrets.Target{Host: "h"}), "ann:p@tcp(h:3306)/"},
		{bare, sqlsecrets.SQLServer(sqlsecrets.Target{Host: "h"}), "sqlserver://ann:p@h:1433"},
		{`{"username":"ann","password":"p","host":"h","port":"99"}`, sqlsecrets.Postgres(sqlsecrets.Target{}), "postgres://ann:p@h:99/"},
		{`{"username":"ann","password":"p","host":"h","port":null}`, sqlsecrets.Postgres(sqlsecrets.Target{}), "postgres://ann:p@h:5432/"},
		{bare, sqlsecrets.Postgres(sqlsecrets.Target{}), ""},
		{`{"username":"ann","host":"h"}`, sqlsecrets.Postgres(sqlsecrets.Target{}), ""},
		{`hunter2`, sqlsecrets.MySQL(sqlsecrets.Target{}), ""},
		{`{"username":"a:b","password":"p","host":"h"}`, sqlsecrets.MySQL(sqlsecrets.Target{}), ""},
	} {
		name := fmt.Sprint("s", i)
		srv.SetSecret(name, test.secret)
		s, err := c.Secret(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := test.dsn(s)
		if got != test.want || (err == nil) != (test.want != "") || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %s, %v, want %s", test.secret, got, err, test.want)
		}
		if u, err := url.Parse(got); strings.HasPrefix(got, "postgres") && (err != nil || u.User.Username() != "ann") {
			t.Errorf("%s: %v", got, err)
		}
	}
}

func TestAuthFailed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Error 1045 (28000): Access denied for user 'ann'@'10.0.0.1' (using password: YES)": true,
		"Error 1698: Access denied for user":                                                true,
		"mssql: login error: Login failed for user 'ann'.":                                  true,
		"ORA-01017: invalid username/password; logon denied":                                true,
		"pq: password authentication failed for user \"ann\"":                               true,
		"FATAL: no pg_hba.conf entry (SQLSTATE 28000)":                                      true,
		"Error 10450: something else":                                                       false,
		"dial tcp: connection refused":                                                      false,
		"FATAL: too many connections (SQLSTATE 53300)":                                      false,
	} {
		if got := sqlsecrets.AuthFailed(fmt.Errorf("connecting: %w", errors.New(text))); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	if !sqlsecrets.AuthFailed(refusal{"28P01"}) || sqlsecrets.AuthFailed(refusal{"53300"}) || sqlsecrets.AuthFailed(nil) {
		t.Error("a driver's SQLSTATE is not looked at")
	}
}
