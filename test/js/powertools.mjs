// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Cases for the parameters of Powertools for AWS Lambda, run by the Go tests beside this
// directory. Each case uses names of its own.

import { callsOf, later } from "./calls.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { SecretsManager } from "@aws-sdk/client-secrets-manager";
import { SSM } from "@aws-sdk/client-ssm";
import { clearCaches } from "@aws-lambda-powertools/parameters";
import { GetParameterError } from "@aws-lambda-powertools/parameters/errors";
import { getSecret, SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { getParameter, getParameters, getParametersByName, setParameter, SSMProvider } from "@aws-lambda-powertools/parameters/ssm";

const secrets = new SecretsManager();
const parameters = new SSM();
after(() => {
  secrets.destroy();
  parameters.destroy();
});

const second = 1_000;

// change puts a value, whether the parameter is there or not.
const change = (Name, Value, Type = "SecureString") => parameters.putParameter({ Name, Value, Type, Overwrite: true });

// reads wants a read to give the value, after those calls.
async function reads(read, calls, want) {
  let got;
  assert.deepEqual(await callsOf(async () => (got = await read())), calls);
  assert.deepEqual(got, want);
}

describe("secrets", () => {
  it("are read, kept, and read again when their time is over or when forced", async () => {
    await secrets.createSecret({ Name: "powertools/kept", SecretString: "1" });
    await reads(() => getSecret("powertools/kept"), ["GetSecretValue"], "1");
    await secrets.putSecretValue({ SecretId: "powertools/kept", SecretString: "2" });
    await reads(() => getSecret("powertools/kept"), [], "1");
    await reads(() => later(6 * second, () => getSecret("powertools/kept")), ["GetSecretValue"], "2");
    await secrets.putSecretValue({ SecretId: "powertools/kept", SecretString: "3" });
    await reads(() => getSecret("powertools/kept", { forceFetch: true }), ["GetSecretValue"], "3");
    clearCaches();
    await reads(() => getSecret("powertools/kept"), ["GetSecretValue"], "3");
  });

  it("are transformed, and read by stage", async () => {
    await secrets.createSecret({ Name: "powertools/json", SecretString: '{"user":"app"}' });
    assert.deepEqual(await getSecret("powertools/json", { transform: "json" }), { user: "app" });
    await secrets.putSecretValue({ SecretId: "powertools/json", SecretBinary: Buffer.from("YXBw") });
    const bytes = await getSecret("powertools/json", { forceFetch: true });
    assert.equal(Buffer.from(bytes).toString(), "YXBw");
    assert.equal(await getSecret("powertools/json", { transform: "binary", forceFetch: true }), "app");
    const sdkOptions = { VersionStage: "AWSPREVIOUS" };
    assert.equal(await getSecret("powertools/json", { sdkOptions, forceFetch: true }), '{"user":"app"}');
  });

  it("have a provider with a client of its own", async () => {
    await secrets.createSecret({ Name: "powertools/provider", SecretString: "1" });
    const provider = new SecretsProvider({ awsSdkV3Client: secrets });
    assert.equal(await provider.get("powertools/provider", { maxAge: 60 }), "1");
    await secrets.putSecretValue({ SecretId: "powertools/provider", SecretString: "2" });
    assert.equal(await later(59 * second, () => provider.get("powertools/provider")), "1");
    assert.equal(await later(61 * second, () => provider.get("powertools/provider")), "2");
  });

  it("that are not there are an error", async () => {
    await assert.rejects(getSecret("powertools/none"), (err) => {
      assert.ok(err instanceof GetParameterError);
      assert.match(err.message, /Secrets Manager can't find the specified secret/);
      return true;
    });
  });
});

describe("parameters", () => {
  it("are read, kept, and read again when their time is over or when forced", async () => {
    await change("/powertools/kept", "1");
    const read = (options) => getParameter("/powertools/kept", { decrypt: true, ...options });
    await reads(read, ["GetParameter"], "1");
    await change("/powertools/kept", "2");
    await reads(read, [], "1");
    await reads(() => later(6 * second, read), ["GetParameter"], "2");
    await change("/powertools/kept", "3");
    await reads(() => read({ forceFetch: true }), ["GetParameter"], "3");
  });

  it("are set", async () => {
    assert.equal(await setParameter("/powertools/set", { value: "1" }), 1);
    assert.equal(await setParameter("/powertools/set", { value: "2", overwrite: true }), 2);
    assert.equal(await getParameter("/powertools/set"), "2");
    await assert.rejects(setParameter("/powertools/set", { value: "3" }), (err) => err.cause.name === "ParameterAlreadyExists");
  });

  it("are read by path, in pages", async () => {
    for (let n = 0; n < 12; n++) await change(`/powertools/path/${n}`, String(n));
    await change("/powertools/path/deep/er", '{"a":1}');
    const all = await getParameters("/powertools/path", { recursive: true, decrypt: true });
    assert.equal(Object.keys(all).length, 13);
    assert.equal(all["11"], "11");
    await reads(() => getParameters("/powertools/path/deep", { decrypt: true, transform: "json" }), ["GetParametersByPath"], {
      er: { a: 1 },
    });
    await reads(() => getParameters("/powertools/path/deep", { decrypt: true, transform: "json" }), [], { er: { a: 1 } });
  });

  it("are read by name, each in its own way", async () => {
    await change("/powertools/name/a", "1", "String");
    await change("/powertools/name/b", "2");
    await change("/powertools/name/c", '{"d":3}', "String");
    const mixed = { "/powertools/name/a": {}, "/powertools/name/b": { decrypt: true }, "/powertools/name/c": { transform: "json" } };
    let got;
    // One that is to be decrypted is asked for by itself, the others in one call.
    const calls = await callsOf(async () => (got = await getParametersByName(mixed)));
    assert.deepEqual(calls.sort(), ["GetParameter", "GetParameters"]);
    assert.deepEqual(got, { "/powertools/name/a": "1", "/powertools/name/b": "2", "/powertools/name/c": { d: 3 } });
    const read = () => getParametersByName({ "/powertools/name/a": {}, "/powertools/name/b": {} }, { decrypt: true, maxAge: 60 });
    const want = { "/powertools/name/a": "1", "/powertools/name/b": "2" };
    clearCaches();
    await reads(read, ["GetParameters"], want);
    await change("/powertools/name/b", "3");
    await reads(read, [], want);
    await reads(() => later(61 * second, read), ["GetParameters"], { ...want, "/powertools/name/b": "3" });
    const some = await getParametersByName({ "/powertools/name/a": {}, "/powertools/name/none": {} }, { throwOnError: false });
    assert.deepEqual(some._errors, ["/powertools/name/none"]);
  });

  it("have a provider with a client of its own", async () => {
    await change("/powertools/binary", Buffer.from("text").toString("base64"), "String");
    const provider = new SSMProvider({ awsSdkV3Client: parameters });
    assert.equal(await provider.get("/powertools/binary", { transform: "binary" }), "text");
    assert.deepEqual(await provider.getMultiple("/powertools/name"), {
      a: "1",
      b: (await parameters.getParameter({ Name: "/powertools/name/b" })).Parameter.Value, // not decrypted
      c: '{"d":3}',
    });
    await assert.rejects(provider.get("/powertools/none"), /ParameterNotFound|not found/);
  });
});
