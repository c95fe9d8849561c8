// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sqlsecrets_test

import (
	"database/sql"
	"fmt"
	"log"

	"github.com/coffer-secrets/coffer/sqlsecrets"
)

func Example() {
	connector, err := sqlsecrets.New(sqlsecrets.Config{
		Driver: &database{}, // pq.Driver{}, mysql.MySQLDriver{}, stdlib.GetDefaultDriver() of pgx, ...
		Secret: "prod/db",
		DSN:    sqlsecrets.Postgres(sqlsecrets.Target{Params: "sslmode=verify-full"}),
	})
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector) // connects when it is first used
	defer db.Close()
	fmt.Println(db.Stats().OpenConnections)
	// Output: 0
}
