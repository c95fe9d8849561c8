// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdasecrets_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/lambdasecrets"
)

type secrets struct {
	User     string `coffer:"prod/db,field=username"`
	Password string `coffer:"prod/db,field=password"`
}

func handle(_ context.Context, greeting string, db secrets) (string, error) {
	return fmt.Sprintf("%s, %s! Your password has %d letters.", greeting, db.User, len(db.Password)), nil
}

func ExampleWrap() {
	extension := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Name":"prod/db","VersionId":"v1","SecretString":"{\"username\":\"ann\",\"password\":\"hunter2\"}"}`)
	}))
	defer extension.Close()
	client := coffer.New(coffer.Config{Agent: extension.URL})
	defer client.Close()

	handler := lambdasecrets.Wrap(handle, lambdasecrets.From(client)) // From only for this example's sake
	// lambda.Start(handler)
	fmt.Println(handler(context.Background(), "Hello"))
	// Output: Hello, ann! Your password has 7 letters. <nil>
}
