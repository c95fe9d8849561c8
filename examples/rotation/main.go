// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Command rotation is a rotation function for Secrets Manager, to begin one's own from: it
// gives a secret a new password. It runs as it is in AWS Lambda, as a custom runtime, and as
// a program of a Coffer server, and asks the same of both.
//
// A secret is a password, or a JSON object with the member "password", whose other members
// stay as they are. Secrets Manager calls the function four times for each rotation, with
// one of the steps createSecret, setSecret, testSecret and finishSecret. Each may come again
// after it failed, or after it succeeded and nobody learned of it; so each looks first at
// what is there.
//
// The role of the function needs secretsmanager:DescribeSecret, GetSecretValue,
// PutSecretValue and UpdateSecretVersionStage on its secrets, and GetRandomPassword on *.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err == nil {
		r := &rotation{secretsmanager.NewFromConfig(cfg)}
		err = serve(ctx, os.Getenv("AWS_LAMBDA_RUNTIME_API"), r.handle)
	}
	fmt.Fprintln(os.Stderr, "rotation:", err)
	os.Exit(1)
}

// handle does what an event of Secrets Manager asks for.
func (r *rotation) handle(ctx context.Context, body []byte) error {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("the event is not one of Secrets Manager: %w", err)
	}
	return r.rotate(ctx, e)
}

// client has no time limit of its own: the runtime waits for its next event.
var client = &http.Client{}
