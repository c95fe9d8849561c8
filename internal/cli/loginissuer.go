// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/oidc/device"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
	"github.com/coffer-secrets/coffer/internal/ui"
)

// runLoginIssuer logs a person in, and keeps the session.
func runLoginIssuer(cmd *cobra.Command, profile string, l *issuerLogin) error {
	if err := l.check(); err != nil {
		return usageError{err}
	}
	kept, err := userSessions()
	if err != nil {
		return err
	}
	tokens, err := l.confirmed(cmd)
	if err != nil {
		return err
	}
	s, who, err := l.assume(cmd.Context(), tokens)
	if err != nil {
		return err
	}
	unlock, err := kept.lock(cmd.Context())
	if err != nil {
		return err
	}
	defer unlock()
	if err := kept.write(profile, s); err != nil {
		return err
	}
	config, err := writeSessionProfile(profile, l)
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), who)
	fmt.Fprintf(cmd.ErrOrStderr(), "Kept in the profile %s of %s: export AWS_PROFILE=%[1]s\n", profile, config)
	if s.refresh.Len() == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "The issuer gave no refresh token: the session ends at %s\n", s.expires.Format(time.TimeOnly))
	}
	return nil
}

// issuer asks the issuer where its endpoints are.
func (l *issuerLogin) issuer(ctx context.Context) (*device.Issuer, error) {
	return device.Discover(ctx, device.Config{
		Issuer: l.Issuer, ClientID: l.ClientID, Transport: client.NewWire(nil, 0, l.IssuerCAFile, time.Now),
	})
}

// confirmed shows a code, and returns the tokens once the person has confirmed it.
func (l *issuerLogin) confirmed(cmd *cobra.Command) (*device.Tokens, error) {
	issuer, err := l.issuer(cmd.Context())
	if err != nil {
		return nil, err
	}
	code, err := issuer.Begin(cmd.Context(), l.Scope)
	if err != nil {
		return nil, err
	}
	out := cmd.ErrOrStderr()
	paint := ui.For(out)
	fmt.Fprintf(out, "Open %s and enter the code %s\n", paint.Bold(code.URL), paint.Bold(code.User))
	if code.Complete != "" {
		fmt.Fprintf(out, "Or open %s and see that it shows this code\n", code.Complete)
	}
	if !ui.Terminal(out) {
		return issuer.Wait(cmd.Context(), code, nil)
	}
	defer fmt.Fprint(out, "\r\x1b[K")
	return issuer.Wait(cmd.Context(), code, func() { showWait(out, time.Until(code.Expires)) })
}

// showWait tells in the last line of a terminal how long a code is still good.
func showWait(out io.Writer, left time.Duration) {
	fmt.Fprintf(out, "\r\x1b[KWaiting for you to confirm it: %v left", left.Round(time.Second))
}

// assume has STS give credentials of the role to whom the ID token vouches for. It returns
// the session, and who it is.
func (l *issuerLogin) assume(ctx context.Context, t *device.Tokens) (s *session, who string, err error) {
	c, err := client.New(client.Config{
		// The login says where to send the token, whatever the environment is.
		Getenv:   func(name string) string { return map[string]string{"COFFER_CA_FILE": l.CAFile}[name] },
		Endpoint: l.Endpoint, Region: l.Region, Credentials: client.Static(sigv4.Credentials{}), UserAgent: "coffer/" + server.Version,
	})
	if err != nil {
		return nil, "", err
	}
	length, err := time.ParseDuration(l.Duration)
	if err != nil {
		return nil, "", fmt.Errorf("coffer_duration: %w", err)
	}
	operation, began := sts.AssumeRoleWithWebIdentity.Name, time.Now()
	answer, err := c.Call(ctx, sts.Service, operation, awsquery.EncodeForm(sts.Service, operation, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &l.Role, RoleSessionName: new(sessionName(t.ID)), WebIdentityToken: secret.Text{Value: t.ID},
		DurationSeconds: new(int32(length.Seconds())),
	}))
	if err != nil {
		return nil, "", err
	}
	defer clear(answer)
	var out sts.AssumeRoleWithWebIdentityOutput
	if err := awsquery.DecodeAnswer(operation, answer, &out); err != nil {
		return nil, "", errors.New("the answer of sts:" + operation + " can't be read")
	}
	got, user := out.Credentials, out.AssumedRoleUser
	if got == nil || got.AccessKeyId == nil || got.SecretAccessKey.Len() == 0 || got.SessionToken.Len() == 0 || got.Expiration == nil || user == nil || user.Arn == nil {
		return nil, "", errors.New("the answer of sts:" + operation + " has no credentials")
	}
	s = &session{login: *l, refresh: t.Refresh, expires: got.Expiration.Time, credentials: sigv4.Credentials{
		AccessKeyID: *got.AccessKeyId, SecretAccessKey: got.SecretAccessKey.Value, SessionToken: got.SessionToken.RevealString(),
	}}
	// Whoever looks at the time of the end has this machine's clock, which may be late.
	if end := began.Round(0).Add(length); end.Before(s.expires) {
		s.expires = end
	}
	return s, *user.Arn, nil
}

// notInName are the characters that the name of a session does not have, and maxName how
// many it has (STS API Reference, AssumeRoleWithWebIdentity: RoleSessionName).
var notInName = regexp.MustCompile(`[^\w+=,.@-]+`)

const minName, maxName = 2, 64

// sessionName names a session by what the ID token calls the person. That is for those who
// read the audit log: what counts is whom the token vouches for.
func sessionName(id secret.Value) string {
	token, err := oidc.Parse(id.Reveal())
	if err != nil {
		return "coffer"
	}
	names := append(slices.Concat(token.Claims.Others["email"], token.Claims.Others["preferred_username"]), token.Claims.Subject)
	name := notInName.ReplaceAllString(names[0], "-")
	if name = name[:min(len(name), maxName)]; len(name) < minName {
		return "coffer"
	}
	return name
}
