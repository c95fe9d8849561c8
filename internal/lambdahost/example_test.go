// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost_test

import (
	"context"
	"fmt"
	"log"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

func Example() {
	ctx := context.Background()
	host, err := lambdahost.Start(ctx, lambdahost.Config{
		Function: lambdahost.Process{Program: lambdahost.Serve(func(_ context.Context, event []byte) ([]byte, error) {
			return fmt.Appendf(nil, `{"greeting":%s}`, event), nil
		})},
	})
	if err != nil {
		log.Fatal(err)
	}
	res, err := host.Invoke(ctx, []byte(`"hello"`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(res.Payload))
	if err := host.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: {"greeting":"hello"}
}
