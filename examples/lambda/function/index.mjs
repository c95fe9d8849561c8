// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// A function that gets a database's credentials from the extension beside it, for each
// event: the extension keeps them.

const extension = `http://localhost:${process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT ?? 2773}`;

async function secret(id) {
  const answer = await fetch(`${extension}/secretsmanager/get?secretId=${encodeURIComponent(id)}`, {
    headers: { "X-Aws-Parameters-Secrets-Token": process.env.AWS_SESSION_TOKEN },
  });
  if (!answer.ok) {
    throw new Error(`the extension answered ${answer.status}: ${answer.headers.get("X-Error-Code") ?? (await answer.text())}`);
  }
  return JSON.parse((await answer.json()).SecretString);
}

export async function handler() {
  const { username } = await secret(process.env.SECRET);
  return { user: username }; // here it would connect
}
