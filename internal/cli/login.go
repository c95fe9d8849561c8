// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
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
	endpoint, region, profile, accessKeyID, caFile string
}

func loginCommand() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login --endpoint URL",
		Short: "Keep an access key in a profile of AWS's tools",
		Long: `Ask for an access key, see at the server whose it is, and keep it in the shared files
of AWS's tools and SDKs, in a profile that also says where the server is. From then on
AWS_PROFILE is all that they need.

The secret is asked for on a terminal, without showing it, and else read from the first
line of the input. It is in no argument, so that nobody who lists processes sees it.`,
		Example: `  coffer login --endpoint https://coffer.example.com
  AWS_PROFILE=coffer aws secretsmanager list-secrets`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.endpoint, "endpoint", os.Getenv("COFFER_ENDPOINT"), "the server's URL (default COFFER_ENDPOINT)")
	flags.StringVar(&f.region, "region", "us-east-1", "region of the profile")
	flags.StringVar(&f.profile, "profile", "coffer", "name of the profile")
	flags.StringVar(&f.accessKeyID, "access-key-id", "", "the access key's id (default: asked for)")
	flags.StringVar(&f.caFile, "ca-file", "", "certificate authorities of the server, PEM")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runLogin(cmd, f) }
	return cmd
}

func runLogin(cmd *cobra.Command, f loginFlags) error {
	if f.endpoint == "" {
		return usageError{withHint(errors.New("no server is named"), "Try: coffer login --endpoint https://coffer.example.com")}
	}
	if !profileName.MatchString(f.profile) {
		return usageError{fmt.Errorf("profile %q: letters, digits and _.@-", f.profile)}
	}
	key, err := askKey(cmd, f.accessKeyID)
	if err != nil {
		return err
	}
	who, err := f.whose(cmd.Context(), key)
	if err != nil {
		return err
	}
	credentials, config, err := sharedFiles()
	if err != nil {
		return err
	}
	if err := setProfile(credentials, f.profile, []pair{
		{"aws_access_key_id", key.AccessKeyID}, {"aws_secret_access_key", key.SecretAccessKey.RevealString()}, {"aws_session_token", ""},
	}); err != nil {
		return err
	}
	section := "profile " + f.profile
	if f.profile == "default" {
		section = f.profile
	}
	ca := f.caFile
	if ca != "" {
		if ca, err = filepath.Abs(ca); err != nil {
			return err
		}
	}
	if err := setProfile(config, section, []pair{{"endpoint_url", f.endpoint}, {"region", f.region}, {"ca_bundle", ca}}); err != nil {
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
		if name == "COFFER_CA_FILE" && f.caFile != "" {
			return f.caFile
		}
		return os.Getenv(name)
	}
	c, err := client.New(client.Config{
		Getenv: getenv, Endpoint: f.endpoint, Region: f.region, Credentials: client.Static(key), UserAgent: "coffer/" + server.Version,
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
