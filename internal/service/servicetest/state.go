// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/coffer-secrets/coffer/internal/audit"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/service/identity"
)

// Credentials are an access key of a principal of the server.
type Credentials struct {
	AccessKeyID, SecretAccessKey string
	// SessionToken is empty for a user and for the root.
	SessionToken string
}

// User makes a user in Account, or gives it other policies, and returns an access key
// of its own. The policies are JSON documents.
func (s *Server) User(name string, policies ...string) Credentials {
	s.tb.Helper()
	return s.UserIn(Account, name, policies...)
}

// UserIn is User for another account.
func (s *Server) UserIn(account, name string, policies ...string) Credentials {
	s.tb.Helper()
	return s.key(user(account, name, policies))
}

// Permit gives a user of any account other policies, and no key.
func (s *Server) Permit(account, name string, policies ...string) {
	s.tb.Helper()
	p := user(account, name, policies)
	if _, err := s.Store.Update(s.tb.Context(), func(tx kv.Tx) error {
		_, err := s.Directory.PutPrincipal(tx, p, s.Clock.Now())
		return err
	}); err != nil {
		s.tb.Fatalf("giving policies to %s: %v", p.ARN(), err)
	}
}

func user(account, name string, policies []string) identity.Principal {
	documents := map[string]string{}
	for i, document := range policies {
		documents[fmt.Sprintf("policy-%d", i)] = document
	}
	return identity.Principal{Account: account, Kind: identity.User, Name: name, Policies: documents}
}

// Allow is a policy that allows the actions on the resource.
func Allow(resource string, actions ...string) string { return statement("Allow", resource, actions) }

// Deny is a policy that denies the actions on the resource.
func Deny(resource string, actions ...string) string { return statement("Deny", resource, actions) }

func statement(effect, resource string, actions []string) string {
	list := ""
	for i, action := range actions {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf("%q", action)
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":[%s],"Resource":%q}]}`, effect, list, resource)
}

func (s *Server) key(p identity.Principal) (c Credentials) {
	s.tb.Helper()
	if _, err := s.Store.Update(s.tb.Context(), func(tx kv.Tx) error {
		stored, err := s.Directory.PutPrincipal(tx, p, s.Clock.Now())
		if err != nil {
			return err
		}
		key, err := s.Directory.CreateKey(tx, identity.NewKey{Account: stored.Account, Kind: stored.Kind, Name: stored.Name}, s.Clock.Now())
		if err != nil {
			return err
		}
		c = Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.RevealString(), SessionToken: key.SessionToken.RevealString()}
		return nil
	}); err != nil {
		s.tb.Fatalf("making principal %s: %v", p.ARN(), err)
	}
	return c
}

// Records returns all audit records so far, oldest first. It restarts the server, so
// that what writes left behind is in the file.
func (s *Server) Records() []audit.Record {
	s.tb.Helper()
	s.Restart()
	var all []audit.Record
	for r, err := range audit.Records(s.tb.Context(), s.auditFile(), audit.ReadOptions{}) {
		if err != nil {
			s.tb.Fatalf("reading the audit log: %v", err)
		}
		all = append(all, r)
	}
	return all
}

// Keys returns the store's keys that begin with the prefix.
func (s *Server) Keys(prefix string) (keys []string) {
	s.tb.Helper()
	if _, err := s.Store.View(s.tb.Context(), func(r kv.Reader) error {
		keys = nil
		for pair, err := range r.Scan(kv.Range{Prefix: prefix}) {
			if err != nil {
				return err
			}
			keys = append(keys, pair.Key)
		}
		return nil
	}); err != nil {
		s.tb.Fatalf("reading the keys of %s: %v", prefix, err)
	}
	return keys
}

// settleWithin bounds the wait for jobs, so that a job that fails for ever ends the
// test with a message and not by its timeout.
const settleWithin = time.Minute

// Work starts a worker that does jobs as they are due by the clock. The caller closes it,
// before Restart and the end of the test.
func (s *Server) Work() *jobs.Worker {
	return jobs.Start(jobs.Config{
		Store: s.Store, Log: slog.New(slog.NewTextHandler(s.tb.Output(), nil)), Now: s.Clock.Now, Handlers: s.gate.Jobs(),
	})
}

// Settle does the jobs that are due by the clock, and returns when none is left.
func (s *Server) Settle() {
	s.tb.Helper()
	s.SettleUntil(nil)
}

// SettleUntil is Settle, but stops in the midst of the jobs under way when stop is closed.
func (s *Server) SettleUntil(stop <-chan struct{}) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(s.tb.Context(), settleWithin)
	defer cancel()
	stopped := make(chan struct{})
	defer func() {
		cancel()
		<-stopped
	}()
	go func() {
		defer close(stopped)
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	worker := s.Work()
	defer func() {
		if err := worker.Close(); err != nil {
			s.tb.Errorf("closing the worker: %v", err)
		}
	}()
	var waiting int
	look := func(r kv.Reader) (err error) {
		waiting, err = jobs.Due(r, s.Clock.Now())
		return err
	}
	rev, err := s.Store.View(ctx, look)
	if err != nil {
		s.tb.Fatal(err)
	}
	if waiting == 0 {
		return
	}
	for _, err := range s.Store.Watch(ctx, kv.Prefix("jobs"), rev) {
		if err == nil {
			_, err = s.Store.View(ctx, look)
		}
		if errors.Is(err, context.Canceled) && s.tb.Context().Err() == nil {
			return
		}
		if err != nil {
			s.tb.Fatalf("jobs were not done: %v", err)
		}
		if waiting == 0 {
			return
		}
	}
}
