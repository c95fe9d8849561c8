// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Tells which calls a library makes: it stands between the library and the server that
// the environment names, and passes everything on. Import it before what makes clients.

import http from "node:http";
import { after } from "node:test";

const made = [];
const server = new URL(process.env.AWS_ENDPOINT_URL);

const proxy = http.createServer((request, response) => {
  made.push(String(request.headers["x-amz-target"]).split(".").pop());
  // The headers stay as they are, the signed Host among them.
  const options = { host: server.hostname, port: server.port, method: request.method, path: request.url, headers: request.headers };
  const onward = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});
await new Promise((ready) => proxy.listen(0, "127.0.0.1", ready));
process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${proxy.address().port}`;

// The timers by which a library refreshes what it keeps do not keep the process.
const { setTimeout } = globalThis;
globalThis.setTimeout = (...timer) => setTimeout(...timer).unref();

after(() => {
  proxy.close();
  proxy.closeAllConnections();
});

// callsOf returns the names of the operations that are called until what fn returns is there.
export async function callsOf(fn) {
  made.length = 0;
  await fn();
  return [...made];
}

// later runs fn with a clock that is ahead by so many milliseconds.
export async function later(milliseconds, fn) {
  const now = Date.now;
  Date.now = () => now() + milliseconds;
  try {
    return await fn();
  } finally {
    Date.now = now;
  }
}
