// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/arn"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/oidc"
	"github.com/coffer-secrets/coffer/internal/oidc/device"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
	"github.com/coffer-secrets/coffer/internal/ui"
)

// issuerLogin is all that a login with an issuer needs to know. The profile has it too.
type issuerLogin struct {
	Issuer, ClientID, Scope, IssuerCAFile string
	Role, Duration                        string
	Endpoint, Region, CAFile              string
}

// setting is a setting of a login: its flag, and its name in the profile.
type setting struct {
	flag, name string
	value      *string
}

func (l *issuerLogin) settings() []setting {
	return []setting{
		{"endpoint", "endpoint_url", &l.Endpoint},
		{"region", "region", &l.Region},
		{"ca-file", "ca_bundle", &l.CAFile},
		{"issuer", "coffer_issuer", &l.Issuer},
		{"client-id", "coffer_client_id", &l.ClientID},
		{"scope", "coffer_scope", &l.Scope},
		{"issuer-ca-file", "coffer_issuer_ca_bundle", &l.IssuerCAFile},
		{"role", "coffer_role_arn", &l.Role},
		{"duration", "coffer_duration", &l.Duration},
	}
}

// check makes the paths absolute, and refuses what can't be a login.
func (l *issuerLogin) check() (err error) {
	if l.ClientID == "" || l.Role == "" {
		return withHint(errors.New("a login with an issuer needs --client-id and --role"), "Try: coffer login --help")
	}
	if err := oidc.CheckURL(l.Issuer); err != nil {
		return fmt.Errorf("--issuer: %w", err)
	}
	if l.Endpoint != "" && oidc.CheckURL(l.Endpoint) != nil {
		return errors.New("--endpoint: a token is sent there, so it has to be HTTPS, or this machine")
	}
	if _, err := arn.Parse(l.Role); err != nil {
		return fmt.Errorf("--role: %w", err)
	}
	if d, err := time.ParseDuration(l.Duration); err != nil || d < 15*time.Minute || d > maxSession {
		return errors.New("--duration: from 15m to 12h")
	}
	if !slices.Contains(strings.Fields(l.Scope), "openid") {
		return errors.New("--scope: openid has to be among the scopes, or there is no ID token")
	}
	for _, file := range []*string{&l.CAFile, &l.IssuerCAFile} {
		if *file == "" {
			continue
		}
		if *file, err = filepath.Abs(*file); err != nil {
			return err
		}
	}
	return nil
}

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

// writeSessionProfile writes a profile that has AWS's tools ask for the session. Access
// keys in it would come first.
func writeSessionProfile(profile string, l *issuerLogin) (config string, err error) {
	credentials, config, err := sharedFiles()
	if err != nil {
		return "", err
	}
	settings := []pair{{"credential_process", credentialProcess(profile)}}
	for _, s := range l.settings() {
		settings = append(settings, pair{s.name, *s.value})
	}
	if err := setProfile(config, configSection(profile), append(settings, noKeys...)); err != nil {
		return "", err
	}
	return config, setProfile(credentials, profile, noKeys)
}

// noKeys removes an access key.
var noKeys = []pair{{"aws_access_key_id", ""}, {"aws_secret_access_key", ""}, {"aws_session_token", ""}}

// readSessionProfile returns the login that a profile has, or nil.
func readSessionProfile(profile string) (*issuerLogin, error) {
	_, config, err := sharedFiles()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(config)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	settings := settingsOf(string(text), configSection(profile))
	if settings["coffer_issuer"] == "" {
		return nil, nil
	}
	l := &issuerLogin{}
	for _, s := range l.settings() {
		*s.value = settings[s.name]
	}
	return l, nil
}

func credentialProcess(profile string) string { return "coffer credentials --profile " + profile }
