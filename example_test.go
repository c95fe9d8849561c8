// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/coffer-secrets/coffer"
)

// extension stands in for the one beside a function. After a rotation has been reported
// to it, it has a new version.
func extension() *httptest.Server {
	const secret = `{"Name":"prod/db","VersionId":%q,"SecretString":"{\"username\":\"app\",\"password\":\"%s\"}","ResultMetadata":{}}`
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/secretsmanager/get":
			fmt.Fprintf(w, secret, "v1", "correct-horse")
		case "/coffer/v1/failed":
			fmt.Fprintf(w, secret, "v2", "battery-staple")
		case "/systemsmanager/parameters/get":
			fmt.Fprint(w, `{"Parameter":{"Name":"/prod/api/key","Value":"k-2f9a","Version":1},"ResultMetadata":{}}`)
		}
	}))
}

func Example() {
	srv := extension()
	defer srv.Close()
	client := coffer.New(coffer.Config{Agent: srv.URL}) // coffer.Get and its like need none
	defer client.Close()
	ctx := context.Background()

	var db struct{ Username, Password string }
	if err := client.GetJSON(ctx, "prod/db", &db); err != nil {
		log.Fatal(err)
	}
	key, err := client.Parameter(ctx, "/prod/api/key")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Username, len(db.Password), len(key))
	// Output: app 13 6
}

func ExampleClient_With() {
	srv := extension()
	defer srv.Close()
	client := coffer.New(coffer.Config{Agent: srv.URL})
	defer client.Close()

	connect := func(s coffer.Secret) error { // to a database that knows the new password
		if s.VersionID != "v2" {
			fmt.Println(s.VersionID, "was refused")
			return coffer.AuthFailed(errors.New("password authentication failed"))
		}
		fmt.Println("connected with", s.VersionID)
		return nil
	}
	if err := client.With(context.Background(), "prod/db", connect); err != nil {
		log.Fatal(err)
	}
	// Output:
	// v1 was refused
	// connected with v2
}
