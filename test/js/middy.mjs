// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Cases for middy's middlewares, run by the Go tests beside this directory. Each case uses
// names of its own.

import { callsOf, later } from "./calls.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { SecretsManager } from "@aws-sdk/client-secrets-manager";
import { SSM } from "@aws-sdk/client-ssm";
import middy from "@middy/core";
import secretsManager from "@middy/secrets-manager";
import ssm from "@middy/ssm";
import { clearCache, getInternal } from "@middy/util";

const secrets = new SecretsManager();
const parameters = new SSM();
after(() => {
  clearCache(); // which ends its timers
  secrets.destroy();
  parameters.destroy();
});

const minute = 60_000;

// handler returns a function that answers with what the middleware put into the context.
const handler = (middleware, ...names) =>
  middy(async (event, context) => Object.fromEntries(names.map((name) => [name, context[name]]))).use(middleware);

const context = () => ({ getRemainingTimeInMillis: () => minute });

// change puts a value, whether the parameter is there or not.
const change = (Name, Value, Type = "SecureString") => parameters.putParameter({ Name, Value, Type, Overwrite: true });

describe("@middy/secrets-manager", () => {
  it("reads once, keeps, and reads again when told to", async () => {
    await secrets.createSecret({ Name: "middy/kept", SecretString: '{"user":"app","password":"1"}' });
    const call = handler(
      secretsManager({ fetchData: { db: "middy/kept" }, cacheKey: "kept", setToContext: true, disablePrefetch: true }),
      "db",
    );
    let got;
    const first = await callsOf(async () => (got = await call({}, context())));
    assert.deepEqual([first, got], [["GetSecretValue"], { db: { user: "app", password: "1" } }]);
    await secrets.putSecretValue({ SecretId: "middy/kept", SecretString: '{"user":"app","password":"2"}' });
    const second = await callsOf(async () => (got = await call({}, context())));
    assert.deepEqual([second, got.db.password], [[], "1"]);
    clearCache("kept");
    const third = await callsOf(async () => (got = await call({}, context())));
    assert.deepEqual([third, got.db.password], [["GetSecretValue"], "2"]);
  });

  it("reads again when its time is over", async () => {
    await secrets.createSecret({ Name: "middy/timed", SecretString: "1" });
    const call = handler(
      secretsManager({ fetchData: { db: "middy/timed" }, cacheKey: "timed", cacheExpiry: minute, setToContext: true }),
      "db",
    );
    assert.deepEqual(await call({}, context()), { db: "1" });
    await secrets.putSecretValue({ SecretId: "middy/timed", SecretString: "2" });
    assert.deepEqual(await callsOf(() => call({}, context())), []);
    let got;
    const calls = await callsOf(() => later(minute, async () => (got = await call({}, context()))));
    assert.deepEqual([calls, got], [["GetSecretValue"], { db: "2" }]);
  });

  it("reads each time without a cache", async () => {
    await secrets.createSecret({ Name: "middy/uncached", SecretString: "1" });
    const call = handler(
      secretsManager({ fetchData: { db: "middy/uncached" }, cacheExpiry: 0, setToContext: true }),
      "db",
    );
    assert.deepEqual(await call({}, context()), { db: "1" });
    await secrets.putSecretValue({ SecretId: "middy/uncached", SecretString: "2" });
    assert.deepEqual(await call({}, context()), { db: "2" });
  });

  it("asks for the date of the next rotation", async () => {
    await secrets.createSecret({ Name: "middy/rotation", SecretString: "1" });
    const options = { fetchData: { db: "middy/rotation" }, fetchRotationDate: true, setToContext: true };
    const call = handler(secretsManager({ ...options, cacheKey: "rotation", disablePrefetch: true }), "db");
    let got;
    const calls = await callsOf(async () => (got = await call({}, context())));
    assert.deepEqual([calls, got], [["DescribeSecret", "GetSecretValue"], { db: "1" }]);
  });

  it("fails with the error of the call", async () => {
    const options = { fetchData: { db: "middy/none" }, cacheKey: "none", disablePrefetch: true, setToContext: true };
    await assert.rejects(handler(secretsManager(options), "db")({}, context()), (err) => {
      assert.equal(err.cause.data[0].name, "ResourceNotFoundException");
      return true;
    });
  });
});

describe("@middy/ssm", () => {
  it("reads parameters and a path, keeps them, and reads again when told to", async () => {
    await change("/middy/all/a", "1");
    await change("/middy/all/b", '{"c":2}', "String");
    await change("/middy/list", "x,y", "StringList");
    const call = handler(
      ssm({ fetchData: { list: "/middy/list", all: "/middy/all/" }, cacheKey: "parameters", setToContext: true, disablePrefetch: true }),
      "list",
      "all",
    );
    let got;
    const first = await callsOf(async () => (got = await call({}, context())));
    assert.deepEqual(first.sort(), ["GetParameters", "GetParametersByPath"]);
    assert.deepEqual(got, { list: ["x", "y"], all: { a: "1", b: { c: 2 } } });
    await change("/middy/list", "z", "StringList");
    const second = await callsOf(async () => (got = await call({}, context())));
    assert.deepEqual([second, got.list], [[], ["x", "y"]]);
    clearCache("parameters");
    assert.deepEqual((await call({}, context())).list, ["z"]);
  });

  it("reads again when its time is over", async () => {
    await change("/middy/timed", "1");
    const middleware = ssm({ fetchData: { key: "/middy/timed" }, cacheKey: "ssm timed", cacheExpiry: minute });
    const call = middy(async (event, context, request) => "").use(middleware);
    call.before(async (request) => Object.assign(request.event, await getInternal(["key"], request)));
    const read = async (event = {}) => (await call(event, context()), event.key);
    assert.equal(await read(), "1");
    await change("/middy/timed", "2");
    assert.equal(await read(), "1");
    assert.equal(await later(minute, read), "2");
  });

  it("reads more than ten in several calls", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `/middy/many/${n}`);
    for (const name of names) await change(name, name);
    const fetchData = Object.fromEntries(names.map((name, n) => [`p${n}`, name]));
    const call = handler(ssm({ fetchData, cacheKey: "many", setToContext: true, disablePrefetch: true }), ...Object.keys(fetchData));
    let got;
    const calls = await callsOf(async () => (got = await call({}, context())));
    assert.deepEqual([calls, Object.values(got)], [["GetParameters", "GetParameters"], names]);
  });
});
