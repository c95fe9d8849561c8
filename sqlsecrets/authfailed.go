// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sqlsecrets

import (
	"errors"
	"regexp"
)

// refusals are the words in which drivers tell that a database refused the credentials,
// where their errors have no method for the code:
//
//	MySQL       1045 access denied, 1698 access denied (MySQL Error Message Reference)
//	SQL Server  18456 login failed (Database Engine errors)
//	Oracle      ORA-01017 invalid username or password
//	PostgreSQL  28P01 invalid password, 28000 invalid authorization (Appendix A)
var refusals = regexp.MustCompile(`\bError (1045|1698)\b|\bLogin failed for user\b|\bORA-01017\b|` +
	`\bSQLSTATE (28P01|28000)\b|\bpassword authentication failed\b`)

// AuthFailed reports whether a driver's error means that the database refused the
// credentials. It knows pgx and pq by their SQLSTATE; drivers for MySQL, SQL Server and
// Oracle, and others for PostgreSQL, by the codes and words in their messages.
func AuthFailed(err error) bool {
	if err == nil {
		return false
	}
	type sqlState interface {
		error
		SQLState() string
	}
	if e, ok := errors.AsType[sqlState](err); ok {
		return e.SQLState() == "28P01" || e.SQLState() == "28000"
	}
	return refusals.MatchString(err.Error())
}
