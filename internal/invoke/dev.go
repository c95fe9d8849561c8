// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package invoke

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// roleName is the role that a function has on a Dev's server.
const roleName = "function"

// anything is the policy of a role that may do everything.
const anything = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`

// Dev is a server in memory, which ends with the session, and what is in it.
type Dev struct {
	// Secrets and Parameters are stored before the function starts, by their names;
	// parameters as SecureStrings.
	Secrets, Parameters map[string]string
	// Policy is what the function's role may do, a JSON document. Empty means everything.
	Policy string
}

// start starts the server, and returns how a function reaches it.
func (d *Dev) start(ctx context.Context, s *Session, work string, output func(source, line string)) (surroundings, error) {
	log := slog.New(slog.NewTextHandler(lines(func(l string) { output("server", l) }), &slog.HandlerOptions{Level: slog.LevelWarn}))
	data := filepath.Join(work, "server") // for the audit log alone
	if err := os.Mkdir(data, 0o700); err != nil {
		return surroundings{}, err
	}
	srv, err := server.OpenOn(ctx, server.Config{Data: data, Listen: "127.0.0.1:0"}, log, server.InMemory())
	if err != nil {
		return surroundings{}, err
	}
	s.onClose(srv.Close)
	l, err := srv.Listen()
	if err != nil {
		return surroundings{}, err
	}
	s.serve(ctx, srv, l)
	from := surroundings{
		region: srv.Config.Region, account: srv.Config.Account,
		env: map[string]string{"AWS_ENDPOINT_URL": "http://" + l.Addr().String()},
	}
	if from.credentials, err = d.role(ctx, srv); err != nil {
		return from, fmt.Errorf("the function's role: %w", err)
	}
	return from, d.seed(ctx, srv, from.env["AWS_ENDPOINT_URL"])
}

// lines is a writer of whole lines, as slog's handlers write.
type lines func(string)

// Write implements io.Writer.
func (f lines) Write(p []byte) (int, error) {
	f(string(p[:max(0, len(p)-1)]))
	return len(p), nil
}

// serve serves until the session is closed.
func (s *Session) serve(ctx context.Context, srv *server.Server, l net.Listener) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, l) }()
	s.onClose(func() error {
		stop()
		return <-served
	})
}

// sessionTime is how long the role's credentials are good for: no local run is longer.
const sessionTime = 12 * time.Hour

// role makes the role and gives credentials of a session of it.
func (d *Dev) role(ctx context.Context, srv *server.Server) (lambdahost.Credentials, error) {
	policy := d.Policy
	if policy == "" {
		policy = anything
	}
	account := srv.Config.Account
	var key *identity.GrantedKey
	act := &server.Act{Name: "CreateRole", By: "invoke", Details: map[string]string{"roleName": roleName}}
	err := srv.Do(ctx, act, func(tx kv.Tx) (err error) {
		now := time.Now()
		role := identity.Principal{Account: account, Kind: identity.Role, Name: roleName, Policies: map[string]string{"function": policy}}
		if _, err := srv.Directory.PutPrincipal(tx, role, now); err != nil {
			return err
		}
		key, err = srv.Directory.CreateKey(tx, identity.NewKey{
			Account: account, Kind: identity.Role, Name: roleName, Session: "local", Duration: sessionTime,
		}, now)
		return err
	})
	if err != nil {
		return lambdahost.Credentials{}, err
	}
	return lambdahost.Credentials{
		AccessKeyID: key.ID, SecretAccessKey: secret.Text{Value: key.Secret}, SessionToken: secret.Text{Value: key.SessionToken},
	}, nil
}

// seed stores what is to be there, as the account's root.
func (d *Dev) seed(ctx context.Context, srv *server.Server, endpoint string) error {
	key, err := srv.DevKey(ctx, "", secret.Value{})
	if err != nil {
		return err
	}
	root, err := client.New(client.Config{
		Endpoint: endpoint, Region: srv.Config.Region, UserAgent: "coffer", Getenv: func(string) string { return "" },
		Credentials: client.Static(sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}),
	})
	if err != nil {
		return err
	}
	defer root.Forget()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(d.Secrets)) {
		_, err := awsjson.Do(ctx, root, secretsmanager.CreateSecret, &secretsmanager.CreateSecretInput{
			Name: &name, SecretString: secret.NewText(d.Secrets[name]), ClientRequestToken: new(rand.Text() + rand.Text()),
		})
		errs = append(errs, named("secret "+name, err))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		_, err := awsjson.Do(ctx, root, ssm.PutParameter, &ssm.PutParameterInput{
			Name: &name, Value: secret.NewText(d.Parameters[name]), Type: new(ssm.ParameterTypeSecureString),
		})
		errs = append(errs, named("parameter "+name, err))
	}
	return errors.Join(errs...)
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storing %s: %w", what, err)
}
