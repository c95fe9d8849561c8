// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const (
	// renewBefore is how long before its end a session is renewed.
	renewBefore = 5 * time.Minute
	// renewTimeout bounds a renewal, with the wait for another process that has one under
	// way. AWS's tools wait for as long as it takes.
	renewTimeout = time.Minute
)

func credentialsCommand() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "credentials [--profile NAME]",
		Short: "Print the credentials of a login, for AWS's tools",
		Long: `Print the credentials of a login with an issuer, as AWS's tools want them from a
credential_process. The profile that coffer login writes names this command: there is
nothing to do by hand.

With less than five minutes left they are renewed, if the issuer gave a refresh token.
Otherwise, or if the issuer doesn't take it any more, it is time to log in again.`,
		Example: "  coffer credentials --profile coffer",
		Args:    cobra.NoArgs,
	}
	bindProfile(cmd, &profile)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := currentSession(cmd, profile)
		if err != nil {
			return err
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(s.document())
	}
	return cmd
}

// currentSession returns the profile's session, renewed if need be.
func currentSession(cmd *cobra.Command, profile string) (*session, error) {
	if !profileName.MatchString(profile) {
		return nil, usageError{badProfile(profile)}
	}
	l, err := readSessionProfile(profile)
	if err != nil {
		return nil, err
	}
	again := "Log in again: coffer login --profile " + profile
	if l == nil {
		return nil, withHint(fmt.Errorf("the profile %s has no login with an issuer", profile), again+" --issuer URL --client-id ID --role ARN")
	}
	kept, err := userSessions()
	if err != nil {
		return nil, err
	}
	if s, err := kept.of(profile, l); err == nil && s.left(time.Now()) > renewBefore {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), renewTimeout)
	defer cancel()
	unlock, err := kept.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := kept.of(profile, l)
	if err != nil {
		return nil, withHint(err, again)
	}
	if s.left(time.Now()) > renewBefore {
		return s, nil // another process has renewed it meanwhile
	}
	renewed, err := kept.renew(ctx, profile, s)
	if err == nil {
		return renewed, nil
	}
	if left := s.left(time.Now()); left > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "The session ends in %v: %v\n%s\n", left.Round(time.Second), err, again)
		return s, nil
	}
	return nil, withHint(fmt.Errorf("the session of the profile %s has ended: %w", profile, err), again)
}

// of returns the session of a profile, which has to be of that login: a refresh token goes
// only to whom it came from.
func (d sessions) of(profile string, l *issuerLogin) (*session, error) {
	s, err := d.read(profile)
	if err == nil && s.login != *l {
		err = fmt.Errorf("the profile %s has been changed since the login", profile)
	}
	return s, err
}

// renew renews a session. It needs the lock.
func (d sessions) renew(ctx context.Context, profile string, s *session) (*session, error) {
	if s.refresh.Len() == 0 {
		return nil, errors.New("the issuer gave no refresh token")
	}
	issuer, err := s.login.issuer(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := issuer.Refresh(ctx, s.refresh)
	if err != nil {
		return nil, fmt.Errorf("asking %s for new tokens: %w", s.login.Issuer, err)
	}
	// The old refresh token may be good no more: the new one is kept whatever comes next.
	s.refresh = tokens.Refresh
	if err := d.write(profile, s); err != nil {
		return nil, err
	}
	renewed, _, err := s.login.assume(ctx, tokens)
	if err != nil {
		return nil, err
	}
	return renewed, d.write(profile, renewed)
}
