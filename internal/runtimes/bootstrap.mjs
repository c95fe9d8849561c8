// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// The runtime of functions in Node.js: it loads the handler that _HANDLER names, and runs
// it for one event after the other of Lambda's Runtime API.

import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const env = process.env;
env.AWS_EXECUTION_ENV = `AWS_Lambda_nodejs${process.versions.node.split(".")[0]}.x`;
const workers = Number(env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1);
const agent = new Agent({ keepAlive: true });

// call calls the Runtime API. A wait for an event has no time limit.
const call = (method, route, body, headers = {}) =>
  new Promise((resolve, reject) => {
    const url = `http://${env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${route}`;
    const outgoing = request(url, { method, agent, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
      answer.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });

// report tells what went wrong, in the log and to Lambda.
const report = async (route, err) => {
  const isError = err instanceof Error;
  const stack = isError ? String(err.stack).split("\n") : [];
  const problem = {
    errorType: isError ? err.name : typeof err,
    errorMessage: isError ? err.message : String(err),
    trace: stack.filter((line) => !line.includes(import.meta.url)), // without this file's own frames
  };
  console.error(isError ? problem.trace.join("\n") : err);
  await call("POST", route, JSON.stringify(problem), { "Lambda-Runtime-Function-Error-Type": problem.errorType });
};

const named = (name, message) => Object.assign(new Error(message), { name });

// load returns the function that a handler such as lib/index.handler names.
const load = async (handler) => {
  const dot = handler.indexOf(".", handler.lastIndexOf("/") + 1);
  if (dot < 0) throw named("Runtime.MalformedHandlerName", `Bad handler ${handler}`);
  const module = path.resolve(env.LAMBDA_TASK_ROOT, handler.slice(0, dot));
  const file = [".js", ".mjs", ".cjs"].map((suffix) => module + suffix).find(existsSync);
  if (!file) throw named("Runtime.ImportModuleError", `Error: Cannot find module '${handler.slice(0, dot)}'`);
  let loaded;
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (err) {
    const kinds = { SyntaxError: "Runtime.UserCodeSyntaxError", ERR_MODULE_NOT_FOUND: "Runtime.ImportModuleError", MODULE_NOT_FOUND: "Runtime.ImportModuleError" };
    const kind = kinds[err?.code] ?? kinds[err?.name];
    throw kind ? Object.assign(named(kind, String(err)), { stack: err.stack }) : err;
  }
  const pick = (from) => handler.slice(dot + 1).split(".").reduce((o, name) => o?.[name], from);
  const found = pick(loaded) ?? pick(loaded.default);
  if (typeof found !== "function") throw named("Runtime.HandlerNotFound", `${handler} is undefined or not exported`);
  return found;
};

// whenIdle is what is left to be done when nothing else is.
let whenIdle;
process.on("beforeExit", () => whenIdle?.());

// run calls the handler, which answers by a promise or by its callback; the latter waits
// until nothing is left to be done, unless the context says otherwise.
const run = (handler, event, context) =>
  new Promise((resolve, reject) => {
    const end = (err, result) => (err ? reject(err) : resolve(result));
    const callback = (err, result) => {
      const waits = context.callbackWaitsForEmptyEventLoop && workers === 1;
      if (waits) whenIdle = () => end(err, result);
      else end(err, result);
    };
    Object.assign(context, { done: end, succeed: (result) => end(null, result), fail: (err) => end(err ?? "handled") });
    const result = handler(event, context, callback);
    if (typeof result?.then === "function") result.then(resolve, reject);
    else whenIdle ??= () => resolve(null); // it never called back
  });

const contextOf = (headers) => ({
  callbackWaitsForEmptyEventLoop: true,
  functionName: env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
  memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
  invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
  awsRequestId: headers["lambda-runtime-aws-request-id"],
  getRemainingTimeInMillis: () => Number(headers["lambda-runtime-deadline-ms"]) - Date.now(),
});

let current; // the invocation under way, for what nobody catches
const die = async (err) => {
  await report(current ? `invocation/${current}/error` : "init/error", err).catch(() => {});
  process.exit(129);
};
process.on("uncaughtException", die);

// work serves events. Lambda ends it.
const work = async (handler) => {
  for (;;) {
    const { status, headers, body } = await call("GET", "invocation/next");
    if (status !== 200) process.exit(1);
    const context = contextOf(headers);
    current = context.awsRequestId;
    env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    const base = `invocation/${context.awsRequestId}/`;
    try {
      const result = await run(handler, JSON.parse(body), context);
      await call("POST", base + "response", JSON.stringify(result === undefined ? null : result));
    } catch (err) {
      await report(base + "error", err);
    }
    whenIdle = undefined;
  }
};

const handler = await load(env._HANDLER).catch(die);
if (env.AWS_LAMBDA_INITIALIZATION_TYPE === "snap-start") await call("GET", "restore/next");
await Promise.all(Array.from({ length: workers }, () => work(handler)));
