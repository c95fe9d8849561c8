// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Cases for the AWS SDK for JavaScript v3, run by the Go tests beside this directory.
// The environment holds what coffer dev prints. Each case uses names of its own.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, describe, it } from "node:test";

import { KMS, InvalidCiphertextException, NotFoundException, paginateListAliases } from "@aws-sdk/client-kms";
import { SecretsManager, ResourceExistsException, ResourceNotFoundException, paginateListSecrets } from "@aws-sdk/client-secrets-manager";
import { SSM, ParameterAlreadyExists, ParameterNotFound, paginateGetParametersByPath } from "@aws-sdk/client-ssm";
import { STS } from "@aws-sdk/client-sts";

const clients = [];

// client returns a client of the class that is destroyed when the cases are over.
function client(Class, options = {}) {
  const made = new Class({ maxAttempts: 2, ...options });
  clients.push(made);
  return made;
}
after(() => clients.forEach((c) => c.destroy()));

const text = (bytes) => Buffer.from(bytes).toString();

describe("Secrets Manager", () => {
  const sm = client(SecretsManager);

  it("keeps text and bytes", async () => {
    const made = await sm.createSecret({ Name: "Username", SecretString: "MyUsername" });
    const got = await sm.getSecretValue({ SecretId: "Username" });
    assert.equal(got.SecretString, "MyUsername");
    assert.equal(got.ARN, made.ARN);
    assert.deepEqual(got.VersionStages, ["AWSCURRENT"]);
    assert.ok(got.CreatedDate instanceof Date && got.CreatedDate.getFullYear() > 2000);
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    await sm.putSecretValue({ SecretId: "Username", SecretBinary: bytes });
    assert.deepEqual((await sm.getSecretValue({ SecretId: "Username" })).SecretBinary, bytes);
    const previous = await sm.getSecretValue({ SecretId: made.ARN, VersionStage: "AWSPREVIOUS" });
    assert.equal(previous.SecretString, "MyUsername");
  });

  it("keeps text beyond ASCII", async () => {
    const value = 'p\u00e4ss "w\u00f6rd" \u{1f512} <&> \\ \n\t\u2028';
    await sm.createSecret({ Name: "unicode", SecretString: value });
    assert.equal((await sm.getSecretValue({ SecretId: "unicode" })).SecretString, value);
  });

  it("serves the life of a secret", async () => {
    const SecretId = "life";
    const first = await sm.createSecret({ Name: SecretId, SecretString: "1", Tags: [{ Key: "a", Value: "1" }] });
    await sm.tagResource({ SecretId, Tags: [{ Key: "b", Value: "2" }] });
    await sm.untagResource({ SecretId, TagKeys: ["a"] });
    const second = await sm.updateSecret({ SecretId, Description: "described", SecretString: "2" });
    const described = await sm.describeSecret({ SecretId });
    assert.equal(described.Description, "described");
    assert.deepEqual(described.Tags, [{ Key: "b", Value: "2" }]);
    const versions = await sm.listSecretVersionIds({ SecretId });
    assert.equal(versions.Versions.length, 2);
    await sm.updateSecretVersionStage({
      SecretId,
      VersionStage: "AWSCURRENT",
      MoveToVersionId: first.VersionId,
      RemoveFromVersionId: second.VersionId,
    });
    assert.equal((await sm.getSecretValue({ SecretId })).SecretString, "1");
    await sm.deleteSecret({ SecretId, RecoveryWindowInDays: 7 });
    await assert.rejects(sm.getSecretValue({ SecretId }), { name: "InvalidRequestException" });
    await sm.restoreSecret({ SecretId });
    await sm.deleteSecret({ SecretId, ForceDeleteWithoutRecovery: true });
    await assert.rejects(sm.describeSecret({ SecretId }), ResourceNotFoundException);
  });

  it("lists in pages", async () => {
    const names = Array.from({ length: 7 }, (_, n) => `pages/${n}`);
    for (const Name of names) await sm.createSecret({ Name, SecretString: Name });
    const sizes = [];
    const found = [];
    const Filters = [{ Key: "name", Values: ["pages/"] }];
    for await (const page of paginateListSecrets({ client: sm, pageSize: 3 }, { Filters })) {
      sizes.push(page.SecretList.length);
      found.push(...page.SecretList.map((s) => s.Name));
    }
    assert.deepEqual(sizes, [3, 3, 1]);
    assert.deepEqual(found.sort(), names);
  });

  it("does a repeated call once", async () => {
    const call = { Name: "again", SecretString: "1", ClientRequestToken: randomUUID() };
    const [first, second] = [await sm.createSecret(call), await sm.createSecret(call)];
    assert.deepEqual([second.ARN, second.VersionId], [first.ARN, first.VersionId]);
    await assert.rejects(sm.createSecret({ ...call, SecretString: "2" }), ResourceExistsException);
  });

  it("answers errors that the SDK knows", async () => {
    await assert.rejects(sm.getSecretValue({ SecretId: "none" }), (err) => {
      assert.ok(err instanceof ResourceNotFoundException);
      assert.equal(err.message, "Secrets Manager can't find the specified secret.");
      assert.equal(err.$metadata.httpStatusCode, 400);
      assert.ok(err.$metadata.requestId);
      return true;
    });
  });

  it("makes random passwords", async () => {
    const { RandomPassword } = await sm.getRandomPassword({ PasswordLength: 33, ExcludePunctuation: true });
    assert.match(RandomPassword, /^[A-Za-z0-9]{33}$/);
  });
});

describe("Parameter Store", () => {
  const ssm = client(SSM);

  it("keeps secure strings", async () => {
    const put = await ssm.putParameter({ Name: "/my/secret", Value: "Hello, world!", Type: "SecureString" });
    assert.equal(put.Version, 1);
    const got = await ssm.getParameter({ Name: "/my/secret", WithDecryption: true });
    assert.equal(got.Parameter.Value, "Hello, world!");
    const sealed = await ssm.getParameter({ Name: "/my/secret" });
    assert.ok(!sealed.Parameter.Value.includes("Hello"));
  });

  it("lists a path in pages", async () => {
    const names = Array.from({ length: 13 }, (_, n) => `/pages/${String(n).padStart(2, "0")}`);
    for (const Name of names) await ssm.putParameter({ Name, Value: Name, Type: "String" });
    const found = [];
    for await (const page of paginateGetParametersByPath({ client: ssm, pageSize: 5 }, { Path: "/pages" })) {
      found.push(...page.Parameters.map((p) => p.Name));
    }
    assert.deepEqual(found.sort(), names);
    const few = await ssm.getParameters({ Names: [names[0], "/none"] });
    assert.deepEqual([few.Parameters.length, few.InvalidParameters], [1, ["/none"]]);
    const described = await ssm.describeParameters({ ParameterFilters: [{ Key: "Name", Values: [names[3]] }] });
    assert.equal(described.Parameters[0].Name, names[3]);
    await ssm.deleteParameter({ Name: names[0] });
    const deleted = await ssm.deleteParameters({ Names: names.slice(0, 3) });
    assert.deepEqual(deleted.InvalidParameters, [names[0]]);
  });

  it("keeps a history", async () => {
    for (const Value of ["0", "1", "2"]) {
      await ssm.putParameter({ Name: "/history", Value, Type: "String", Overwrite: Value !== "0" });
    }
    const { Parameters } = await ssm.getParameterHistory({ Name: "/history" });
    assert.deepEqual(Parameters.map((p) => p.Value), ["0", "1", "2"]);
  });

  it("answers errors that the SDK knows", async () => {
    await assert.rejects(ssm.getParameter({ Name: "/none" }), ParameterNotFound);
    await ssm.putParameter({ Name: "/once", Value: "1", Type: "String" });
    await assert.rejects(ssm.putParameter({ Name: "/once", Value: "2", Type: "String" }), ParameterAlreadyExists);
  });
});

describe("KMS", () => {
  const kms = client(KMS);

  it("encrypts and decrypts", async () => {
    const { KeyMetadata: key } = await kms.createKey({ Description: "javascript" });
    assert.equal((await kms.describeKey({ KeyId: key.KeyId })).KeyMetadata.KeyState, "Enabled");
    const { CiphertextBlob } = await kms.encrypt({
      KeyId: key.KeyId,
      Plaintext: Buffer.from("Top Secret"),
      EncryptionContext: { a: "1" },
    });
    const opened = await kms.decrypt({ CiphertextBlob, EncryptionContext: { a: "1" } });
    assert.deepEqual([text(opened.Plaintext), opened.KeyId], ["Top Secret", key.Arn]);
    await assert.rejects(kms.decrypt({ CiphertextBlob, EncryptionContext: { a: "2" } }), InvalidCiphertextException);
  });

  it("makes data keys", async () => {
    const { KeyMetadata: key } = await kms.createKey({});
    const made = await kms.generateDataKey({ KeyId: key.Arn, KeySpec: "AES_256" });
    assert.equal(made.Plaintext.length, 32);
    const opened = await kms.decrypt({ CiphertextBlob: made.CiphertextBlob });
    assert.deepEqual(opened.Plaintext, made.Plaintext);
    const hidden = await kms.generateDataKeyWithoutPlaintext({ KeyId: key.Arn, KeySpec: "AES_128" });
    assert.equal((await kms.decrypt({ CiphertextBlob: hidden.CiphertextBlob })).Plaintext.length, 16);
  });

  it("lists aliases in pages", async () => {
    const { KeyMetadata: key } = await kms.createKey({});
    const names = ["alias/pages/0", "alias/pages/1", "alias/pages/2"];
    for (const AliasName of names) await kms.createAlias({ AliasName, TargetKeyId: key.KeyId });
    const found = [];
    for await (const page of paginateListAliases({ client: kms, pageSize: 2 }, { KeyId: key.KeyId })) {
      found.push(...page.Aliases.map((a) => a.AliasName));
    }
    assert.deepEqual(found, names);
    await kms.deleteAlias({ AliasName: names[0] });
    await assert.rejects(kms.describeKey({ KeyId: names[0] }), NotFoundException);
    assert.ok((await kms.listKeys({})).Keys.some((k) => k.KeyId === key.KeyId));
  });
});

describe("Who is answered", () => {
  it("knows the caller", async () => {
    const got = await client(STS).getCallerIdentity({});
    assert.equal(got.Arn, `arn:aws:iam::${got.Account}:root`);
  });

  it("refuses a wrong secret key", async () => {
    const credentials = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" };
    const name = "InvalidSignatureException";
    await assert.rejects(client(SecretsManager, { credentials }).listSecrets({}), { name });
    await assert.rejects(client(SSM, { credentials }).describeParameters({}), { name });
    await assert.rejects(client(KMS, { credentials }).listKeys({}), { name });
    await assert.rejects(client(STS, { credentials }).getCallerIdentity({}), { name: "SignatureDoesNotMatch" });
  });

  it("refuses an unknown access key", async () => {
    const credentials = { accessKeyId: "AKIAUNKNOWNUNKNOWN00", secretAccessKey: "wrong" };
    await assert.rejects(client(KMS, { credentials }).listKeys({}), { name: "UnrecognizedClientException" });
    await assert.rejects(client(STS, { credentials }).getCallerIdentity({}), { name: "InvalidClientTokenId" });
  });
});
