// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
)

// TestAWSCLIWithALogin has somebody log in at an issuer, and the stock aws command use the
// profile that comes of it, before and after the session is renewed, with a secret that the
// role may read.
func TestAWSCLIWithALogin(t *testing.T) {
	t.Parallel()
	p := startDev(t, "--oidc-networks", "127.0.0.0/8")
	c := newAWSCLI(t, p)
	issuer := oidctest.New(t)
	issuer.Meet(&oidctest.Person{Claims: map[string]any{"sub": "u-1", "aud": "coffer-cli", "email": "ada@example.com"}, Says: []string{"authorization_pending"}})
	c.variables = append(c.variables,
		"ISSUER="+issuer.URL, "HOST="+issuer.Host(),
		"PATH="+filepath.Dir(program(t, coffer))+string(filepath.ListSeparator)+os.Getenv("PATH"))
	// What a person's shell has: no keys, and files of one's own.
	const person = `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL AWS_REGION AWS_DEFAULT_REGION
export HOME=$DIR XDG_CACHE_HOME=$DIR/cache AWS_CONFIG_FILE=$DIR/aws/config AWS_SHARED_CREDENTIALS_FILE=$DIR/aws/credentials AWS_PROFILE=coffer
`
	const session = `$DIR/cache/coffer/sessions/coffer.json`
	const who = "arn:aws:sts::000000000000:assumed-role/developer/ada@example.com"
	c.run(t, []step{
		{command: `aws iam create-open-id-connect-provider --url $ISSUER --client-id-list coffer-cli --query OpenIDConnectProviderArn --output text`, save: "PROVIDER"},
		{command: `cat > $DIR/trust.json <<END
{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"$PROVIDER"},"Action":"sts:AssumeRoleWithWebIdentity",
"Condition":{"StringEquals":{"$HOST:sub":"u-1"}}}}
END`},
		{command: `aws iam create-role --role-name developer --assume-role-policy-document file://$DIR/trust.json --query Role.Arn --output text`, save: "ROLE"},
		{command: `aws iam put-role-policy --role-name developer --policy-name read --policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}}'`},
		{command: `aws secretsmanager create-secret --name app --secret-string hunter2`},
		{command: `SERVER=$AWS_ENDPOINT_URL; ` + person + `coffer login --endpoint $SERVER --issuer $ISSUER --client-id coffer-cli --role $ROLE`, want: who},
		{command: person + `aws sts get-caller-identity --query Arn --output text`, want: who},
		{command: person + `aws secretsmanager get-secret-value --secret-id app --query SecretString --output text`, want: "hunter2"},
		{command: person + `aws secretsmanager list-secrets`, fails: "AccessDeniedException"},
		{command: `cp ` + session + ` $DIR/before; sed -i 's/"Expiration":"[^"]*"/"Expiration":"2026-01-01T00:00:00Z"/' ` + session},
		{command: person + `aws sts get-caller-identity --query Arn --output text; ! cmp -s $DIR/before ` + session, want: who},
		{command: person + `coffer logout; ! grep -q . $DIR/aws/config && test ! -e ` + session},
		{command: person + `! aws sts get-caller-identity`},
	})
	p.stop(t)
}
