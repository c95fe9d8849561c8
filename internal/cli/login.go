// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// loginFlags are the flags of coffer login.
type loginFlags struct {
	issuerLogin          // of which a login with an access key has a part
	profile, accessKeyID string
}

func loginCommand() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login (--endpoint URL | --issuer URL --client-id ID --role ARN [--endpoint URL])",
		Short: "Log in, for AWS's tools, with an access key or at an OpenID Connect issuer",
		Long: `Log in, and have a profile in the shared files of AWS's tools and SDKs that stands for it
and says where the server is. From then on AWS_PROFILE is all that they need.

With an access key: the server is asked whose it is, and the profile has the key. The
secret is asked for on a terminal, without showing it, and else read from the first line
of the input. It is in no argument, so that nobody who lists processes sees it.

With --issuer: you are shown an address and a code to confirm there, in a browser on
whatever machine. The issuer then vouches for you, and the server, or AWS if there is no
--endpoint, gives you a session of the role. The profile has AWS's tools ask coffer
credentials for it, which renews it if the issuer allows. To log in again, the profile's
name is enough.`,
		Example: `  coffer login --endpoint https://coffer.example.com
  coffer login --endpoint https://coffer.example.com --issuer https://login.example.com \
    --client-id coffer-cli --role arn:aws:iam::000000000000:role/developer
  coffer login --profile coffer
  AWS_PROFILE=coffer aws secretsmanager list-secrets`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Endpoint, "endpoint", os.Getenv("COFFER_ENDPOINT"), "the server's URL (default COFFER_ENDPOINT)")
	flags.StringVar(&f.Region, "region", "us-east-1", "region of the profile")
	bindProfile(cmd, &f.profile)
	flags.StringVar(&f.accessKeyID, "access-key-id", "", "the access key's id (default: asked for)")
	flags.StringVar(&f.CAFile, "ca-file", "", "certificate authorities of the server, PEM")
	flags.StringVar(&f.Issuer, "issuer", "", "URL of the OpenID Connect issuer to log in at")
	flags.StringVar(&f.ClientID, "client-id", "", "what the issuer knows coffer login as: a client without a secret")
	flags.StringVar(&f.Scope, "scope", "openid offline_access", "scopes to ask the issuer for")
	flags.StringVar(&f.IssuerCAFile, "issuer-ca-file", "", "certificate authorities of the issuer, PEM")
	flags.StringVar(&f.Role, "role", "", "ARN of the role to have a session of")
	flags.StringVar(&f.Duration, "duration", "1h", "how long a session is, before it is renewed: 15m to 12h")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runLogin(cmd, f) }
	return cmd
}

func runLogin(cmd *cobra.Command, f loginFlags) error {
	if !profileName.MatchString(f.profile) {
		return usageError{badProfile(f.profile)}
	}
	given := cmd.Flags().Changed
	if given("issuer") {
		return runLoginIssuer(cmd, f.profile, f.orEnvironment())
	}
	before, err := readSessionProfile(f.profile)
	if err != nil {
		return err
	}
	if before != nil && !given("endpoint") && !given("access-key-id") {
		return runLoginIssuer(cmd, f.profile, f.over(before, given))
	}
	return runLoginKey(cmd, f, before != nil)
}

// orEnvironment returns the login, at the server that AWS's tools would ask.
func (f *loginFlags) orEnvironment() *issuerLogin {
	f.Endpoint = cmp.Or(f.Endpoint, os.Getenv("AWS_ENDPOINT_URL"))
	return &f.issuerLogin
}

// over returns the login of before, with what the command line gives.
func (f *loginFlags) over(before *issuerLogin, given func(flag string) bool) *issuerLogin {
	old := before.settings()
	for n, s := range f.settings() {
		if !given(s.flag) {
			*s.value = *old[n].value
		}
	}
	return &f.issuerLogin
}

// runLoginKey keeps an access key, in the place of a session if there is one.
func runLoginKey(cmd *cobra.Command, f loginFlags, session bool) error {
	if f.Endpoint == "" {
		return usageError{withHint(errors.New("no server is named"), "Try: coffer login --endpoint https://coffer.example.com")}
	}
	key, err := askKey(cmd, f.accessKeyID)
	if err != nil {
		return err
	}
	who, err := f.whose(cmd.Context(), key)
	if err != nil {
		return err
	}
	_, config, err := sharedFiles()
	if err != nil {
		return err
	}
	if session {
		if _, err := forgetSession(cmd.Context(), f.profile); err != nil {
			return err
		}
		if err := setProfile(config, configSection(f.profile), noSession()); err != nil {
			return err
		}
	}
	credentials, err := keepKey(f.profile, key.AccessKeyID, key.SecretAccessKey)
	if err != nil {
		return err
	}
	ca := f.CAFile
	if ca != "" {
		if ca, err = filepath.Abs(ca); err != nil {
			return err
		}
	}
	if err := setProfile(config, configSection(f.profile), []pair{{"endpoint_url", f.Endpoint}, {"region", f.Region}, {"ca_bundle", ca}}); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n", who)
	fmt.Fprintf(cmd.ErrOrStderr(), "Kept in the profile %s of %s: export AWS_PROFILE=%[1]s\n", f.profile, credentials)
	return nil
}

// maxInput bounds what is read as an access key, in bytes.
const maxInput = 4096

// askKey asks for an access key.
func askKey(cmd *cobra.Command, id string) (key sigv4.Credentials, err error) {
	in := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxInput))
	defer fmt.Fprintln(cmd.ErrOrStderr())
	key.AccessKeyID = id
	if id == "" {
		fmt.Fprint(cmd.ErrOrStderr(), "Access key id: ")
		if key.AccessKeyID, err = firstLine(in); err != nil {
			return key, fmt.Errorf("reading the access key's id: %w", err)
		}
	}
	fmt.Fprint(cmd.ErrOrStderr(), "Secret access key: ")
	var text string
	if file, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		shown, err := term.ReadPassword(int(file.Fd()))
		if err != nil {
			return key, fmt.Errorf("reading the secret access key: %w", err)
		}
		text = string(shown)
	} else if text, err = firstLine(in); err != nil {
		return key, fmt.Errorf("reading the secret access key: %w", err)
	}
	if key.AccessKeyID == "" || text == "" {
		return key, errors.New("an access key has an id and a secret")
	}
	key.SecretAccessKey = secret.FromString(text)
	return key, nil
}

func firstLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimSpace(line), err
}

// whose returns who the access key stands for, as the server says.
func (f *loginFlags) whose(ctx context.Context, key sigv4.Credentials) (string, error) {
	getenv := func(name string) string {
		if name == "COFFER_CA_FILE" && f.CAFile != "" {
			return f.CAFile
		}
		return os.Getenv(name)
	}
	c, err := client.New(client.Config{
		Getenv: getenv, Endpoint: f.Endpoint, Region: f.Region, Credentials: client.Static(key), UserAgent: "coffer/" + server.Version,
	})
	if err != nil {
		return "", err
	}
	operation := sts.GetCallerIdentity.Name
	answer, err := c.Call(ctx, sts.Service, operation, awsquery.EncodeForm(sts.Service, operation, &sts.GetCallerIdentityInput{}))
	if err != nil {
		return "", err
	}
	var out sts.GetCallerIdentityOutput
	if err := awsquery.DecodeAnswer(operation, answer, &out); err != nil || out.Arn == nil {
		return "", errors.New("the answer is not one of a server of Coffer's")
	}
	return *out.Arn, nil
}
