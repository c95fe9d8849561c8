// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"time"

	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
)

// webIdentitySteps assume a role with a token of an issuer that the server has never heard
// of before, and with nothing else.
func webIdentitySteps(issuer *oidctest.Issuer) []step {
	now := time.Now()
	token := func(subject string) string {
		return issuer.Token(map[string]any{"sub": subject, "aud": "sts.amazonaws.com", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	}
	const stranger = `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; `
	const assume = `aws sts assume-role-with-web-identity --role-arn $ROLE --role-session-name pod --web-identity-token file://$DIR/`
	return []step{
		{command: "cat > $DIR/as <<'END'\n" + as + "\nEND"},
		{command: `printf %s ` + token("system:serviceaccount:orders:reader") + ` > $DIR/reader`},
		{command: `printf %s ` + token("system:serviceaccount:orders:writer") + ` > $DIR/writer`},
		{command: `aws iam create-open-id-connect-provider --url ` + issuer.URL + ` --client-id-list sts.amazonaws.com --query OpenIDConnectProviderArn --output text`, save: "PROVIDER"},
		{command: `cat > $DIR/trust.json <<END
{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"$PROVIDER"},"Action":"sts:AssumeRoleWithWebIdentity",
"Condition":{"StringEquals":{"` + issuer.Host() + `:sub":"system:serviceaccount:orders:reader"}}}}
END`},
		{command: `aws iam create-role --role-name cli-pod --assume-role-policy-document file://$DIR/trust.json --query Role.Arn --output text`, save: "ROLE"},
		{command: stranger + assume + `reader --query Credentials > $DIR/session`},
		{command: stranger + `. $DIR/as; as session; aws sts get-caller-identity --query Arn --output text`, want: "arn:aws:sts::000000000000:assumed-role/cli-pod/pod"},
		{command: stranger + assume + `writer`, fails: "AccessDenied"},
		{command: stranger + assume + `as`, fails: "InvalidIdentityToken"},
		{command: stranger + `printf '[default]\nrole_arn=%s\nweb_identity_token_file=%s\n' $ROLE $DIR/reader > $DIR/config; HOME=$DIR AWS_CONFIG_FILE=$DIR/config aws sts get-caller-identity --query Account --output text`, want: "000000000000"},
	}
}
