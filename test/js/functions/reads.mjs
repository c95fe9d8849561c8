// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Functions that read prod/db, one a handler, each in one of the ways that functions in
// Node.js do. They answer with the value, which no function of yours should, and with how the
// extension came by it.

import middy from "@middy/core";
import middySecretsManager from "@middy/secrets-manager";
import middySSM from "@middy/ssm";
import { BaseProvider } from "@aws-lambda-powertools/parameters/base";
import { getSecret } from "@aws-lambda-powertools/parameters/secrets";
import { getParameter } from "@aws-lambda-powertools/parameters/ssm";

const port = process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT;
const headers = { "X-Aws-Parameters-Secrets-Token": process.env.AWS_SESSION_TOKEN };

// ask asks the extension.
const ask = async (path) => {
  const answer = await fetch(`http://localhost:${port}${path}`, { headers });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.headers.get("X-Error-Code")}`);
  return { cache: answer.headers.get("X-Cache"), body: await answer.json() };
};

const secretPath = (name) => `/secretsmanager/get?secretId=${encodeURIComponent(name)}`;
const parameterPath = (name) => `/systemsmanager/parameters/get?name=${encodeURIComponent(name)}&withDecryption=true`;

// plain uses fetch, and nothing else.
export const plain = async () => {
  const { cache, body } = await ask(secretPath("prod/db"));
  const parameter = await ask(parameterPath("/prod/key"));
  return { value: body.SecretString, parameter: parameter.body.Parameter.Value, cache };
};

// The client of a middleware of middy's, which asks the extension in place of the service.
class ThroughExtension {
  async send(command) {
    const { SecretId, Names } = command.input;
    if (SecretId) return (await ask(secretPath(SecretId))).body;
    return { Parameters: await Promise.all(Names.map(async (name) => (await ask(parameterPath(name))).body.Parameter)) };
  }
}

// withMiddy has the values in its context. middy keeps nothing: the extension does.
const withMiddy = (AwsClient) => {
  const options = { setToContext: true, disablePrefetch: true, cacheExpiry: 0, ...(AwsClient && { AwsClient }) };
  return middy(async (event, context) => ({ value: context.db, parameter: context.key }))
    .use(middySecretsManager({ ...options, fetchData: { db: "prod/db" } }))
    .use(middySSM({ ...options, fetchData: { key: "/prod/key" } }));
};

export const middyThroughExtension = withMiddy(ThroughExtension);
export const middyThroughServer = withMiddy();

// A provider of Powertools', which asks the extension. Powertools keeps nothing for long.
class ExtensionProvider extends BaseProvider {
  async _get(name) {
    return (await ask(secretPath(name))).body.SecretString;
  }
}
const extension = new ExtensionProvider({});

export const powertoolsThroughExtension = async () => ({ value: await extension.get("prod/db", { maxAge: 1 }) });

export const powertoolsThroughServer = async () => ({
  value: await getSecret("prod/db", { maxAge: 1 }),
  parameter: await getParameter("/prod/key", { maxAge: 1, decrypt: true }),
});
