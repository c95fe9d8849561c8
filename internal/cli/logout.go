// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// revokeTimeout bounds what is done at the issuer when somebody logs out.
const revokeTimeout = 15 * time.Second

func logoutCommand() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "logout [--profile NAME]",
		Short: "Forget a login with an issuer",
		Long: `Remove the session of a login with an issuer, and what coffer login has written into the
profile. If the issuer has a way to say so, it is told that the refresh token is not used
any more. Credentials that a program already has are good until the session ends.`,
		Example: "  coffer logout --profile coffer",
		Args:    cobra.NoArgs,
	}
	bindProfile(cmd, &profile)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runLogout(cmd, profile) }
	return cmd
}

func runLogout(cmd *cobra.Command, profile string) error {
	if !profileName.MatchString(profile) {
		return usageError{badProfile(profile)}
	}
	l, err := readSessionProfile(profile)
	if err != nil {
		return err
	}
	if l == nil {
		return fmt.Errorf("the profile %s has no login with an issuer", profile)
	}
	s, err := forgetSession(cmd.Context(), profile)
	if err != nil {
		return err
	}
	_, config, err := sharedFiles()
	if err != nil {
		return err
	}
	if err := setProfile(config, configSection(profile), noSession()); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Logged out of the profile %s\n", profile)
	if s == nil || s.refresh.Len() == 0 || s.login != *l {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), revokeTimeout)
	defer cancel()
	issuer, err := l.issuer(ctx)
	if err == nil {
		err = issuer.Revoke(ctx, s.refresh)
	}
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s was not told: %v\n", l.Issuer, err)
	}
	return nil
}

// forgetSession removes the session of a profile, and returns it if it can be read.
func forgetSession(ctx context.Context, profile string) (*session, error) {
	kept, err := userSessions()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	unlock, err := kept.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := kept.read(profile)
	if err != nil {
		s = nil
	}
	return s, kept.remove(profile)
}
